"""A suggestion is made again by its id, though its conversation and facts went on."""

from dataclasses import replace

import msgspec
import pytest

from finmodel.errors import NotFound
from finmodel.records import Person
from finmodel.settings import Settings
from serving.assisting.again import replayed
from serving.assisting.asked import Bring, SuggestRequest
from serving.assisting.conversing import bring
from serving.assisting.desk import open_assist_desk
from serving.assisting.suggesting import whole
from serving.telemetry import Telemetry
from tests.serving.assist_world import FACTS, NOW, brought, message

LI = Person("li", frozenset({"agent"}))


def test_it_is_the_same_again_by_its_id(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=NOW.isoformat())
    asked = message(1, "我想提前结清，一共要还多少钱")
    with open_assist_desk(here, Telemetry()) as desk:
        bring("c1", msgspec.convert(brought(asked), Bring), LI, desk)
        told = whole(SuggestRequest(conversation="c1", tone="warm"), LI, desk)
        facts = FACTS | {"settlement_total": 1}
        bring("c1", msgspec.convert(brought(message(2, "在吗"), facts=facts), Bring), LI, desk)
    again = replayed(here, told.shown)
    assert (again.differs, again.same_texts) == ((), True)
    assert again.suggestion == told.shown
    with pytest.raises(NotFound, match="nothing of this id"):
        replayed(here, "0" * 32)
