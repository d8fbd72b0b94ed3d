"""LightGBM models: float32 rows in, scores and contributions out, the same bits as LightGBM.

A model is its text; nothing is unpickled. What is not surely the same here goes to LightGBM's own
Booster, which is imported only then, and `why_booster` says so. Knows no feature, file or registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from finmodel import kernels
from finmodel.contributions import contributions_blob, explain, paths
from finmodel.errors import BadInput, Damaged
from finmodel.layout import ask, block_blob, rows_blob, shape
from finmodel.records import Float32s, Float64s, Int64s
from finmodel.trees import Forest, parse

FEW_ROWS: Final = 12
"""So many rows are walked one by one faster than a block of lanes is filled."""

_FLOAT32 = np.dtype(np.float32)
_KNOWN_VERSIONS = ("v3", "v4")
_MOST_BITS = 64
_AS_THEY_ARE = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
_EXPONENTIALS = ("poisson", "gamma", "tweedie")


@dataclass(frozen=True, slots=True, eq=False)
class _Compiled:
    """A forest as the kernels walk it."""

    rows: Int64s
    blocks: tuple[Int64s, kernels.Masks] | None
    """None where a tree has more leaves than a mask has bits."""
    paths: Int64s | None
    """None where the text does not count the rows of its leaves."""


class Scorer:
    """A model of one score a row; it holds no state, so threads may share it."""

    def __init__(self, forest: Forest, model: _Compiled | _Booster) -> None:
        self.feature_names = forest.feature_names
        self._width = len(forest.feature_names)
        self._model = model
        self.why_booster = model.why if isinstance(model, _Booster) else ""
        if isinstance(model, _Booster):
            self.engine = "booster"
        else:
            self.engine = "bitvector" if model.blocks else "traversal"

    @classmethod
    def from_text(cls, text: str, *, start_iteration: int = 0, num_iteration: int = -1) -> Scorer:
        """The scorer of LightGBM's model text, or of some of its iterations (<= 0: all).

        BadInput if it is not such a text, Damaged if it is one no longer.
        """
        forest = parse(text, start_iteration=start_iteration, num_iteration=num_iteration)
        ending = _ending(forest.objective)
        why = _why_booster(forest)
        if why or ending is None:
            return cls(forest, _Booster(text, why, (start_iteration, num_iteration)))
        scorer = cls(forest, _compile(forest, ending))
        scorer._warm()
        return scorer

    def raw_many(self, matrix: Float32s) -> Float64s:
        """(n,) raw scores, such as log-odds: Booster.predict(raw_score=True), the same bits."""
        return self._score(matrix, False)

    def score_many(self, matrix: Float32s) -> Float64s:
        """(n,) scores, such as probabilities: Booster.predict, the same bits."""
        return self._score(matrix, True)

    def contributions(self, matrix: Float32s) -> Float64s:
        """(n, f + 1) what each feature adds to the raw score, and last the base: pred_contrib."""
        rows, model = self._checked(matrix), self._model
        if isinstance(model, _Booster):
            return model.predict(rows, pred_contrib=True)
        if model.paths is None:
            raise BadInput(
                "contributions are not defined: some leaf has no training rows",
                where="model text: leaf_count",
                remedy="train the model again with min_data_in_leaf of at least 1",
            )
        out = np.empty((rows.shape[0], self._width + 1))
        explain(rows, model.paths, out)
        return out

    def _score(self, matrix: Float32s, final: bool) -> Float64s:
        rows, model = self._checked(matrix), self._model
        if isinstance(model, _Booster):
            return model.predict(rows, raw_score=not final)
        out = np.empty(rows.shape[0])
        if model.blocks is None or rows.shape[0] < FEW_ROWS:
            kernels.score_rows(rows, model.rows, final, out)
        else:
            kernels.score_blocks(rows, *model.blocks, final, out)
        return out

    def _checked(self, matrix: Any) -> Float32s:
        """The rows as the kernels need them, which check no index themselves."""
        if not (
            isinstance(matrix, np.ndarray)
            and matrix.dtype == _FLOAT32
            and matrix.ndim == 2
            and matrix.shape[1] == self._width
        ):
            kind, form = getattr(matrix, "dtype", type(matrix)), getattr(matrix, "shape", "")
            raise BadInput(
                f"rows are {kind} {form}",
                where="scorer",
                remedy=f"give a numpy array of float32 (n, {self._width})",
            )
        # numba would compile anew for read-only or strided memory; a copy is cheaper.
        rows: Float32s = matrix if matrix.flags.carray else matrix.copy()
        return rows

    def _warm(self) -> None:
        """Load or compile now what the first request would wait for."""
        rows = np.zeros((FEW_ROWS, self._width), np.float32)
        self.score_many(rows)
        self.score_many(rows[:1])
        if isinstance(self._model, _Compiled) and self._model.paths is not None:
            self.contributions(rows[:1])


class _Booster:
    """LightGBM itself, for the iterations asked for."""

    def __init__(self, text: str, why: str, iterations: tuple[int, int]) -> None:
        import lightgbm  # serving starts without it

        self.why, self._iterations = why, iterations
        self._refusal = lightgbm.basic.LightGBMError
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except self._refusal as error:
            raise Damaged(
                f"LightGBM cannot read it ({error})",
                where="model text",
                remedy="export the model again",
            ) from error

    def predict(self, matrix: Float32s, **how: Any) -> Float64s:
        """Booster.predict on one core; (n, k) where the model has k classes."""
        start, number = self._iterations
        try:
            scores = self._booster.predict(
                matrix, start_iteration=start, num_iteration=number, num_threads=1, **how
            )
        except self._refusal as error:
            raise BadInput(
                f"LightGBM refuses ({error})", where="scorer", remedy="score another model"
            ) from error
        return np.asarray(scores, np.float64)


def _compile(forest: Forest, ending: tuple[int, float]) -> _Compiled:
    asked, form = ask(forest), shape(forest)
    how, parameter = ending
    divisor = len(forest) if forest.averaged else 1
    end = np.array([how, parameter, divisor], np.float64)
    found = paths(forest, form)
    few_leaves = np.diff(forest.first).max() < _MOST_BITS
    return _Compiled(
        rows=rows_blob(forest, asked, form, end),
        blocks=block_blob(forest, asked, form, end) if few_leaves else None,
        paths=None if found is None else contributions_blob(forest, asked, form, found),
    )


def _why_booster(forest: Forest) -> str:
    """A sentence, or nothing where the kernels give LightGBM's bits."""
    if forest.trees_per_iteration != 1:
        return "The model gives several scores a row."
    if forest.linear:
        return "Its leaves hold linear models."
    if forest.version not in _KNOWN_VERSIONS:
        return f"Its text is of version {forest.version!r}, which is not known here."
    if _ending(forest.objective) is None:
        return f"How its objective {forest.objective!r} ends a score is not known here."
    return ""


def _ending(objective: str) -> tuple[int, float] | None:
    """How a raw score becomes a score, and the parameter; None where that is not sure.

    The objectives' formulas are in LightGBM's src/objective, ConvertOutput.

    >>> _ending("poisson") == (kernels.EXPONENTIAL, 1.0), _ending("lambdarank")
    (True, None)
    """
    name, *words = objective.split() or ["custom"]
    simple = {
        "custom": kernels.AS_IS,
        "cross_entropy": kernels.SIGMOID,
        "cross_entropy_lambda": kernels.SOFTPLUS,
        **dict.fromkeys(_AS_THEY_ARE, kernels.AS_IS),
        **dict.fromkeys(_EXPONENTIALS, kernels.EXPONENTIAL),
    }
    if name == "binary":
        sigmoid = _sigmoid(words)
        return None if sigmoid is None else (kernels.SIGMOID, sigmoid)
    if name in _AS_THEY_ARE and name != "huber" and "sqrt" in words:
        return kernels.SIGNED_SQUARE, 1.0
    return (simple[name], 1.0) if name in simple else None


def _sigmoid(words: list[str]) -> float | None:
    """The parameter as LightGBM reads it, which is not always the nearest float64.

    >>> _sigmoid(["sigmoid:1.14"])
    1.1400000000000001
    """
    found = re.fullmatch(r"sigmoid:(\d{1,15})(?:\.(\d{1,15}))?", " ".join(words), re.ASCII)
    if not found:
        return None
    whole, decimals = found[1], found[2] or "0"
    return int(whole) + int(decimals) / 10 ** len(decimals) or None
