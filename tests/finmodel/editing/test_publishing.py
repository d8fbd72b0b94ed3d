"""What is said changes by two people's hands, is signed, and stands in the audit log."""

import json
import shutil
from datetime import date

import pytest

from finmodel.assistant.scripts import State, load_scripts
from finmodel.audit import latest, scan
from finmodel.editing.draft import digest_of
from finmodel.editing.draft_file import discard, waiting
from finmodel.editing.importing import import_scripts
from finmodel.editing.published import active_path, load_ours, published, sayable
from finmodel.editing.publishing import expire
from finmodel.editing.rows import row_of
from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.records import Person
from tests.finmodel.script_sheets import GOOD, TEXT, home, publish_seen, row, write

AN, BO, CI = (Person(name, frozenset({"script_editor"})) for name in ("an", "bo", "ci"))
SHIPPED = load_scripts()
KEYS = ("id", "version", "scenario", "intent", "text", "slots", "valid_from", "valid_to")
OTHER = "您本次的还款日为{due_date}，请提前备足款项。"
DAY = date(2026, 7, 2)


def of(name, **changes):
    cells = row_of(SHIPPED[name]) | changes
    return [cells[key] for key in (*KEYS, "reviewer")]


@pytest.fixture
def here(tmp_path):
    return home(tmp_path / "home")


def bring(here, *rows, person=AN):
    found = import_scripts(here, write(here.home.parent / "sent.xlsx", *rows), person)
    assert found.sorted.rejected == []


def said(here):
    return sayable(load_ours(here))[0]


def test_another_editor_publishes_and_the_log_tells_who_and_what(here):
    bring(here, GOOD, of("due_date-1", reviewer="compliance.zhou"))
    made = publish_seen(here, BO, "due_date-6", "due_date-1")
    assert [(one.script.id, one.author, one.published_by) for one in made] == [
        ("due_date-6", "an", "bo"),
        ("due_date-1", "an", "bo"),
    ]
    (entry,) = scan(here.audit, "scripts_published")
    assert (entry.body["by"], entry.body["version"], entry.body["from"]) == ("bo", 1, None)
    new, old = made[0].script, SHIPPED["due_date-1"]
    assert entry.body["scripts"] == [
        {"id": new.id, "version": 1, "author": "an", "before": "", "after": digest_of(new)},
        {
            "id": old.id, "version": old.version + 1, "author": "an",
            "before": digest_of(old), "after": digest_of(made[1].script),
        },
    ]  # fmt: skip
    there = said(here)
    assert (there["due_date-6"].text, len(there)) == (TEXT, len(SHIPPED) + 1)
    assert there["due_date-1"].reviewer == "compliance.zhou"
    assert there["due_date-1"].version == old.version + 1
    assert there["due_date-2"] == SHIPPED["due_date-2"]
    offered = there.fitting("due_date", State("verified", "current"), DAY)
    assert "due_date-6" in [one.id for one in offered]
    assert waiting(here, published(load_ours(here))) == {}


def test_nobody_publishes_their_own_and_nothing_of_what_was_named_is_said(here):
    bring(here, GOOD)
    bring(here, row(text=OTHER), person=BO)
    with pytest.raises(Refused, match="an wrote it; ask another script editor") as told:
        publish_seen(here, AN)
    assert told.value.where == "script due_date-6"
    with pytest.raises(Refused, match="bo wrote it"):
        publish_seen(here, BO, "due_date-7")
    assert load_ours(here).version == 0
    assert len(publish_seen(here, CI)) == 2


@pytest.mark.parametrize("roles", [{"supervisor"}, {"validator", "engineer"}, set()])
def test_who_is_no_script_editor_publishes_ends_and_discards_nothing(here, roles):
    bring(here, GOOD)
    other = Person("zhao", frozenset(roles))
    for act in (
        lambda: publish_seen(here, other),
        lambda: expire(here, "due_date-1", DAY, other),
        lambda: discard(here, [], other, SHIPPED),
    ):
        with pytest.raises(Refused, match="ask somebody who is script_editor"):
            act()


def test_the_demos_people_publish_nothing_and_are_published_by_nobody(here):
    demo = Person("demo", frozenset({"script_editor"}), demo=True)
    bring(here, GOOD, person=demo)
    with pytest.raises(Refused, match="demo's people"):
        publish_seen(here, BO)
    with pytest.raises(Refused, match="made by the demo"):
        publish_seen(here, demo)


@pytest.mark.parametrize("key", ["author", "text", "demo"])
def test_a_draft_that_was_changed_on_the_disk_is_not_said(here, key):
    bring(here, GOOD)
    path = here.scripts / "drafts.json"
    told = json.loads(path.read_text())
    if key == "text":
        told[0]["script"]["text"] = OTHER
    else:
        told[0][key] = {"author": "ci", "demo": False}[key]
    if key == "demo":
        told[0]["demo"] = True
    path.write_text(json.dumps(told))
    with pytest.raises((Damaged, Refused)) as refused:
        publish_seen(here, BO)
    assert refused.value.where.endswith("due_date-6")
    with pytest.raises((Damaged, Refused)):
        publish_seen(here, AN)
    assert load_ours(here).version == 0


def test_a_draft_over_a_version_that_was_replaced_is_not_said(here):
    bring(here, of("due_date-1", reviewer="compliance.zhou"))
    expire(here, "due_date-1", DAY, CI)
    with pytest.raises(Refused, match="it was written over version 1, and version 2 is published"):
        publish_seen(here, BO)
    (gone,) = discard(here, ["due_date-1"], BO, published(load_ours(here)))
    assert gone.author == "an"
    (entry,) = scan(here.audit, "scripts_discarded")
    assert (entry.body["by"], entry.body["drafts"][0]["id"]) == ("bo", "due_date-1")
    with pytest.raises(NotFound, match="no draft waits"):
        publish_seen(here, BO)


def test_an_unknown_draft_is_told_with_those_that_wait(here):
    bring(here, GOOD)
    with pytest.raises(NotFound, match="due_date-9: no draft waits; there are: due_date-6"):
        publish_seen(here, BO, "due_date-6", "due_date-9")
    assert load_ours(here).version == 0


def test_one_editor_ends_a_script_and_only_ever_sooner(here):
    made = expire(here, "due_date-1", DAY, AN, "the fee is another")
    there = said(here)["due_date-1"]
    assert (there.valid_to, there.version) == (date(2026, 7, 1), 2)
    assert there.valid_on(date(2026, 7, 1))
    assert not there.valid_on(DAY)
    (entry,) = scan(here.audit, "scripts_expired")
    assert (entry.body["by"], entry.body["reason"]) == ("an", "the fee is another")
    assert entry.body["scripts"][0]["after"] == digest_of(made.script)
    with pytest.raises(BadInput, match="its last day is 2026-07-01 already"):
        expire(here, "due_date-1", date(2026, 8, 1), AN)
    with pytest.raises(BadInput, match="2026-06-02 has passed"):
        expire(here, "due_date-1", date(2026, 6, 2), AN)
    expire(here, "due_date-1", date(2026, 6, 3), AN)
    assert not said(here)["due_date-1"].valid_on(date(2026, 6, 3))
    with pytest.raises(NotFound, match="no such script"):
        expire(here, "due_date-99", DAY, AN)
    with pytest.raises(BadInput, match="the guards answer by it"):
        expire(here, "self_harm-1", DAY, AN)


def test_a_script_that_ends_before_it_begins_is_never_said(here):
    bring(here, GOOD)  # from 1 July on
    publish_seen(here, BO)
    expire(here, "due_date-6", date(2026, 6, 10), AN)
    there = said(here)["due_date-6"]
    assert not any(there.valid_on(date(2026, 6, day)) for day in range(3, 31))
    assert not there.valid_on(DAY)


def test_a_published_version_that_was_changed_is_not_said(here):
    bring(here, GOOD)
    publish_seen(here, BO)
    path = here.scripts / "approved" / "1" / "scripts.json"
    good = path.read_bytes()
    path.write_bytes(good.replace("账单".encode(), "帐单".encode()))
    with pytest.raises(Damaged, match="changed after it was signed"):
        load_ours(here)
    path.write_bytes(good)
    assert load_ours(here).version == 1


def test_a_lost_pointer_is_found_in_the_audit_log(here):
    """Else the shipped scripts would be said again, in silence."""
    bring(here, GOOD)
    publish_seen(here, BO)
    was = load_ours(here)
    active_path(here).unlink()
    assert load_ours(here) == was
    bring(here, row(text=OTHER))
    publish_seen(here, BO)
    assert (load_ours(here).version, set(load_ours(here).scripts)) == (
        2,
        {"due_date-6", "due_date-7"},
    )
    assert active_path(here).exists()


def ended_and_taken_back(here):
    """A script of ours that was ended, and the pointer of before; what was said last."""
    bring(here, GOOD)
    publish_seen(here, BO)
    path, was = active_path(here), active_path(here).read_bytes()
    expire(here, "due_date-6", date(2026, 6, 10), AN)
    now = load_ours(here)
    path.write_bytes(was)
    return now


def test_an_older_pointer_that_is_signed_brings_no_ended_script_back(here):
    now = ended_and_taken_back(here)
    with pytest.raises(Damaged, match=r"publication 1, .* last is 2; .* take it away") as told:
        load_ours(here)
    assert told.value.where == str(active_path(here))
    with pytest.raises(Damaged):
        bring(here, row(text=OTHER))
    active_path(here).unlink()  # as the remedy says
    assert load_ours(here) == now


def test_what_is_published_next_stands_on_the_logs_last_move(here):
    """As where a move was cut short between its entry in the log and its pointer."""
    now = ended_and_taken_back(here)
    expire(here, "due_date-1", DAY, AN)
    there = load_ours(here)
    assert (there.version, there.scripts["due_date-6"]) == (3, now.scripts["due_date-6"])
    kinds = ("scripts_published", "scripts_expired")
    assert [one.body["sequence"] for one in latest(here.audit, kinds)] == [3, 2, 1]


def test_a_pointer_several_moves_old_is_written_over_by_nobody(here):
    ended_and_taken_back(here)
    old = active_path(here).read_bytes()
    expire(here, "due_date-1", DAY, AN)
    active_path(here).write_bytes(old)
    with pytest.raises(Damaged, match="names publication 1, and the audit log's last is 3"):
        expire(here, "due_date-2", DAY, AN)


def test_a_log_that_was_taken_back_behind_the_pointer_is_told(here):
    bring(here, GOOD)
    publish_seen(here, BO)
    shutil.copytree(here.audit, here.home / "kept")
    expire(here, "due_date-1", DAY, AN)
    shutil.rmtree(here.audit)
    shutil.move(here.home / "kept", here.audit)
    with pytest.raises(Damaged, match=r"publication 2, .* last is 1; restore the audit log"):
        load_ours(here)


def test_the_shipped_scripts_are_not_said_again_where_the_folder_is_gone(here):
    bring(here, GOOD)
    publish_seen(here, BO)
    shutil.rmtree(here.scripts)
    with pytest.raises(Damaged, match="it holds no scripts"):
        load_ours(here)


def test_what_was_cut_short_before_its_pointer_is_published_by_asking_again(here):
    bring(here, GOOD)
    (here.scripts / "approved" / "1").mkdir(parents=True)  # written, and named by nothing
    assert load_ours(here).version == 0
    publish_seen(here, BO)
    assert load_ours(here).version == 2


def test_a_script_that_a_newer_rule_forbids_is_left_out_and_its_shipped_one_too(here, monkeypatch):
    bring(here, of("due_date-3", reviewer="compliance.zhou"))
    publish_seen(here, BO)
    monkeypatch.setattr("finmodel.assistant.script_rules.LONGEST", 5)
    scripts, (why,) = sayable(load_ours(here))
    assert "due_date-3: the text has" in why
    assert len(scripts) == len(SHIPPED) - 1
    assert "due_date-3" not in scripts
