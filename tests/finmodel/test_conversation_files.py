"""Conversations in files: there and back, read by others' readers, and every bad line told."""

import csv
import json
import subprocess
import sys
from datetime import datetime, timedelta

import msgspec
import pandas as pd
import pytest

from finmodel.conversation_files import COLUMNS, read_conversations, write_conversations
from finmodel.conversations import Conversation, Message
from finmodel.errors import BadInput, NotFound

START = datetime.fromisoformat("2026-06-03T09:00:00+08:00")


def message(n: int, who: str, text: str, **more) -> Message:
    return Message(id=f"m{n}", who=who, at=START + timedelta(seconds=n), text=text, **more)


def chat(name: str, *messages: Message, **more) -> Conversation:
    return Conversation(
        id=name,
        customer="u1",
        started=START,
        channel="app",
        scenario="repayment",
        consent_to_training=True,
        messages=messages,
        **more,
    )


CHATS = [
    chat(
        "c1",
        message(0, "customer", '他说："下月3号，\n行吗"', intent="due_date", family="f"),
        message(1, "system", "核验通过"),
        message(
            2, "agent", "应还10.00元。", identity="verified", script="amount_due-2",
            slotted="应还{amount_due}。",
        ),
        account="current",
        facts={"amount_due": 1000, "due_date": "2026-06-20"},
        split="test",
        agent="a7",
    ),
    chat("c2", message(0, "agent", " 您好 ")),
]  # fmt: skip
LINES = [msgspec.json.encode(one).decode() for one in CHATS]


def test_conversations_under_way_come_through_standard_input():
    waiting = chat("c1", message(0, "customer", "在吗"))
    line = msgspec.json.encode(waiting).decode()
    read = "from finmodel.conversation_files import STDIN, read_conversations; import sys;"
    read += "print(len(list(read_conversations(STDIN, answered=sys.argv[1] == 'answered'))))"

    def told(how):
        command = [sys.executable, "-c", read, how]
        return subprocess.run(command, input=line, capture_output=True, text=True, check=False)

    assert told("under way").stdout == "1\n"
    assert "no agent wrote in it" in told("answered").stderr


@pytest.mark.parametrize("name", ["chats.jsonl", "chats.csv"])
def test_what_was_written_is_read(tmp_path, name):
    path = tmp_path / name
    assert write_conversations(path, CHATS) == 2
    assert list(read_conversations(path)) == CHATS
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_others_read_what_we_write(tmp_path):
    write_conversations(tmp_path / "chats.csv", CHATS)
    table = pd.read_csv(tmp_path / "chats.csv", dtype=str, keep_default_na=False)
    assert tuple(table.columns) == COLUMNS
    assert table["text"].tolist() == [m.text for one in CHATS for m in one.messages]
    assert json.loads(table["facts"][0]) == CHATS[0].facts
    write_conversations(tmp_path / "chats.jsonl", CHATS)
    rows = [json.loads(line) for line in (tmp_path / "chats.jsonl").open()]
    assert [row["id"] for row in rows] == ["c1", "c2"]


def test_a_spreadsheets_csv_is_read(tmp_path):
    """With a byte order mark, its own order of columns, and only those that are needed."""
    path = tmp_path / "chats.csv"
    rows = [
        ["text", "who", "at", "message", "conversation", "customer", "started", "channel",
         "scenario", "consent_to_training"],
        ["在吗，请问", "customer", "2026-06-03T09:00:00+08:00", "1", "c", "u",
         "2026-06-03T09:00:00+08:00", "wecom", "complaint", "FALSE"],
        ["您好", "agent", "2026-06-03T01:00:05Z", "2", "c", "u",
         "2026-06-03T09:00:00+08:00", "wecom", "complaint", "FALSE"],
    ]  # fmt: skip
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)
    (one,) = read_conversations(path)
    assert [m.text for m in one.messages] == ["在吗，请问", "您好"]
    assert one.consent_to_training is False


def told(path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(BadInput) as error:
        list(read_conversations(path))
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('"who":"agent"', '"who":"customer"', "conversation 'c2': no agent wrote in it"),
        ('"who":"agent"', '"who":"bot"', "messages[0].who: invalid enum value 'bot'"),
        ("2026-06-03T09:00:00+08:00", "2026-06-03T09:00:00", "started: the time has no zone"),
        ('"at":"2026-06-03T09:00:00+08:00"', '"at":"2026-06-03T09:00:00"', "[0].at: the time"),
        ("2026-06-03T09", "yesterday", "started"),
        ('"channel"', '"chanel"', "did you mean 'channel'?"),
        ('"consent_to_training":true,', "", "consent_to_training"),
        ("true", '"yes"', "consent_to_training"),
        ('"text":" 您好 "', f'"text":"{"好" * 100_000}"', "it has about 100,000 tokens"),
        ('"text":" 您好 "', '"text":""', "message 'm0' is empty"),
        ('"id":"c2"', '"id":"c1"', "conversation 'c1' stands in"),
        ('{"id"', '{id"', "it is no JSON"),
        ("]}", "", "it is no JSON"),
    ],
)
def test_a_bad_line_is_told_by_its_number(tmp_path, old, new, part):
    assert old in LINES[1]
    path = tmp_path / "chats.jsonl"
    sentence = told(path, f"{LINES[0]}\n\n{LINES[1].replace(old, new, 1)}\n")
    assert sentence.startswith(f"{path} line 3")
    assert part in sentence
    assert ";" in sentence


def test_what_is_no_utf_8_is_told(tmp_path):
    path = tmp_path / "chats.jsonl"
    sentence = told(path, f"{LINES[0]}\n".encode() + LINES[1].encode("gb18030"))
    assert sentence == f"{path} line 2: it is not UTF-8 text; save it as UTF-8"
    path = tmp_path / "chats.csv"
    assert "line 1: it is not UTF-8" in told(path, "会话,内容\n".encode("gb18030"))


def test_message_ids_that_stand_twice_are_told(tmp_path):
    path = tmp_path / "chats.jsonl"
    assert "line 1: conversation 'c1': message id 'm0' stands twice" in told(
        path, LINES[0].replace('"m1"', '"m0"')
    )


def test_an_endless_line_is_told(tmp_path):
    path = tmp_path / "chats.jsonl"
    assert "line 1: it is longer than 8 MiB" in told(path, b"x" * (9 << 20))


HEADER = "conversation,customer,started,channel,scenario,consent_to_training,message,who,at,text\n"
ROW = "c,u,2026-06-03T09:00:00Z,app,repayment,true,1,agent,2026-06-03T09:00:00Z,hello\n"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "line 1: no column 'conversation'"),
        (HEADER.replace(",who", ""), "line 1: no column 'who'"),
        (HEADER.replace("text", "text,tone"), "line 1: unknown column 'tone'"),
        (HEADER.replace("text", "text,text"), "line 1: a column stands twice"),
        (HEADER + ROW + ROW.replace("hello", "a,b"), "line 3: 11 cells under 10 columns"),
        (HEADER + ROW + "c\n", "line 3: 1 cells under 10 columns"),
        (HEADER + ROW + ROW.replace("agent", "robot"), "line 3: who"),
        (HEADER + ROW + ROW.replace("09:00:00Z,hello", "09:00:00,hi"), "line 3: at: the time has"),
        (HEADER + ROW + ROW.replace(",u,", ",v,"), "line 3: 'customer' differs"),
        (HEADER + ROW.replace("true", "maybe"), "line 2: consent_to_training is 'maybe'"),
        (HEADER + ROW.replace("hello", '"hello'), "no CSV"),
        (HEADER + ROW + ROW.replace("c,u", "d,u") + ROW, "line 4: conversation 'c' stands in"),
        (HEADER + ROW + ROW, "message id '1' stands twice"),
    ],
)
def test_a_bad_row_is_told_by_its_number(tmp_path, text, part):
    assert part in told(tmp_path / "chats.csv", text)


def test_the_others_go_on_where_a_list_takes_what_is_refused(tmp_path):
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join([LINES[0], "{", LINES[1]]))
    refused = []
    assert list(read_conversations(path, refused)) == CHATS
    assert [str(one).partition(":")[0] for one in refused] == [f"{path} line 2"]
    path = tmp_path / "chats.csv"
    path.write_text(HEADER + ROW.replace("agent", "robot") + ROW.replace("c,u", "d,u"))
    refused = []
    assert [one.id for one in read_conversations(path, refused)] == ["d"]
    assert len(refused) == 1


def test_a_file_that_is_not_there_or_of_another_kind_is_told(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        list(read_conversations(tmp_path / "none.jsonl"))
    with pytest.raises(BadInput, match="neither"):
        list(read_conversations(tmp_path / "chats.xlsx"))
    with pytest.raises(BadInput, match="neither"):
        write_conversations(tmp_path / "chats.txt", CHATS)
    with pytest.raises(NotFound, match="no such folder"):
        write_conversations(tmp_path / "none" / "chats.csv", CHATS)


def test_a_run_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "chats.jsonl"
    write_conversations(path, CHATS[:1])

    def broken():
        yield CHATS[1]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_conversations(path, broken())
    assert list(read_conversations(path)) == CHATS[:1]
    assert [one.name for one in tmp_path.iterdir()] == ["chats.jsonl"]


@pytest.mark.parametrize("name", ["chats.jsonl", "chats.csv"])
@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"amount_deu": 1}, r"\{amount_deu\}: no such slot; did you mean \{amount_due\}\?"),
        ({"due_date": 20260620}, "due_date: int is no date; money in 分"),
    ],
)
def test_a_fact_that_is_no_slots_is_told_with_its_line(tmp_path, name, facts, says):
    path = tmp_path / name
    write_conversations(path, [CHATS[1], msgspec.structs.replace(CHATS[0], facts=facts)])
    line = 2 if name.endswith("jsonl") else 4
    with pytest.raises(BadInput, match=rf"{name} line {line}: facts: {says}"):
        list(read_conversations(path))
