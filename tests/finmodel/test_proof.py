"""Proofs that catch what they are for: a wrong scorer, and a score that turns back."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np

from finmodel.boosting import Lesson, fit
from finmodel.proof import drawn, monotone_breaks, parity
from finmodel.scorer import Scorer

RANDOM = np.random.default_rng(6)
ROWS = RANDOM.normal(size=(800, 2)).astype(np.float32)
ROWS[::9, 1] = np.nan
LABELS = (np.abs(ROWS[:, 0]) + RANDOM.normal(size=800) > 1) * 1.0
PARAMS = {"num_leaves": 6, "num_threads": 1, "learning_rate": 0.2}


def scorer_of(monotone: dict[str, int] | None = None) -> tuple[str, Scorer]:
    text = fit(Lesson(ROWS, LABELS, ("a", "b"), monotone=monotone), PARAMS, 20)
    return text, Scorer.from_text(text)


def test_parity_with_lightgbm_is_exact_and_a_wrong_oracle_is_seen():
    text, scorer = scorer_of()
    booster = lgb.Booster(model_str=text)
    assert parity(scorer, booster.predict, ROWS) == 0.0
    assert parity(scorer, lambda rows: booster.predict(rows) + 1e-9, ROWS) > 1e-12
    assert parity(scorer, lambda rows: booster.predict(rows[:, ::-1]), ROWS) > 0.01


def test_a_score_that_turns_back_breaks_its_direction():
    _, free = scorer_of()
    _, held = scorer_of({"a": 1})
    assert monotone_breaks(free, ("a", "b"), {"a": 1}, ROWS, 1) > 0
    assert monotone_breaks(held, ("a", "b"), {"a": 1}, ROWS, 1) == 0
    assert monotone_breaks(held, ("a", "b"), {"a": -1}, ROWS, 1) > 0


def test_drawn_rows_are_the_datas_and_one_of_nothing():
    rows = drawn(ROWS, 50, seed=3)
    assert rows.shape == (51, 2)
    assert np.isnan(rows[-1]).all()
    known = {row.tobytes() for row in ROWS}
    assert all(row.tobytes() in known for row in rows[:-1])
    assert len(drawn(ROWS, 10_000, seed=3)) == 801
