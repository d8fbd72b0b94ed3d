"""Weights that are not all there are told by their headers, before anything is loaded."""

import json

import pytest
import torch
from safetensors.torch import save, save_file

from fine_tune.bases.whole import INDEX, require_whole
from finmodel.errors import Damaged, NotFound

WHOLE = save({"a": torch.zeros(200)})
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (WHOLE[:5], "it is cut off, or no safetensors file"),
        (WHOLE[:40], "it is cut off"),
        (WHOLE[:-1], "it is cut off"),
        (b"PK" + bytes(500), "it is cut off, or no safetensors file"),
        (POINTER, "Git LFS's pointer to the weights, which were not fetched"),
        (save({}), "it holds no weights"),
    ],
)
def test_a_file_that_is_not_whole_is_told(tmp_path, content, says):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=rf"model\.safetensors: .*{says}.*; fetch the base again"):
        require_whole(tmp_path, [path])


def test_a_part_that_the_index_names_must_be_there(tmp_path):
    first = tmp_path / "model-1.safetensors"
    save_file({"a": torch.zeros(2, dtype=torch.bfloat16)}, first)
    told = {"weight_map": {"a": first.name, "b": "model-2.safetensors"}}
    (tmp_path / INDEX).write_text(json.dumps(told))
    with pytest.raises(NotFound, match=r"1 of its files .* not there: model-2\.safetensors"):
        require_whole(tmp_path, [first])
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": first.name}}))
    require_whole(tmp_path, [first])
    (tmp_path / INDEX).write_text('{"weight_map": [1]}')
    with pytest.raises(Damaged, match="it is no index of weights"):
        require_whole(tmp_path, [first])
