"""The approved scripts: enough, nothing forbidden in them, each offered to the right state."""

import re
from datetime import date
from pathlib import Path

import pytest

from finmodel.assistant.intents import SCENARIOS, load_intents
from finmodel.assistant.scripts import SHIPPED, State, load_scripts, scripts_for
from finmodel.errors import BadInput, NotFound

DAY = date(2026, 6, 3)
ACCOUNTS = ["visitor", "applied", "declined", "current", "overdue", "settled"]
BANNED = Path(__file__).with_name("banned_words.txt").read_text().split()
"""What regulators and the trade's own rules forbid a lender to say, as words."""


def test_there_are_scripts_for_every_intent():
    scripts = load_scripts()
    assert len(scripts) >= 150
    assert {one.intent for one in scripts.values()} == set(load_intents())
    assert {one.scenario for one in scripts.values()} == set(SCENARIOS)
    assert len({one.text for one in scripts.values()}) == len(scripts)


def test_nothing_that_is_forbidden_is_said():
    seen = load_scripts(as_of=DAY)
    guilty = [(one.id, word) for one in seen.values() for word in BANNED if word in one.text]
    assert len(BANNED) >= 70
    assert guilty == []


def test_every_state_finds_one_to_three_closest_scripts():
    counts = {}
    for intent in load_intents():
        for identity in ("none", "basic", "verified"):
            for account in ACCOUNTS:
                found = scripts_for(intent, State(identity, account), DAY)
                closest = [one for one in found if one.closeness == found[0].closeness]
                counts[intent, identity, account] = len(closest)
    assert len(counts) == len(load_intents()) * 18
    assert {key: n for key, n in counts.items() if not 1 <= n <= 3} == {}


def test_who_is_not_verified_is_shown_no_slot_of_a_customer():
    shown = {
        slot
        for intent in load_intents()
        for identity in ("none", "basic")
        for account in ACCOUNTS
        for one in scripts_for(intent, State(identity, account), DAY)
        for slot in one.slots
    }
    assert shown == {"hotline", "service_hours"}


def test_a_state_chooses_its_own_script():
    overdue = scripts_for("due_date", State("verified", "overdue"), DAY)
    current = scripts_for("due_date", State("verified", "current"), DAY)
    assert "overdue_amount" in overdue[0].slots
    assert "due_date" in current[0].slots
    assert all("overdue_amount" not in one.slots for one in current)
    unknown = scripts_for("due_date", State("verified"), DAY)
    assert all(not one.account for one in unknown)


def test_an_expired_script_is_offered_no_more():
    last = date(2027, 12, 31)
    assert scripts_for("coupon_use", State(), last)
    assert scripts_for("coupon_use", State(), date(2028, 1, 1)) == ()
    assert scripts_for("coupon_use", State(), date(2025, 1, 1)) == ()


def test_no_script_stands_for_an_intent_that_is_none():
    with pytest.raises(NotFound, match="did you mean"):
        scripts_for("due_day", State(), DAY)


GOOD = """scripts:
- id: due_date-1
  version: 1
  intent: due_date
  needs: verified
  valid_from: 2026-01-01
  reviewer: compliance
  text: "还款日{due_date}。"
"""


def refused(folder: Path, text: str, as_of: date | None = None) -> str:
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(BadInput) as told:
        load_scripts(folder, as_of)
    return str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("{due_date}", "{due_day}", "{due_day} is no slot; did you mean {due_date}?"),
        ("intent: due_date", "intent: due_day", "no intent 'due_day'; did you mean 'due_date'?"),
        ("{due_date}", "5月3日", "a number stands in the text: '5月3日'; put a slot in"),
        ("needs: verified", "needs: basic", "write `needs: verified`"),
        ("needs: verified", "needs: never", "never"),
        ("version: 1", "version: 0", "version"),
        ("  reviewer: compliance\n", "", "reviewer"),
        ("reviewer:", "author:", "author"),
        ("reviewer:", "valid_to: 2025-12-31\n  reviewer:", "it expires before it begins"),
        ("needs: verified", "needs: none\n  account: [overdue]", "only the verified may be told"),
    ],
)
def test_a_script_that_may_not_be_said_is_told_by_file_and_id(tmp_path, old, new, part):
    told = refused(tmp_path, GOOD.replace(old, new))
    assert told.startswith("mine.yaml: due_date-1: ")
    assert part in told
    assert ";" in told


def test_an_id_that_stands_twice_is_told(tmp_path):
    twice = GOOD + GOOD.removeprefix("scripts:\n")
    assert refused(tmp_path, twice).startswith("mine.yaml: due_date-1: the id stands in mine.yaml")


def test_an_expired_script_is_told_to_whoever_asks_for_a_day(tmp_path):
    text = GOOD.replace("reviewer:", "valid_to: 2026-06-02\n  reviewer:")
    (tmp_path / "mine.yaml").write_text(text)
    assert len(load_scripts(tmp_path)) == 1
    told = refused(tmp_path, text, DAY)
    assert told.startswith("mine.yaml: due_date-1: it expired on 2026-06-02; have it reviewed")


@pytest.mark.parametrize("text", ["scripts: []\n", "script: 1\n", "scripts: {a: 1}\n"])
def test_a_file_that_is_no_list_of_scripts_is_told(tmp_path, text):
    assert "mine.yaml" in refused(tmp_path, text)


def test_a_row_that_is_no_script_is_told_by_its_place(tmp_path):
    assert refused(tmp_path, "scripts:\n- 7\n").startswith("mine.yaml: script 1: ")


def test_a_folder_without_scripts_is_told(tmp_path):
    with pytest.raises(NotFound, match="no scripts"):
        load_scripts(tmp_path)


def test_numbers_stand_only_as_slots_in_what_is_shipped():
    """Read from the files as text, not through the loader."""
    lines = [
        line
        for file in SHIPPED.glob("*.yaml")
        for line in file.read_text().splitlines()
        if line.lstrip().startswith("text:")
    ]
    assert len(lines) == len(load_scripts())
    assert [one for one in lines if re.search(r"\d", re.sub(r"\{\w+\}", "", one))] == []
