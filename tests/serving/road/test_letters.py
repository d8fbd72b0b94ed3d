"""A dead letter replayed: once, by an engineer, told in the audit log; one that is no event not."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from feature_store.dead_letters import DeadLetter, FileDeadLetters
from feature_store.event_log import FileEventLog
from finmodel.acts import audited
from finmodel.audit import scan
from finmodel.errors import BadInput, FinmodelError, NotFound, NotReady
from finmodel.records import Person
from finmodel.settings import Settings
from serving.access import People
from serving.road.letters import MOST, REPLAYED, letter_of, letters_of, replay
from tests.serving.demo_shell import Shell
from tests.serving.road.small_road import (
    BROKEN,
    EVENT,
    FIX,
    LETTER,
    NAME,
    ends,
    login,
    logins_counted,
    make_road,
)

ENGINEER = Person("Lin", frozenset({"engineer"}))


@pytest.fixture
def here(tmp_path) -> Settings:
    settings = Settings(home=tmp_path / "home", data=tmp_path)
    settings.make_home()
    make_road(settings)
    return settings


def replayed(here, name=NAME, record=None):
    return replay(here, name, ENGINEER, record or partial(audited, here))


def test_letters_are_counted_and_shown_without_what_is_personal(here):
    found = letters_of(here)
    assert (found.total, found.replayed, found.problem) == (2, 0, "")
    assert {(one.topic, one.reason, one.letters) for one in found.piles} == {
        ("app.login.v1", "broken_bytes", 1),
        ("bank.app.sessions", "unknown_value", 1),
    }
    seen = {one.id: one for one in found.newest}
    assert seen[NAME].now == "unknown_value: channel"
    shown = "".join(one.shape for one in found.newest)
    assert '"from":3' in shown
    assert "2005-09-20" in shown
    assert not any(one in shown for one in ("13800138000", "张三", EVENT, "42"))


def test_no_topic_hides_anothers_letters(here):
    letters = [DeadLetter("z.topic", 0, at, "tombstone", None) for at in range(MOST + 50)]
    FileDeadLetters(here.dead_letters).put(letters)
    found = letters_of(here)
    assert (found.total, len(found.newest)) == (MOST + 52, MOST)
    assert NAME in {one.id for one in found.newest}
    last = [one.offset for one in found.newest if one.topic == "z.topic"]
    assert last == sorted(last, reverse=True)
    assert last[0] == MOST + 49


def test_after_a_fix_it_counts_once_however_often_it_is_asked_for(here, tmp_path):
    assert logins_counted(here, tmp_path) == 1
    with pytest.raises(BadInput, match="still makes no event: unknown_value: channel"):
        replayed(here)
    assert (ends(here), here.audit.exists()) == (3, False)

    here.topic_maps.write_text(FIX)
    assert letter_of(here, NAME).now == ""
    first, again = replayed(here), replayed(here)
    assert (first.new, again.new, first.replay) == (True, False, again.replay)
    assert (first.replay.by, first.replay.before, ends(here)) == ("Lin", False, 4)
    assert logins_counted(here, tmp_path) == 2
    assert letters_of(here).replayed == 1

    body = next(iter(scan(here.audit, REPLAYED))).body
    assert (body["letter"], body["by"], body["from_offset"]) == (NAME, "Lin", LETTER.offset)
    assert not any(str(one) in str(body) for one in ("13800138000", EVENT))


def test_a_replay_that_was_cut_short_after_its_append_is_only_marked(here):
    here.topic_maps.write_text(FIX)

    def full(kind, body):
        raise NotReady("the disk is full")

    with pytest.raises(NotReady):
        replayed(here, record=full)
    assert (ends(here), letter_of(here, NAME).replay) == (4, None)
    done = replayed(here)
    assert (done.new, done.replay.before, ends(here)) == (True, True, 4)


def test_what_its_producer_sent_again_is_not_appended(here):
    with FileEventLog(here.events, write=True) as log:
        log.append("app.login.v1", [login(42, EVENT)])
    here.topic_maps.write_text(FIX)
    assert (replayed(here).replay.before, ends(here)) == (True, 4)


def test_of_many_at_once_one_appends(here):
    here.topic_maps.write_text(FIX)

    def told(_):
        try:
            return replayed(here).new
        except NotReady:
            return None

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(told, range(16))).count(True) == 1
    assert ends(here) == 4


def test_what_stands_in_the_way_is_a_sentence_and_changes_nothing(here):
    with pytest.raises(NotFound, match="no dead letter of this id"):
        replayed(here, "d-00")
    here.topic_maps.write_text("topics: 1")
    assert "it holds no entries" in letters_of(here).problem
    with pytest.raises(BadInput, match="it holds no entries"):
        replayed(here)
    here.topic_maps.write_text(FIX)
    with (
        FileEventLog(here.events, write=True),
        pytest.raises(NotReady, match="another process writes"),
    ):
        replayed(here)
    broken = next(one.id for one in letters_of(here).newest if one.topic == BROKEN.topic)
    with pytest.raises(FinmodelError, match="broken_bytes"):
        replayed(here, broken)
    assert ends(here) == 3


def test_the_command_is_an_engineers(here):
    shell = Shell(here.home)
    keys = {role: People(here.people).add(role, {role}) for role in ("engineer", "analyst")}
    assert shell.finmodel("letters", "replay", NAME, key=keys["analyst"]).code == 2
    fixed = here.home / "mended.yaml"
    fixed.write_text(FIX)
    words = ("letters", "replay", NAME, "--topics", str(fixed), "--json")
    assert shell.finmodel(*words, key=keys["engineer"]).json["new"]
    listed = shell.finmodel("letters", "list", "--json", key=keys["engineer"]).json
    assert listed["replayed"] == 1
