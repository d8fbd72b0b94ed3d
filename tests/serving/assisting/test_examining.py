"""Whatever an agent says is read by the guards as it is kept, however it came, once."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from finmodel.finding_book import Sought
from finmodel.records import Person
from finmodel.settings import Settings
from serving.assisting.asked import Bring, Feedback, SuggestRequest
from serving.assisting.conversing import bring
from serving.assisting.desk import open_assist_desk
from serving.assisting.judging import judge
from serving.assisting.suggesting import whole
from serving.telemetry import Telemetry
from tests.serving.assist_world import NOW, brought, message

LI = Person("li", frozenset({"agent"}))
VENDOR = Person("vendor", frozenset({"engineer"}))
PROMISED = "您放心，保证通过审批。"


@pytest.fixture
def desk(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=NOW.isoformat())
    with open_assist_desk(here, Telemetry()) as made:
        yield made


def come(desk, name, *messages, **more):
    given = brought(*messages, **{"agent": "li", "customer": name} | more)
    return bring(name, msgspec.convert(given, Bring), VENDOR, desk)


def found(desk, name=""):
    every = desk.findings.find(Sought(), 100)
    return [(one.rule, one.message, one.origin) for one in every if name in ("", one.conversation)]


def test_what_is_sent_is_kept_with_what_was_found_and_how_it_was_written(desk):
    for name in ("typed", "edited", "suggested"):
        come(desk, name, message(1, "怎么还款？"))
    shown = {
        name: whole(SuggestRequest(conversation=name), LI, desk)
        for name in ("typed", "edited", "suggested")
    }
    offered = shown["edited"].suggestions[0].text
    texts = {"typed": (0, PROMISED), "edited": (1, offered + PROMISED), "suggested": (1, offered)}
    for name, (place, text) in texts.items():
        given = Feedback(shown=shown[name].shown, place=place, text=text)
        for _ in range(2):  # told twice it is found once
            judge(given, LI, desk)
    assert found(desk) == [
        ("promise", f"sent {shown[name].shown}", name) for name in ("edited", "typed")
    ]
    assert desk.findings.share(NOW - timedelta(days=1), NOW + timedelta(days=1)) == (3, 2)
    (one,) = [one for one in desk.findings.find(Sought(), 9) if one.origin == "edited"]
    said = desk.conversations.read("edited").messages[-1].text
    assert said[one.start : one.end].startswith("保证通过")


def test_what_is_brought_is_read_behind_what_was_said_before_it_and_once(desk):
    said = [
        message(1, "能批下来吗"),
        message(2, "您这笔贷款保证", "agent"),
        message(3, "能通过的，请您稍等。", "agent"),
        message(4, "请您按时还款。", "agent"),
    ]
    come(desk, "c1", *said)
    assert found(desk) == [("promise", "m3", "brought")]
    come(desk, "c1", *said, message(5, PROMISED, "agent"))
    assert found(desk) == [("promise", "m3", "brought"), ("promise", "m5", "brought")]
    come(desk, "c2", message(1, PROMISED))  # the customer's own words are no finding
    assert found(desk, "c2") == []


@pytest.mark.parametrize(
    ("number", "more", "rules"),
    [
        (1, {}, []),
        (1, {"identity": "none"}, ["unverified", "number"]),
        (1, {"text": "您本期应还8,052.61元。"}, ["number"]),
        (-86_400, {"text": "您本期应还8,052.61元。"}, []),  # of that day no facts are known
        (1, {"text": "您本期应还8,052.61元。", "facts": {}}, []),
    ],
)
def test_figures_are_held_against_facts_of_their_day(desk, number, more, rules):
    facts = {"facts": more["facts"]} if "facts" in more else {}
    text, identity = more.get("text", "您本期应还8,052.60元。"), more.get("identity", "verified")
    come(desk, "c1", message(number, text, "agent", identity), **facts)
    assert [rule for rule, _, _ in found(desk)] == rules


def test_writing_first_at_night_is_found_in_what_is_brought(desk):
    night = message(1, "请您尽快处理。", "agent")
    night["at"] = (NOW - timedelta(hours=11)).isoformat()  # 23:00 in China
    come(desk, "c1", night, scenario="collection")
    assert found(desk) == [("contact_hours", "m1", "brought")]
