"""A lender's conversations of before: masked as they are kept, judged by a supervisor, once."""

import csv
import dataclasses
import multiprocessing
import os
import signal
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from finmodel.audit import scan
from finmodel.conversation_book import ConversationBook
from finmodel.conversation_files import write_conversations
from finmodel.conversations import Conversation, Message
from finmodel.errors import BadInput, NotFound
from finmodel.records import Person
from finmodel.restriction_book import Restriction, RestrictionBook
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.assisting.loading import LoadAsked, load_conversations
from tests.serving.assist_world import NOW, assist_world
from tests.serving.demo_shell import Shell

VENDOR = Person("vendor", frozenset({"engineer"}))
PROMISED = "张伟您好，我的微信是wxid_ab12cd34ef，您这笔保证通过。"
LAST_WEEK = NOW - timedelta(days=7)


def talk(name, *said, **more):
    messages = tuple(
        Message(id=f"m{n}", who=who, at=LAST_WEEK + timedelta(seconds=n), text=text)
        for n, (who, text) in enumerate(said)
    )
    told = {
        "customer": f"u-{name}", "started": LAST_WEEK, "channel": "app", "scenario": "repayment",
        "consent_to_training": True, "agent": "li",
    }  # fmt: skip
    return Conversation(id=name, messages=messages, **told | more)


TALKS = [
    talk("c1", ("customer", "张伟在吗，我的电话13800138000"), ("agent", PROMISED),
         ("customer", "我叫张伟"), facts={"amount_due": 805_260}),
    talk("c2", ("customer", "怎么还款"), ("agent", "请您按时还款。"), consent_to_training=False),
    talk("c3", ("customer", "能批吗"), ("agent", "再不还就上门找你家人。"), split="test"),
]  # fmt: skip
RAW = ("张伟", "13800138000", "wxid_ab12cd34ef")


@pytest.fixture
def here(tmp_path):
    made = Settings.from_env({"FINMODEL_HOME": str(tmp_path / "home")})
    return dataclasses.replace(made, standing_clock=NOW.isoformat())


def written(path, *talks):
    write_conversations(path, talks)
    return path


def load(here, path, progress=lambda *_: None, **asked):
    return load_conversations(here, path, VENDOR, LoadAsked(**asked), progress)


def kept(here):
    """Every conversation, and what was found in it, but for the finding's own name."""
    with (
        closing(Vault(here.vault)) as vault,
        closing(ConversationBook(here.conversations, vault)) as book,
    ):
        names = [name for (name,) in book.file.rows("SELECT id FROM conversation ORDER BY id")]
        found = book.file.rows(
            "SELECT conversation, message, rule, severity, start, stop FROM finding"
            " ORDER BY conversation, message, rule, start"
        )
        examined = book.file.rows("SELECT * FROM examined ORDER BY conversation, message")
        return [book.read(name) for name in names], found, examined


def acts(here, kind):
    return [one.body for one in scan(here.audit) if one.kind == kind]


def test_a_supervisor_judges_what_was_loaded_and_only_masked_words_were_kept(tmp_path):
    path = written(tmp_path / "talks.csv", *TALKS)
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        shell = Shell(here.home, more={"FINMODEL_STANDING_CLOCK": here.standing_clock})
        words = ("assist", "load", str(path), "--json")
        assert shell.finmodel(*words, key=world.keys["li"]).code == 2
        answer = shell.finmodel(*words, key=world.keys["vendor"])
        assert answer.code == 0, answer.err
        told = answer.json
        assert [told[name] for name in ("conversations", "new", "messages", "refused")] == [
            3, 3, 7, 0,
        ]  # fmt: skip
        assert "conversations brought" in answer.err
        with world.client("zhao") as zhao:
            found = zhao.post("/findings", json={"state": "open"}).json()["findings"]
            by_rule = {one["rule"]: one for one in found if one["agent"] == "li"}
            assert {"personal", "promise"} <= by_rule.keys()
            assert by_rule["personal"]["words"][1] == "[微信号1]"
            assert by_rule["promise"]["words"][1].startswith("保证通过")
            ruling = {"ruling": "false_alarm"}
            name = by_rule["promise"]["id"]
            assert zhao.post(f"/findings/{name}/ruling", json=ruling).json()["case"] is True
        again = shell.finmodel(*words, key=world.keys["vendor"]).json
        assert (again["known"], again["new"], again["said"][:15]) == (3, 0, "nothing changed")
    talks, _, _ = kept(here)
    assert talks[0].messages[0].text == "[姓名1]在吗，我的电话[手机号1]"
    assert (talks[0].agent, talks[0].facts, talks[0].customer) == (
        "li", {"amount_due": 805_260}, "u-c1",
    )  # fmt: skip
    assert not any(one in str(msgspec.json.encode(talks), "utf-8") for one in RAW)
    # What may not be learnt from says so: no consent, or kept for testing.
    assert [one.consent_to_training for one in talks] == [True, False, False]
    (began,), (ended,) = (
        acts(here, f"conversations_load{end}") for end in ("_began", "ed")
    )  # fmt: skip
    assert (began["by"], began["file"], ended["new"], ended["messages"]) == (
        "vendor", "talks.csv", 3, 7,
    )  # fmt: skip


def test_what_is_refused_is_listed_by_line_and_whom_a_rule_holds_is_left_out(here, tmp_path):
    lines = [msgspec.json.encode(one).decode() for one in TALKS]
    lines.insert(1, '{"id": "broken"')
    lines += [
        msgspec.json.encode(one).decode()
        for one in (
            talk("nobody", ("agent", "您好"), agent=""),
            talk("late", ("agent", "您好"), customer="u-c1", started=NOW + timedelta(days=8)),
            talk("held", ("agent", "您好")),
        )
    ]
    path = tmp_path / "talks.jsonl"
    path.write_text("\n".join(lines))
    with closing(Vault(here.vault)) as vault, closing(RestrictionBook(here, vault)) as book:
        book.restrict(Restriction("u-held", NOW))
    told = load(here, path)
    assert (told.conversations, told.new, told.restricted, told.refused) == (7, 3, 1, 3)
    assert [(one.line, one.conversation) for one in told.not_used] == [
        (2, ""), (5, "nobody"), (6, ""),
    ]  # fmt: skip
    with open(told.not_used_in, encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["line"] for row in rows] == ["2", "5", "6"]
    assert "give --agent" in rows[1]["reason"]
    assert {one.id for one in kept(here)[0]} == {"c1", "c2", "c3"}
    assert load(here, path, agent="qian").new == 1
    assert acts(here, "conversations_loaded")[0]["restricted"] == 1


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.jsonl", None, "no such file"),
        ("t.xlsx", b"PK", "neither .jsonl nor .csv"),
        ("t.csv", "会话,客户\n".encode("gbk"), "not UTF-8"),
        ("t.csv", b"conversation,customer\n", "no column"),
        ("t.jsonl", msgspec.json.encode(TALKS[0]) + b"\n\xff\n", "line 2: it is not UTF-8"),
    ],
)
def test_of_a_file_that_cannot_be_read_nothing_is_kept(here, tmp_path, name, data, said):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises((BadInput, NotFound), match=said):
        load(here, path)
    assert not here.conversations.exists()
    assert not here.audit.exists()


def _killed(here, path, after):
    def progress(what, done, _total):
        if what == "conversations brought" and done == after:
            os.kill(os.getpid(), signal.SIGKILL)

    load(here, path, progress)


def test_a_load_that_was_killed_and_begun_again_ends_the_same(here, tmp_path):
    path = written(tmp_path / "talks.jsonl", *TALKS)
    child = multiprocessing.get_context("forkserver").Process(target=_killed, args=(here, path, 2))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert [one.id for one in kept(here)[0]] == ["c1", "c2"]
    assert (len(acts(here, "conversations_load_began")), acts(here, "conversations_loaded")) == (
        1, [],
    )  # fmt: skip
    again = load(here, path)
    assert (again.known, again.new) == (2, 1)
    other = dataclasses.replace(here, home=tmp_path / "other")
    load(other, path)
    assert kept(here) == kept(other)
    before = kept(here)
    assert load(here, path).said.startswith("nothing changed")
    assert kept(here) == before


def test_what_grew_is_added_and_what_is_known_of_a_conversation_stays(here, tmp_path):
    said = ("customer", "张伟在吗"), ("agent", "在的，请讲。")
    load(here, written(tmp_path / "a.jsonl", talk("c", *said)))
    more = *said, ("customer", "我叫张伟，电话13800138000"), ("agent", PROMISED)
    grown = talk("c", *more, facts={"amount_due": 1}, scenario="complaint")
    told = load(here, written(tmp_path / "b.jsonl", grown))
    assert (told.new, told.messages) == (1, 2)
    (one,), found, examined = kept(here)
    texts = [said.text for said in one.messages]
    assert texts[:3] == ["张伟在吗", "在的，请讲。", "我叫[姓名1]，电话[手机号1]"]
    assert texts[3].startswith("[姓名1]您好")
    assert (one.facts, one.scenario, len(examined)) == ({}, "repayment", 2)
    assert {row[2] for row in found} >= {"promise", "personal"}
    # Consent is taken away by a file, and never given back by one.
    for consent, new in ((False, 1), (False, 0), (True, 0)):
        again = msgspec.structs.replace(grown, consent_to_training=consent)
        assert load(here, written(tmp_path / "b.jsonl", again)).new == new
        assert kept(here)[0][0].consent_to_training is False
    for wrong, why in (
        (msgspec.structs.replace(grown, agent="wang"), "another agent"),
        (msgspec.structs.replace(grown, customer="u2"), "another customer"),
        (talk("c", *said[:1], ("agent", "不在")), "with other words"),
    ):
        (refused,) = load(here, written(tmp_path / "w.jsonl", wrong)).not_used
        assert (why in refused.reason, refused.line) == (True, 1)
    assert kept(here)[0] == [msgspec.structs.replace(one, consent_to_training=False)]


def test_what_the_service_took_as_it_came_is_known_again(here, tmp_path):
    with assist_world(here.home) as world, world.client("vendor") as vendor:
        given = msgspec.to_builtins(TALKS[0])
        body = {name: given[name] for name in ("customer", "channel", "scenario", "messages")}
        answer = vendor.post("/conversations/c1/messages", json=body | {"agent": "li"})
        assert answer.json()["new"] == 3
    told = load(here, written(tmp_path / "talks.jsonl", TALKS[0]))
    assert (told.known, told.new, told.refused) == (1, 0, 0)
