"""The model text: what it says arrives unchanged, and damage is named, whatever it is."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.errors import BadInput, Damaged, FinmodelError
from finmodel.trees import MISSING_NAN, MISSING_ZERO, parse


def model(**recipe: object) -> lightgbm.Booster:
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(400, 4))
    matrix[:, 1] = rng.integers(0, 50, 400)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    label = np.nan_to_num(matrix[:, 0]) + 5 * (np.nan_to_num(matrix[:, 1]) % 3)
    names = ["余额", "地区", "c", "d"]
    data = lightgbm.Dataset(matrix, label, feature_name=names, categorical_feature=[1])
    fixed = {"verbose": -1, "num_threads": 1, "num_leaves": 9, "cat_smooth": 1}
    fixed |= {"min_data_per_group": 1}
    return lightgbm.train(fixed | recipe, data, 4)


TEXT = model().model_to_string()


def test_numbers_arrive_as_lightgbm_dumps_them() -> None:
    booster = model()
    forest, dump = parse(TEXT), booster.dump_model()
    assert forest.feature_names == ("余额", "地区", "c", "d")
    assert len(forest) == 4
    values = [booster.get_leaf_output(tree, leaf) for tree in range(4) for leaf in range(9)]
    assert np.array_equal(forest.leaf_value, values)
    for tree, said in enumerate(dump["tree_info"]):
        root, at = said["tree_structure"], forest.first[tree]
        assert forest.feature[at] == root["split_feature"]
        assert forest.node_rows[at] == root["internal_count"] == 400
        assert forest.default_left[at] == root["default_left"]
    assert forest.categorical.any()
    assert MISSING_NAN in forest.missing


def test_zero_as_missing_is_read() -> None:
    forest = parse(model(zero_as_missing=True).model_to_string())
    assert (forest.missing[~forest.categorical] == MISSING_ZERO).all()


def test_a_range_of_iterations_is_cut_out() -> None:
    whole, part = parse(TEXT), parse(TEXT, start_iteration=1, num_iteration=2)
    assert len(part) == 2
    assert np.array_equal(part.leaf_value, whole.leaf_value[9:27])
    assert len(parse(TEXT, start_iteration=-5, num_iteration=0)) == 4
    assert len(parse(TEXT, start_iteration=3, num_iteration=100)) == 1


@pytest.mark.parametrize("text", ["", "tree", "PK\x03\x04", "\x80\x05\x95pickle", "{}", "Tree=0\n"])
def test_another_kind_of_file_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match=r"Booster\.save_model"):
        parse(text)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("\nend of trees\n", "\n", "cut short"),
        ("tree_sizes=", "tree_sizes=1 ", "tree_sizes"),
        ("max_feature_idx=3", "max_feature_idx=4", "feature_names"),
        ("max_feature_idx=3", "max_feature_idx=three", "max_feature_idx"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3", "whole iterations"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0", "whole iterations"),
        ("num_leaves=9", "num_leaves=8", "Tree=0"),
        ("num_leaves=9", "num_leaves=0", "Tree=0"),
        ("left_child=", "left_chilt=", "left_child"),
        ("leaf_value=", "leaf_value=_", "leaf_value"),
        ("num_cat=", "num_cat=9", "cat_boundaries"),
        ("is_linear=0", "is_linear 0", "Tree=0"),
    ],
)
def test_damage_is_named(old: str, new: str, where: str) -> None:
    """Without the trees' sizes, so that nothing but the named check is in the way."""
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    if old not in ("tree_sizes=", "\nend of trees\n"):
        text = "\n".join(line for line in text.split("\n") if not line.startswith("tree_sizes="))
    with pytest.raises(Damaged, match=where):
        parse(text)


def test_one_character_more_is_noticed() -> None:
    with pytest.raises(Damaged, match="tree_sizes"):
        parse(TEXT.replace("shrinkage=", "shrinkage=1", 1))


@settings(max_examples=200, deadline=None)
@given(
    at=st.integers(0, len(TEXT) - 1),
    length=st.integers(0, 60),
    put=st.text(alphabet="0123456789 -.=\n\r\0eTreinaf_é", max_size=12),
)
def test_any_other_damage_is_a_typed_error_or_no_damage(at: int, length: int, put: str) -> None:
    text = TEXT[:at] + put + TEXT[at + length :]
    try:
        forest = parse(text)
    except FinmodelError:
        return
    nodes = np.diff(forest.first)
    assert len(forest.leaf_value) == len(forest.feature) + len(forest)
    assert ((forest.feature >= 0) & (forest.feature < len(forest.feature_names))).all()
    assert (forest.children >= -(np.repeat(nodes, nodes)[:, None] + 1)).all()
    assert (forest.children < np.repeat(nodes, nodes)[:, None]).all()
    assert (forest.bit_ranges[:, 0] <= forest.bit_ranges[:, 1]).all()
    assert (forest.bit_ranges <= len(forest.bits)).all()
