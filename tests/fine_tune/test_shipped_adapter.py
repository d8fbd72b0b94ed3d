"""The packed adapter: whole, close to what was packed, and good enough for its own gates."""

import shutil

import msgspec
import numpy as np
import pytest
from peft import LoraConfig
from safetensors.numpy import load_file, save_file

from fine_tune.judging.gates import verdict
from fine_tune.recipe import load
from fine_tune.shipped_adapter import FOLDER, NAME, RECIPE, pack, read_card, unpack
from finmodel.errors import Damaged


def test_what_it_was_judged_by_passes_the_gates_of_its_recipe():
    card, recipe = read_card(), load(RECIPE)
    assert recipe.name == NAME
    assert (card.rank, card.base_name) == (recipe.adapter.rank, recipe.base)
    assert verdict(recipe, card.figures) == (True, ())


def test_weights_that_are_not_those_of_the_card_are_refused(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "other")
    with (tmp_path / "other/adapter.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00" if file.read(1) != b"\x00" else b"\x01")
    with pytest.raises(Damaged, match="the shipped adapter's weights are"):
        unpack(tmp_path, tmp_path / "other")
    (tmp_path / "other/adapter.safetensors").unlink()
    with pytest.raises(Damaged, match="missing"):
        read_card(tmp_path / "other")


def test_peft_reads_what_it_is_unpacked_to(tmp_path):
    card = unpack(tmp_path)
    config = LoraConfig.from_pretrained(str(tmp_path))
    assert (config.r, config.lora_alpha, config.use_rslora) == (card.rank, card.alpha, card.rslora)
    assert set(config.target_modules) == set(card.targets)
    assert len(load_file(tmp_path / "adapter_model.safetensors")) == 28 * 7 * 2


def test_five_bits_keep_weights_within_a_sixteenth_of_their_block(tmp_path):
    random = np.random.default_rng(8)
    shapes = {"x.lora_A.weight": (16, 96), "x.lora_B.weight": (64, 16)}
    made = {name: random.normal(0, 0.02, shape).astype("f4") for name, shape in shapes.items()}
    save_file(made, tmp_path / "adapter_model.safetensors")
    (tmp_path / "packed").mkdir()
    digest = pack(tmp_path, tmp_path / "packed")
    card = read_card()
    told = msgspec.structs.replace(card, sha256=digest)
    (tmp_path / "packed/card.json").write_bytes(msgspec.json.encode(told))
    unpack(tmp_path, tmp_path / "packed")
    for name, values in load_file(tmp_path / "adapter_model.safetensors").items():
        rows, was = (values.T, made[name].T) if "lora_B" in name else (values, made[name])
        blocks = was.reshape(-1, 32)
        off = np.abs(rows.astype("f4").reshape(-1, 32) - blocks).max(1)
        assert (off <= np.abs(blocks).max(1) / 16 * 1.01).all()
