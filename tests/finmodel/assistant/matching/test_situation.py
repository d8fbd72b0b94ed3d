"""Situations: what is not yet answered, and what waits for verification."""

from datetime import datetime, timedelta

from finmodel.assistant.matching.situation import situation_of
from finmodel.assistant.scripts import load_scripts
from finmodel.conversations import Message

SCRIPTS = load_scripts()
START = datetime.fromisoformat("2026-06-03T09:00:00+08:00")


def talk(*turns):
    return [
        Message(id=str(at), who=who, at=START + timedelta(minutes=at), text=text, **more)
        for at, (who, text, more) in enumerate(turns)
    ]


ASKED = ("customer", "提前还清要多少", {})
TOLD = ("agent", "请先核验身份。", {"script": "early_settlement-1"})
VERIFY = ("agent", "请点击链接核验。", {"script": "verify_identity-1"})
DONE = ("customer", "认证完了", {})


def test_only_what_is_not_answered_is_asked():
    messages = talk(("customer", "在吗", {}), TOLD, ASKED, ("customer", "急", {}))
    seen = situation_of(messages, "none", None, SCRIPTS)
    assert (seen.asked, seen.before) == ("提前还清要多少，急", "early_settlement")


def test_whoever_was_verified_waits_for_what_they_asked():
    known = ("system", "客户已通过身份核验", {"identity": "verified"})
    seen = situation_of(talk(ASKED, TOLD, DONE, VERIFY, DONE, known), "verified", None, SCRIPTS)
    assert (seen.just_verified, seen.open, seen.before) == (
        True,
        "early_settlement",
        "verify_identity",
    )
    assert not situation_of(talk(ASKED, TOLD, DONE), "none", None, SCRIPTS).just_verified


def test_who_was_verified_from_the_beginning_was_not_verified_just_now():
    assert not situation_of(talk(ASKED), "verified", "current", SCRIPTS).just_verified


def test_small_talk_leaves_the_matter_open_and_free_words_tell_none():
    between = ("agent", "不客气。", {"script": "small_talk-1"})
    free = ("agent", "我看一下。", {})
    seen = situation_of(talk(ASKED, TOLD, DONE, between, DONE, free), "none", None, SCRIPTS)
    assert (seen.open, seen.before, seen.asked) == ("early_settlement", "", "")


def test_an_empty_conversation_asks_nothing():
    assert situation_of([], "none", None, SCRIPTS).asked == ""
