"""A card as trees gives LightGBM itself, and our scorer, the card's points on every row."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finmodel.boosting import settled
from finmodel.manifest import Scaling
from finmodel.scorer import Scorer
from risk.scaling import points_many
from risk.scorecard.bins import CategoryBins, NumericBins
from risk.scorecard.card import Scorecard, Variable, points_of
from risk.scorecard.forest import JUST_ABOVE, forest_text

NAMES = ("unused", "amount", "job")
JOBS = ("clerk", "driver", "nurse")
SCALING = Scaling(600, 50, 20)
TINY = 1e-30
"""LightGBM takes numbers under 1e-35 for 0, and so does our scorer."""
singles = st.floats(-1e6, 1e6, width=32).filter(lambda one: one == 0.0 or abs(one) > TINY)
points = st.integers(-60, 60).map(float)


def card_of(cuts: list[float], special: list[float], given_points: list[float]) -> Scorecard:
    bins = NumericBins(tuple(cuts), tuple(special))
    jobs = CategoryBins((("driver",), ("clerk", "nurse")))
    some = tuple(given_points[: len(bins)])
    other = tuple(given_points[-len(jobs) :])
    return Scorecard(
        "c", 0.0, SCALING, 2, 512.0,
        (
            Variable("amount", bins, 1.0, some, some),
            # Rows of a table know what is missing alone: other categories are taken as that.
            Variable("job", jobs, 1.0, other, (*other[:-1], other[-2])),
        ),
    )  # fmt: skip


def columns(matrix: np.ndarray) -> dict:
    jobs = np.array([*JOBS, None], dtype=object)
    codes = np.where(np.isnan(matrix[:, 2]), 3, matrix[:, 2]).astype(int)
    return {"amount": np.ascontiguousarray(matrix[:, 1]), "job": jobs[codes]}


@given(
    st.lists(singles, max_size=5, unique=True),
    st.lists(singles, max_size=3, unique=True),
    st.lists(points, min_size=14, max_size=14),
    st.lists(singles, max_size=20),
)
def test_every_row_gets_the_cards_points_and_never_less(cuts, special, told, values):
    card = card_of(sorted(cuts), special, told)
    edges = np.array([*cuts, *special], dtype=np.float32)
    around = [np.nextafter(edges, np.float32(side)) for side in (-np.inf, np.inf)]
    amounts = np.concatenate(
        [np.float32(values), edges, *around, np.float32([np.nan, np.inf, -np.inf, 0.0])]
    ).astype(np.float32)
    amounts = amounts[~((amounts != 0.0) & (np.abs(amounts) < TINY))]
    jobs = np.resize(np.float32([0, 1, 2, np.nan]), len(amounts))
    matrix = np.column_stack([amounts, amounts, jobs]).astype(np.float32)
    text = forest_text(card, NAMES, matrix, {"job": JOBS})
    scorer = Scorer.from_text(text)
    over = points_many(scorer.raw_many(matrix), SCALING) - points_of(card, columns(matrix))
    assert over.min() > 0.0
    assert over.max() < 2 * JUST_ABOVE


def test_lightgbm_reads_it_and_scores_the_same_bits():
    card = card_of([0.0, 0.5, 2.5], [-1.0], [3, -4, 5, 6, -7, 8, 9, 1, 2, -3, 4, 5, -6, 7])
    random = np.random.default_rng(1)
    matrix = random.normal(1, 2, (500, 3)).astype(np.float32)
    matrix[:, 2] = random.integers(0, 3, 500)
    matrix[random.random((500, 3)) < 0.1] = np.nan
    matrix[::7, 1], matrix[::9, 1] = -1.0, 0.0
    text = settled(forest_text(card, NAMES, matrix, {"job": JOBS}))
    assert settled(text) == text
    booster, scorer = lgb.Booster(model_str=text), Scorer.from_text(text)
    over = points_many(booster.predict(matrix, raw_score=True), SCALING) - points_of(
        card, columns(matrix)
    )
    assert 0.0 < over.min() <= over.max() < 2 * JUST_ABOVE
    assert scorer.raw_many(matrix).tobytes() == booster.predict(matrix, raw_score=True).tobytes()
    told = booster.predict(matrix, pred_contrib=True)
    np.testing.assert_allclose(scorer.contributions(matrix), told, atol=1e-12)
    assert np.abs(told[:, :-1].mean(axis=0)).max() < 1e-9
    assert (told[:, 0] == 0.0).all()
