"""A randomised trial of which each customer's effect is known."""

from __future__ import annotations

import numpy as np

from finmodel.records import Float64s
from marketing.effects.uplift import Given
from marketing.effects.uplift_metrics import Trial

NAMES = ("moved", "base", "noise", "kind")


def known_trial(n: int, seed: int = 0, share: float = 0.5) -> tuple[Given, Float64s]:
    """Customers whom the treatment moves by up to 0.3 of response, as `moved` says, some away."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(n, 4)).astype(np.float32)
    matrix[:, 3] = random.integers(0, 3, n)
    effect = 0.3 / (1.0 + np.exp(-2.0 * matrix[:, 0].astype(np.float64))) - 0.05
    base = 0.3 / (1.0 + np.exp(-matrix[:, 1].astype(np.float64)))
    treated = random.random(n) < share
    response = (random.random(n) < np.clip(base + treated * effect, 0, 1)).astype(np.float64)
    return Given(matrix, NAMES, Trial(treated, response)), effect
