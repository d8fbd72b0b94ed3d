"""Hints come from systems alone, stay while messages come, and are seen by the roles that may."""

from dataclasses import replace

import msgspec
import pytest

from finmodel.errors import Refused
from finmodel.records import Person
from finmodel.settings import Settings
from serving.assisting.asked import Bring
from serving.assisting.conversing import bring, view
from serving.assisting.desk import open_assist_desk
from serving.telemetry import Telemetry
from tests.serving.assist_world import NOW, brought, message

LI = Person("li", frozenset({"agent"}))
VENDOR = Person("vendor", frozenset({"engineer"}))
HINTS = [
    {"kind": kind, "chinese": "提示", "english": "a hint", "source": "d1", "at": NOW.isoformat()}
    for kind in ("risk", "offer")
]


def test_a_system_brings_hints_and_a_role_sees_its_own(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=NOW.isoformat())
    with open_assist_desk(here, Telemetry()) as desk:

        def come(person, number, **more):
            given = brought(message(number, "在吗"), agent="li", **more)
            bring("c1", msgspec.convert(given, Bring), person, desk)

        def kinds(*roles):
            return [one.kind for one in view("c1", Person("li", frozenset(roles)), desk).hints]

        with pytest.raises(Refused, match="li brings no hints"):
            come(LI, 1, hints=HINTS)
        come(VENDOR, 1)
        assert kinds("agent") == []
        come(VENDOR, 2, hints=HINTS)
        come(LI, 3)  # messages alone take none away
        assert kinds("agent") == ["offer"]
        assert sorted(kinds("agent", "underwriter")) == ["offer", "risk"]
        come(VENDOR, 4, hints=[])
        assert kinds("agent", "underwriter") == []


def test_messages_alone_take_nothing_away_of_what_is_known(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=NOW.isoformat())
    with open_assist_desk(here, Telemetry()) as desk:

        def come(number, *without):
            given = brought(message(number, "在吗"))
            given = {key: value for key, value in given.items() if key not in without}
            bring("c1", msgspec.convert(given, Bring), LI, desk)
            return view("c1", LI, desk), desk.conversations.read("c1").consent_to_training

        first, consent = come(1)
        assert (first.account, len(first.facts) > 5, consent) == ("current", True, True)
        later, consent = come(2, "account", "facts", "consent_to_training")
        assert (later.account, later.facts, consent) == (first.account, first.facts, True)
