"""A service's writers: a base, what was promoted, and nothing that was changed since."""

import pytest

from finmodel.assistant.engines.engine import Asked, write
from finmodel.assistant.engines.llama_cpp import LlamaCpp
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.signed_adapters import GGUF
from serving.assisting.signed_writers import open_signed_writer
from serving.local_engine import forms_of
from tests.finmodel.assistant.engines.small_engines import ASKED
from tests.serving.small_adapter import promoted, shelved


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    settings, made = shelved(tmp_path_factory.mktemp("signed"))
    with open_signed_writer(settings, "small@champion") as bare:
        assert bare.adapter == ""  # none was promoted yet
    promoted(settings, made, "scripts")
    promoted(settings, made, "debts", version=2)
    return settings, made


def said(engine, adapter):
    return write(engine, Asked(ASKED.messages, adapter=adapter, most=12))


def test_the_champion_writes_what_the_adapter_that_was_signed_writes(desk):
    settings, made = desk
    assert forms_of(made.base, made.peft.path) == {GGUF: made.laid.path.read_bytes()}
    own = LlamaCpp(made.gguf, made.base.spoken, {"it": made.laid})
    expected = said(own, "it")
    own.close()
    with open_signed_writer(settings, "scripts") as writer:
        assert (writer.engine.name, writer.adapter) == ("llama.cpp", "scripts/1")
        assert said(writer.engine, writer.adapter) == expected
    with open_signed_writer(settings, "small@champion") as writer:
        assert writer.adapter == "debts/2"


def test_a_scenario_has_an_adapter_of_its_own_over_the_same_base(desk):
    settings, _ = desk
    with open_signed_writer(settings, "small,collection=debts/2") as writer:
        assert writer.within("collection").adapter == "debts/2"
        assert writer.within("repayment").adapter == ""
        assert said(writer.engine, "debts/2") != said(writer.engine, "")


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ("nobody", NotFound, "'nobody' is no base on the shelf, and no adapter that was promoted"),
        ("scripts/7", BadInput, "scripts version 7: it was never promoted"),
        ("scripts,weather=debts", BadInput, "'weather' is no scenario"),
    ],
)
def test_what_is_not_there_is_a_sentence(desk, words, error, says):
    settings, _ = desk
    with pytest.raises(error, match=says), open_signed_writer(settings, words):
        pass


def test_a_file_that_was_changed_is_refused_and_so_is_one_that_llama_cpp_cannot_read(desk):
    settings, made = desk
    promoted(settings, made, "plain", gguf=False)
    with (
        pytest.raises(BadInput, match="plain/1: it was promoted without the form that llama"),
        open_signed_writer(settings, "plain"),
    ):
        pass
    folder = promoted(settings, made, "touched")
    (folder / GGUF).write_bytes(b"others")
    with (
        pytest.raises(Damaged, match=r"adapter\.gguf: it was changed after it was signed"),
        open_signed_writer(settings, "touched"),
    ):
        pass
