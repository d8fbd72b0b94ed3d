"""The vectors of a file are those of the same weights in transformers, whatever stands beside."""

import numpy as np
import pytest
import torch

from benchmarks._e5_small import LAYERS, E5Small
from finmodel.errors import Damaged
from tests.benchmarks.small_e5 import PIECES, write

TEXTS = ["花呗", "花呗还", "还花呗还", "花呗", "还花", "Ａ  还"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    path = tmp_path_factory.mktemp("e5") / "e5.bin"
    return write(path), E5Small(path)


def test_vectors_are_those_of_the_same_weights_in_transformers(both):
    theirs, ours = both
    found = ours.vectors(TEXTS, lambda _: None)
    with torch.no_grad():
        for text, vectors in zip(TEXTS, found, strict=True):
            tokens = torch.tensor([ours.tokens(text)])
            layers = theirs(tokens, output_hidden_states=True).hidden_states
            wanted = [layers[number][0].mean(0).numpy() for number in LAYERS]
            assert np.abs(vectors - np.stack(wanted)).max() < 5e-3
    assert np.abs(found[0].astype(float) - found[1]).max() > 0.05


def test_a_text_is_read_in_its_likeliest_pieces_its_characters_rewritten(both):
    pieces = [
        [PIECES[one] for one in both[1].tokens(text)] for text in ("花呗还", "Ａ\u3000 还", "x")
    ]
    assert pieces == [
        ["<s>", "▁", "query", ":", "▁", "花呗", "还", "</s>"],
        ["<s>", "▁", "query", ":", "▁", "a", "▁", "还", "</s>"],
        ["<s>", "▁", "query", ":", "▁", "<unk>", "</s>"],
    ]


def test_it_is_foretold_how_long_it_takes(both):
    heard = []
    both[1].vectors(TEXTS * 20, heard.append)
    assert 2 <= len(heard) <= 11
    assert heard[-1].endswith("about 0 s to go")


def test_another_file_is_refused(tmp_path):
    (tmp_path / "e5.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(Damaged, match="it is no e5 model"):
        E5Small(tmp_path / "e5.bin")
