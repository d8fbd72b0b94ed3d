"""Before an agent writes first the hours are told; an answer at night goes."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.records import Person
from finmodel.restriction_book import Restriction, RestrictionBook
from finmodel.settings import Settings
from finmodel.vault import Vault
from marketing.ledger.contacts import DAY_US, Contacts, new_plan, next_plan
from marketing.ledger.file import open_ledger
from marketing.ledger.forgetting import restrict
from serving.assisting.asked import Bring, CheckRequest, Feedback, SuggestRequest
from serving.assisting.conversing import bring, view
from serving.assisting.desk import open_assist_desk
from serving.assisting.judging import check, judge
from serving.assisting.suggesting import whole
from serving.telemetry import Telemetry
from tests.serving.assist_world import brought

LI = Person("li", frozenset({"agent"}))
VENDOR = Person("vendor", frozenset({"engineer"}))
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


def test_an_agent_is_told_what_campaigns_told_before(tmp_path):
    noon = NIGHT - timedelta(hours=10)
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=noon.isoformat())
    with open_assist_desk(here, Telemetry()) as desk:

        def rules(customer):
            long_ago = {"id": "a", "who": "customer", "at": "2026-03-01T02:00:00Z", "text": "您好"}
            said = [long_ago, long_ago | {"id": "b", "who": "agent"}]
            given = brought(*said, customer=customer, scenario="marketing")
            bring(f"of {customer}", msgspec.convert(given, Bring), LI, desk)
            asked = CheckRequest(text="有一笔新的额度。", conversation=f"of {customer}")
            return {one.rule: one.until for one in check(asked, LI, desk).hits}

        assert rules("7") == {}  # no campaign was ever planned in this home
        with closing(open_ledger(here)) as ledger:
            told = micros(noon) - 2 * DAY_US
            given = Contacts(
                customer=np.array([7]),
                opens_us=np.array([told]),
                closes_us=np.array([told + 9 * DAY_US]),
                offer=["points"],
                channel=["app"],
                propensity=np.array([0.9]),
                lane=np.array([2], np.int8),
                cost_minor=np.array([5.0]),
            )
            with new_plan(ledger, next_plan(ledger, "spring")) as writing:
                writing.write("v", (told, "lin"), given, "entry")
            restrict(ledger, [8])
        assert rules("7") == {"contact_frequency": noon.replace(hour=0) + timedelta(days=5)}
        (hint,) = view("of 7", LI, desk).hints
        assert (hint.kind, hint.source) == ("offer", "spring 1")
        assert hint.chinese == "计划手机应用营销 points，06-01 13:00 起"
        assert rules("8") == {"contact_stopped": None}
        assert view("of 8", LI, desk).hints == ()
        assert rules("u9") == {}


@pytest.mark.parametrize("customer", ["77", "u-77"])
def test_who_asked_to_be_erased_is_offered_nothing_though_there_are_no_campaigns(
    tmp_path, customer
):
    noon = NIGHT - timedelta(hours=10)
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=noon.isoformat())
    with open_assist_desk(here, Telemetry()) as desk:
        long_ago = {"id": "a", "who": "customer", "at": "2026-03-01T02:00:00Z", "text": "您好"}
        said = [long_ago, long_ago | {"id": "b", "who": "agent"}]
        hint = {"chinese": "提示", "english": "a hint", "source": "d1", "at": long_ago["at"]}
        hints = [hint | {"kind": kind} for kind in ("offer", "risk")]
        given = brought(*said, customer=customer, scenario="marketing", agent="li", hints=hints)
        bring("c1", msgspec.convert(given, Bring), VENDOR, desk)

        def told():
            hits = check(CheckRequest(text="有一笔新的额度。", conversation="c1"), LI, desk).hits
            seen = view("c1", Person("li", frozenset({"agent", "underwriter"})), desk).hints
            return {one.rule for one in hits}, {one.kind for one in seen}

        assert told() == (set(), {"offer", "risk"})
        with closing(Vault(here.vault)) as vault:
            with closing(RestrictionBook(here, vault)) as book:  # as another process does it
                book.restrict(Restriction("another", noon))
                assert told() == (set(), {"offer", "risk"})
                book.restrict(Restriction(customer, noon))
            assert told() == ({"contact_stopped"}, {"risk"})


def test_no_offer_is_shown_where_it_cannot_be_read_who_asked_to_be_erased(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    with open_assist_desk(here, Telemetry()) as desk:
        said = {"id": "a", "who": "customer", "at": "2026-03-01T02:00:00Z", "text": "您好"}
        hint = {"chinese": "提示", "english": "a hint", "source": "d1", "at": said["at"]}
        given = brought(said, customer="7", agent="li", hints=[hint | {"kind": "offer"}])
        bring("of 7", msgspec.convert(given, Bring), VENDOR, desk)
        assert len(view("of 7", LI, desk).hints) == 1
        here.restrictions.parent.mkdir(parents=True, exist_ok=True)
        here.restrictions.write_bytes(b"no database" * 100)
        assert view("of 7", LI, desk).hints == ()


def test_a_conversation_is_shown_though_the_ledger_cannot_be_read(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    with open_assist_desk(here, Telemetry()) as desk:
        said = {"id": "a", "who": "customer", "at": "2026-03-01T02:00:00Z", "text": "您好"}
        bring("of 7", msgspec.convert(brought(said, customer="7"), Bring), LI, desk)
        here.marketing.mkdir()
        (here.marketing / "ledger.db").write_bytes(b"no database" * 100)
        assert view("of 7", LI, desk).hints == ()


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
