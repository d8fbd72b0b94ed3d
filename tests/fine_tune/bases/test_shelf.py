"""Bases by name, and a GGUF that becomes a directory with the very logits that it had."""

import msgspec
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from fine_tune.bases.base import open_base
from fine_tune.bases.shelf import (
    UNPACKED_FROM,
    all_bases,
    find_base,
    gguf_of,
    shelve,
    shelved,
)
from fine_tune.bases.unpack import unpack
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.hashed_file import hashed
from finmodel.hashes import sha256_of
from tests.fine_tune.small_model import qwen2_gguf, small_base


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    return small_base(tmp_path / "mine", ["你好，请还款"])


def test_a_base_is_found_by_the_name_it_was_given(folder, tmp_path):
    shelf = tmp_path / "shelf"
    said = shelve(shelf, "mine", folder)
    assert find_base(shelf, "mine") == said
    assert said.digest == open_base(folder).digest
    assert [one.name for one in shelved(shelf)] == ["mine"]
    assert [one.name for one in all_bases(shelf)] == ["tiny", "mine"]
    with pytest.raises(NotFound, match=r"no base is called 'other' \(there are: mine\)"):
        find_base(shelf, "other")
    with pytest.raises(BadInput, match=r"'\.\./x' is no name"):
        shelve(shelf, "../x", folder)
    (shelf / "mine.json").write_text("{}")
    with pytest.raises(Damaged, match="it says of no base where it is"):
        find_base(shelf, "mine")


def test_a_gguf_that_was_changed_in_its_place_is_noticed_before_it_is_opened(folder, tmp_path):
    shelf, path = tmp_path / "shelf", tmp_path / "small.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    said = shelve(shelf, "mine", folder, hashed(path))
    assert gguf_of(shelf, said) == path
    assert gguf_of(shelf, msgspec.structs.replace(said, gguf="")) is None
    path.touch()
    assert gguf_of(shelf, said) == path
    assert find_base(shelf, "mine").gguf_mark != said.gguf_mark, "it would be hashed each time"
    path.write_bytes(b"GGUF" + bytes(63) + b"x")
    with pytest.raises(Damaged, match=r"small\.gguf: its bytes are not those"):
        gguf_of(shelf, find_base(shelf, "mine"))


def test_a_shelf_of_before_hashes_were_kept_finds_them_beside_the_weights(folder, tmp_path):
    shelf, path = tmp_path / "shelf", tmp_path / "small.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    said = shelve(shelf, "mine", folder)
    old = msgspec.structs.replace(said, gguf=str(path))
    with pytest.raises(Damaged, match="not noted"):
        gguf_of(shelf, old)
    (folder / UNPACKED_FROM).write_text(sha256_of(path))
    assert gguf_of(shelf, old) == path
    assert find_base(shelf, "mine").gguf_sha256 == sha256_of(path)


def test_what_is_no_gguf_is_told(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(BadInput, match="it is no GGUF file"):
        unpack(path, tmp_path / "out")
    with pytest.raises(NotFound, match="no such file"):
        unpack(tmp_path / "none.gguf", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gguf_becomes_a_directory_with_the_same_logits(tmp_path, capfd):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "small.gguf"
    qwen2_gguf(path, np.random.default_rng(1))
    seen = []
    folder = unpack(path, tmp_path / "out", lambda *told: seen.append(told))
    assert seen[-1] == ("tensors unpacked", len(seen), len(seen))
    assert "%|" not in capfd.readouterr().err, "transformers shows a bar of its own"
    base = open_base(folder)
    assert (base.model_type, base.family.name) == ("qwen2", "chatml")
    assert base.encode("<|im_end|>", True) == [1]
    token = torch.tensor([[0, 5, 9, 2, 1]])
    with torch.no_grad():
        mine = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(token).logits
        theirs = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32
        )(token).logits
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-4)
