"""The grammar holds a real llama.cpp to words and slots."""

from contextlib import closing

import pytest

from finmodel.assistant.engines.engine import Asked, write
from finmodel.assistant.engines.llama_cpp import LlamaCpp
from finmodel.assistant.slots import places
from finmodel.assistant.suggesting.grammar import grammar_of
from tests.finmodel.assistant.engines.small_engines import ASKED, small


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    made = small(tmp_path_factory.mktemp("grammar"))
    with closing(LlamaCpp(made.gguf, made.base.spoken)) as engine:
        yield engine


@pytest.mark.parametrize("slots", [["amount_due", "due_date"], []])
def test_an_untrained_base_writes_no_digit_and_only_slots_that_may_stand(engine, slots):
    free, held = "", ""
    for seed in range(12):
        asked = Asked(ASKED.messages, most=24, temperature=2.0, seed=seed)
        free += write(engine, asked)
        with_grammar = Asked(
            ASKED.messages, most=24, temperature=2.0, seed=seed, grammar=grammar_of(slots)
        )
        held += write(engine, with_grammar)
    assert any(sign in "0123456789<>|%\n" for sign in free)
    assert held
    assert not any(sign in "0123456789<>|%\n" for sign in held)
    assert {name for name, _, _ in places(held)} <= set(slots)
