"""The tiny base: shipped whole, small enough, made by its own script, and it says what it is."""

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from fine_tune.bases.base import open_base
from fine_tune.bases.shipped import FOLDER, shipped
from fine_tune.bases.tiny_base import VOCABULARY, config, make
from fine_tune.judging.evaluate import mean_loss
from fine_tune.lessons.texts import text_samples
from fine_tune.network.model import load_base
from finmodel.errors import Damaged
from finmodel.lender.talk.general import general_text


def test_it_is_small_whole_and_shaped_as_its_script_says():
    folder = shipped()
    weights = (folder / "model.safetensors").stat().st_size
    assert weights < 16 * 2**20
    model = load_base(folder, torch.float32)
    assert 6.5e6 < model.num_parameters() < 7.5e6
    told = config().to_dict()
    for key in ("hidden_size", "num_hidden_layers", "vocab_size", "tie_word_embeddings"):
        assert getattr(model.config, key) == told[key]
    assert open_base(folder).family.name == "chatml"


def test_it_has_learnt_its_text():
    base = open_base(shipped())
    model = load_base(base.folder, torch.float32)
    loss = mean_loss(model, text_samples(general_text(40_000, 7), base.encode, 512), 512)
    assert loss < 0.3 * math.log(VOCABULARY)


def test_its_tokenizer_is_transformers_too_and_gives_every_text_back():
    base = open_base(shipped())
    theirs = AutoTokenizer.from_pretrained(FOLDER)
    for text in ("您本期应还{amount_due}，请在3月5日前还款。", "Ａ１ ünïcode\n\t🙂 <|im_end|>"):
        assert base.encode.decode(base.encode(text, False)) == text
        assert theirs.encode(text, add_special_tokens=False) == list(base.encode(text, True))
    # Digits stand alone, so that figures are spelt.
    assert len(base.encode("20261129", False)) == 8


def test_weights_of_another_hash_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(Damaged, match="the tiny base's weights are"):
        shipped(tmp_path)
    with pytest.raises(Damaged, match="missing"):
        shipped(tmp_path / "none")


def test_its_script_makes_a_base(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("fine_tune.bases.tiny_base.TEXT", 200_000)
    make(tmp_path, steps=2)
    assert open_base(tmp_path).family.name == "chatml"
