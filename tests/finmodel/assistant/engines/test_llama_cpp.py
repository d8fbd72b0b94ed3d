"""llama.cpp in process: the tokens of training in, the text of transformers out, by adapter."""

import dataclasses
import urllib.error
import urllib.request

import pytest

from finmodel.assistant.engines.engine import Laid, write
from finmodel.assistant.engines.llama_cpp import LlamaCpp
from finmodel.assistant.engines.transformer import open_transformer
from finmodel.assistant.template import Message
from finmodel.errors import BadInput, NotFound, NotReady
from tests.finmodel.assistant.engines.small_engines import ASKED

TUNED = dataclasses.replace(ASKED, adapter="scripts")


@pytest.fixture(scope="module")
def engine(made):
    opened = LlamaCpp(made.gguf, made.base.spoken, {"scripts": made.laid}, context=128, threads=1)
    yield opened
    opened.close()


def test_it_writes_what_transformers_writes_with_each_adapter(made, engine):
    theirs = open_transformer(made.base.folder, made.base.spoken, {"scripts": made.peft})
    bare, tuned = write(engine, ASKED), write(engine, TUNED)
    assert len(bare) >= 12
    assert bare != tuned
    assert (bare, tuned) == (write(theirs, ASKED), write(theirs, TUNED))
    assert write(engine, ASKED) == bare, "the adapter of the last request lies over the base"


def test_a_reply_comes_in_pieces_and_can_be_cancelled(engine):
    whole = write(engine, ASKED)
    pieces = engine.stream(ASKED)
    assert whole.startswith(next(pieces) + next(pieces))
    pieces.close()
    assert write(engine, dataclasses.replace(ASKED, most=5)) == whole[:5]
    assert write(engine, dataclasses.replace(ASKED, stop=(whole[4:6],))) == whole[:4]
    warm = dataclasses.replace(ASKED, temperature=2.0, seed=7)
    assert write(engine, warm) != whole


def test_a_grammar_holds_and_one_that_cannot_be_read_is_told(engine):
    held = dataclasses.replace(ASKED, grammar='root ::= "ab" [x-z]')
    assert write(engine, held)[:2] == "ab"
    with pytest.raises(BadInput, match="the grammar cannot be read"):
        write(engine, dataclasses.replace(ASKED, grammar="root ::= [a-"))


def test_its_port_is_locked(engine):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{engine._server.listening_address}/v1/models/x", timeout=5)
    assert refused.value.code == 401


def test_what_it_cannot_do_is_a_sentence_without_the_prompt(made, engine, tmp_path, capfd):
    long = dataclasses.replace(ASKED, messages=(Message("user", "secret" * 60),))
    with pytest.raises(BadInput, match="tokens, 128 are read; leave out") as refused:
        write(engine, long)
    with pytest.raises(NotFound, match=r"no adapter is called 'b' \(there are: scripts\)"):
        write(engine, dataclasses.replace(ASKED, adapter="b"))
    other = Laid(made.laid.path, "f" * 64)
    with pytest.raises(BadInput, match="mine: the adapter belongs to another base"):
        LlamaCpp(made.gguf, made.base.spoken, {"mine": other})
    with pytest.raises(NotFound, match="no such file"):
        LlamaCpp(tmp_path / "none.gguf", made.base.spoken)
    (tmp_path / "torn.gguf").write_bytes(b"GGUF torn")
    with pytest.raises(NotReady, match="cannot load it"):
        LlamaCpp(tmp_path / "torn.gguf", made.base.spoken)
    said = capfd.readouterr()
    assert "secret" not in f"{refused.value}{said.out}{said.err}{long!r}"


def test_conversations_of_one_opening_keep_what_was_read_of_each(made):
    opened = LlamaCpp(made.gguf, made.base.spoken, context=256, slots=3, threads=1)
    opening = Message("system", "briefing " * 2)

    def read(number):
        told = []
        said = (opening, Message("user", f"{number} asks about it " * 6))
        asked = dataclasses.replace(ASKED, messages=said, most=1, tell=told.append)
        write(opened, asked)
        return told[0]

    first = [read(number) for number in range(3)]
    again = [read(number) for number in range(3)]
    opened.close()
    assert max(one.kept for one in first) <= 1, "one took another's slot for its opening"
    assert [one.tokens - one.kept for one in again] == [1, 1, 1]


def test_a_closed_engine_says_so(made):
    closed = LlamaCpp(made.gguf, made.base.spoken, context=64, threads=1)
    closed.close()
    with pytest.raises(NotReady, match="it was closed"):
        write(closed, ASKED)
