"""What is lent its arrays makes none, gives none back, and leaves them to whoever holds them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.errors import NumbaError

from finmodel.compiling import Numbers, compilers

compiled, lent = compilers(Path(__file__).parent, ["test_compiling"])


@lent
def ends(row: Any) -> Numbers:
    return row[0], row[-1]


@lent
def sum_of_ends(rows: Any) -> float:
    total = 0.0
    for n in range(len(rows)):
        first, last = ends(rows[n])
        total += first + last
    return total


@compiled
def twice(rows: Any) -> np.ndarray:
    found = np.empty(2)
    for n in range(2):
        found[n] = sum_of_ends(rows[n:])
    return found


def test_arrays_are_held_by_nobody_more_or_less_after_they_were_lent() -> None:
    rows = np.arange(12.0).reshape(4, 3)
    before = sys.getrefcount(rows)
    found = [twice(rows) for _ in range(1_000)]
    assert sys.getrefcount(rows) == before
    assert np.array_equal(np.array(found), np.tile([44.0, 42.0], (1_000, 1)))


def test_what_may_give_back_an_array_is_not_lent_one() -> None:
    def first(rows: Any) -> Any:
        return rows[0]

    with pytest.raises(TypeError, match="first is lent its arrays and gives back Any"):
        lent(first)


def test_what_makes_an_array_is_not_compiled_as_lent() -> None:
    @lent
    def doubled(row: Any) -> float:
        found = np.empty(len(row))
        for n in range(len(row)):
            found[n] = 2 * row[n]
        return found[0]

    with pytest.raises(NumbaError, match="returning of array"):
        doubled(np.ones(3))


def test_code_of_another_text_has_another_name(tmp_path: Path) -> None:
    def named() -> str:
        def one() -> None:
            """Nothing."""

        compilers(tmp_path, ["kernels"]).compiled(one)
        return one.__qualname__

    (tmp_path / "kernels.py").write_text("one = 1\n")
    before = named()
    assert named() == before
    (tmp_path / "kernels.py").write_text("one = 2\n")
    assert named() != before
