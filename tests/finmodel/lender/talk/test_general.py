"""General text: as much as was asked for, varied, the same for a seed, and no script in it."""

import lzma
import re
from itertools import islice
from random import Random

import pytest

from finmodel.assistant.scripts import load_scripts
from finmodel.errors import BadInput
from finmodel.lender.talk.general import general_text
from finmodel.lender.talk.phrasings import families, grammar

SIZE = 1_500_000


@pytest.fixture(scope="module")
def texts():
    return list(general_text(SIZE, seed=3))


def test_it_is_as_long_as_was_asked_for(texts):
    size = sum(len(one.encode()) + 1 for one in texts)
    assert SIZE <= size < SIZE + 10_000
    assert list(general_text(0)) == []
    with pytest.raises(BadInput, match="ask for 0 or more"):
        next(general_text(-1))


def test_it_is_the_same_for_a_seed_and_another_for_another(texts):
    assert list(islice(general_text(SIZE // 2, seed=3), 300)) == texts[:300]
    other = list(general_text(200_000, seed=4))
    assert len(set(other) & set(texts)) <= 0.02 * len(other)


def test_it_is_varied(texts):
    joined = "".join(texts)
    sentences = [one for one in re.split("[。？！；\n]", joined) if one]
    assert len(set(texts)) >= 0.97 * len(texts)
    assert len(set(sentences)) >= 0.6 * len(sentences)
    assert len({one for one in joined if "\u4e00" <= one <= "\u9fff"}) >= 1_700

    assert len(lzma.compress(joined.encode())) >= 0.13 * len(joined.encode())


def test_templates_are_filled(texts):
    assert [one for one in texts if re.search(r"[\[\]{}<>|]", one.replace(" | ", ""))] == []


def test_no_script_and_nothing_held_back_stands_in_it(texts):
    joined = "\n".join(texts)
    pieces = [
        piece
        for one in load_scripts().values()
        for piece in re.split(r"\{\w+\}|[。；]", one.text)
        if len(piece) >= 16
    ]
    assert len(pieces) >= 250
    assert [piece for piece in pieces if piece in joined] == []
    chance = Random(1)
    later = {
        grammar().say(one.template, chance, str)
        for (_, part), many in families().items()
        for one in [*many, *many, *many]
        if part != "train"
    }
    long = [one for one in later if len(one) >= 8]
    assert len(long) >= 400
    assert [one for one in long if one in joined] == []
