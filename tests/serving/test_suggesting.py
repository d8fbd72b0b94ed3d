"""`finmodel suggest` as a shell sees it: a table, JSON with sources, sentences for faults."""

import json

import msgspec
import pytest

from finmodel.assistant.scripts import load_scripts
from finmodel.conversation_files import write_conversations
from finmodel.errors import BadInput, NotFound
from finmodel.lender.talk.conversations import write
from serving.suggesting import suggest

SOME = [
    msgspec.structs.replace(one.conversation, messages=one.conversation.messages[:1])
    for one in write(12, 4)
]
"""Conversations in which nobody has answered yet."""


@pytest.fixture
def file(tmp_path):
    write_conversations(tmp_path / "c.jsonl", SOME)
    return tmp_path / "c.jsonl"


def call(file, capsys, **more):
    words = {"writer": "", "base": "", "tone": "", "json": True} | more
    suggest(file, **words)
    return capsys.readouterr().out


def test_each_conversation_has_suggestions_with_their_sources_and_a_trace(file, capsys):
    told = json.loads(call(file, capsys))
    assert [one["conversation"] for one in told] == [one.id for one in SOME]
    shown = [every for one in told for every in one["suggestions"]]
    assert len(shown) > 20
    for one in shown:
        assert one["version"] == load_scripts()[one["script"]].version
        assert "".join(part["text"] for part in one["sentences"]) == one["text"]
        assert {part["origin"]["id"] for part in one["sentences"]} == {one["script"]}
    assert all(one["trace"]["after"] == "1" for one in told)


def test_a_person_reads_a_table(file, capsys):
    out = call(file, capsys, json=False)
    assert SOME[0].id in out
    assert "source" in out
    assert "nothing generated: no engine" in out


def test_what_is_wrong_is_said_in_a_sentence(file, tmp_path, capsys):
    with pytest.raises(BadInput, match="'rude' is no tone"):
        call(file, capsys, tone="rude")
    with pytest.raises(NotFound, match="no such file"):
        call(tmp_path / "none.jsonl", capsys)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(BadInput, match="holds no conversation"):
        call(tmp_path / "empty.jsonl", capsys)
