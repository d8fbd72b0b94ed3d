"""Which of two writers writes in a conversation: by chance, and always the same."""

from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from finmodel.assistant.engines.scripted import Scripted
from finmodel.assistant.suggesting.shelf import Writer
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.suggestion_worth import Worth
from serving.assisting.arms import Arm, Arms, chance_of
from serving.assisting.asked import Bring, SuggestRequest, group_of
from serving.assisting.conversing import bring
from serving.assisting.desk import open_assist_desk
from serving.assisting.suggesting import whole
from serving.assisting.writing import Writing
from serving.telemetry import Telemetry
from tests.serving.assist_world import NOW, brought, message
from tests.serving.small_world import wait_until

FIRST, SECOND = Arm("scripts/3", None), Arm("scripts/4", None)
NAMES = [f"c{number}" for number in range(2_000)]
TO_COME = NOW + timedelta(seconds=1)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_share_of_the_conversations_is_the_seconds(share):
    arms = Arms(FIRST, SECOND, share)
    chosen = [arms.of(name) for name in NAMES]
    assert sum(one is SECOND for one in chosen) / len(NAMES) == pytest.approx(share, abs=0.03)
    assert [arms.of(name) for name in NAMES] == chosen


def test_whoever_is_of_a_small_share_stays_in_a_larger_one():
    small, large = Arms(FIRST, SECOND, 0.1), Arms(FIRST, SECOND, 0.4)
    assert all(large.of(name) is SECOND for name in NAMES if small.of(name) is SECOND)


def test_without_a_second_the_first_writes_everywhere():
    assert {Arms(FIRST).of(name).name for name in NAMES} == {"scripts/3"}


def writing(settings, name, reply):
    opened = Writing(
        replace(settings, writer=name), lambda _here, _stack: Writer(Scripted(lambda asked: reply))
    )
    wait_until(lambda: opened.writer is not None, 60)
    return opened


def test_two_writers_write_in_their_conversations_and_stand_side_by_side(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    here = replace(here, standing_clock=NOW.isoformat())
    li = Person("li", frozenset({"agent"}), since=date(2026, 4, 1))
    by_chance = sorted(NAMES[:8], key=chance_of)
    with open_assist_desk(here, Telemetry()) as opened:
        named = replace(here, writer="scripts/3", writer_b="scripts/4")
        first, second = (
            writing(here, "scripts/3", "我是甲。"),
            writing(here, "scripts/4", "我是乙。"),
        )
        desk = replace(opened, settings=named, writing=first, other=second)
        texts = []
        for name in (by_chance[0], by_chance[-1]):
            given = brought(message(1, "我有点拿不准要不要现在都还了呢"), customer=name)
            bring(name, msgspec.convert(given, Bring), li, desk)
            told = whole(SuggestRequest(conversation=name, tone="warm"), li, desk)
            texts.append(told.suggestions[-1].text)
        kept = {
            by: [(one.group, one.shown) for one in desk.suggestions.worth(by, NOW, TO_COME)]
            for by in ("writer", "tenure")
        }
        first.close()
        second.close()
    assert texts == ["我是乙。", "我是甲。"]
    assert kept["writer"] == [("scripts/3", 1), ("scripts/4", 1)]
    assert kept["tenure"] == [("under_3_months", 2)]


def test_an_interval_stands_with_the_accepted_share():
    counts = Worth("li", 20, 10, 5, 3, 2, 0.8, 4.0, 9.0, 0)
    seen = group_of(counts)
    assert (seen.accepted, seen.edits, seen.seconds) == (5, 4.0, 9.0)
    assert seen.accepted_low == pytest.approx(0.2366, abs=1e-4)  # Wilson of 5 in 10
    assert seen.accepted_high == pytest.approx(0.7634, abs=1e-4)
    none = group_of(msgspec.structs.replace(counts, judged=0, accepted=0))
    assert (none.accepted_low, none.accepted_high) == (None, None)
