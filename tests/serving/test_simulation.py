"""Which probability of default a simulation counts losses by."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from finmodel.manifest import Calibration, PricingPd
from serving.simulation import pds_of

NONE = float("nan")


def test_losses_are_counted_by_the_pd_for_prices_where_the_model_scored():
    logged = [(-1.0, 0.11), (0.5, 0.22), (NONE, 0.33), (NONE, NONE)]
    rows = [
        SimpleNamespace(past=SimpleNamespace(raw=np.float64(raw), probability=np.float64(pd)))
        for raw, pd in logged
    ]
    steps = Calibration("platt", pricing=PricingPd(starts=(0.0,), pds=(0.1, 0.4)))
    np.testing.assert_array_equal(pds_of(rows, steps), [0.1, 0.4, 0.33, NONE])
    np.testing.assert_array_equal(pds_of(rows, Calibration()), [pd for _, pd in logged])
