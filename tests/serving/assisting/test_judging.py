"""Before an agent writes first the hours are told; an answer at night goes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from finmodel.errors import BadInput
from finmodel.records import Person
from finmodel.settings import Settings
from serving.assisting.asked import Bring, CheckRequest, Feedback, SuggestRequest
from serving.assisting.conversing import bring
from serving.assisting.desk import open_assist_desk
from serving.assisting.judging import check, judge
from serving.assisting.suggesting import whole
from serving.telemetry import Telemetry
from tests.serving.assist_world import brought

LI = Person("li", frozenset({"agent"}))
NIGHT = datetime(2026, 6, 3, 15, tzinfo=UTC)  # 23:00 in China


def sent(who, hours):
    at = (NIGHT - timedelta(hours=hours)).isoformat()
    return {"id": f"{who}{hours}", "who": who, "at": at, "text": "您好", "identity": "verified"}


def test_an_agent_is_told_when_not_to_write_first(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=NIGHT.isoformat())
    with open_assist_desk(here, Telemetry()) as desk:

        def rules(name, *messages, **more):
            given = brought(*messages, **{"scenario": "collection"} | more)
            bring(name, msgspec.convert(given, Bring), LI, desk)
            asked = CheckRequest(text="请您尽快处理。", conversation=name)
            return {one.rule: one.until for one in check(asked, LI, desk).hits}

        assert rules("asks", sent("customer", 9), customer="u1") == {}
        first = rules("silent", sent("agent", 9), sent("agent", 7), customer="u2")
        assert first == {"contact_hours": NIGHT + timedelta(hours=9)}
        second = rules("again", sent("agent", 5), customer="u2")
        assert set(second) == {"contact_hours", "contact_frequency"}
        assert rules("other", sent("agent", 9), customer="u3") == first
        assert rules("service", sent("agent", 9), scenario="repayment", customer="u2") == {}


def test_words_for_one_customer_go_to_no_other_and_unseen_nothing_is_judged(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=NIGHT.isoformat())
    with open_assist_desk(here, Telemetry()) as desk:
        for name in ("one", "two"):
            asked = sent("customer", 9) | {"id": f"of {name}", "text": "怎么还款？"}
            bring(name, msgspec.convert(brought(asked, customer=name), Bring), LI, desk)
        offered = whole(SuggestRequest(conversation="one"), LI, desk)
        assert offered.suggestions
        given = Feedback(shown=offered.shown, conversation="two", place=1, text="您好")
        with pytest.raises(BadInput, match="shown in another conversation"):
            judge(given, LI, desk)
        for _ in range(2):  # told twice it is one message
            judge(Feedback(shown=offered.shown, unseen=True, text="您好"), LI, desk)
        assert list(desk.suggestions.verdicts()) == []
        assert [len(desk.conversations.read(name).messages) for name in ("one", "two")] == [2, 1]
