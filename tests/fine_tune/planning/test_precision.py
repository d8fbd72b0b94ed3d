"""A run keeps the dtype that it began with."""

import pytest
import torch

from fine_tune.planning import precision
from fine_tune.planning.precision import dtype_of
from fine_tune.recipe import Recipe
from finmodel.errors import Damaged


def test_a_later_life_computes_in_what_the_first_found_fastest(tmp_path, monkeypatch):
    recipe = Recipe(name="a", base="b")
    for first, later in ((torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)):
        folder = tmp_path / str(first)
        monkeypatch.setattr(precision, "fastest_dtype", lambda found=first: found)
        assert dtype_of(recipe, folder) == first
        monkeypatch.setattr(precision, "fastest_dtype", lambda found=later: found)
        assert dtype_of(recipe, folder) == first


def test_a_recipe_that_names_one_gets_it_and_leaves_no_note(tmp_path):
    assert dtype_of(Recipe(name="a", base="b", dtype="float64"), tmp_path) == torch.float64
    assert not list(tmp_path.iterdir())


def test_a_note_that_names_none_is_told(tmp_path):
    (tmp_path / "dtype.txt").write_text("torch.load")
    with pytest.raises(Damaged, match="it names no dtype"):
        dtype_of(Recipe(name="a", base="b"), tmp_path)
