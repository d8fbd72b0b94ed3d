"""The compiled counting against `drift.bin_counts` and numpy, feature by feature."""

import numpy as np

from finmodel.drift import bin_counts, bin_of, fit_bins
from finmodel.drift_kernels import Counter


def test_counts_sums_and_ends_are_those_of_each_feature_alone():
    rng = np.random.default_rng(3)
    build = rng.normal(size=(3_000, 5)).astype(np.float32)
    build[:, 1] = np.round(build[:, 1])  # spikes
    build[:, 2] = 4.0  # constant
    build[:, 3] = rng.integers(0, 5, len(build))  # categories
    build[rng.random(len(build)) < 0.1, 0] = -9999
    bins = [
        fit_bins(build[:, 0], sentinels=(-9999.0, -1.0)),
        fit_bins(build[:, 1]),
        fit_bins(build[:, 2]),
        fit_bins(build[:, 3], categorical=True),
        fit_bins(build[:, 4], 20),
    ]
    now = build[:2_000].copy()
    now[:50, 0], now[50:90, 0] = -1, np.nan
    now[:7, 2], now[7:9, 2] = 4.5, 3.0
    now[:11, 3], now[11:13, 3] = 17, np.nan
    now[:, 4] *= 3
    period = rng.integers(-1, 3, len(now)).astype(np.int32)
    half = Counter(bins, 3), Counter(bins, 3)
    half[0].add(now[:900], period[:900])
    half[1].add(np.ascontiguousarray(now[900:]), period[900:])
    half[0].merge(half[1])
    for p in range(3):
        for j, one in enumerate(bins):
            mine = now[period == p, j]
            counted = half[0].counts[p, j]
            assert counted[: len(one)].tolist() == bin_counts(one, mine).tolist()
            assert counted[len(one) :].sum() == 0
            plain = mine[bin_of(one, mine) < one.missing]
            if j != 3:
                np.testing.assert_allclose(half[0].sums[p, j], plain.sum(dtype=float), rtol=1e-6)
    seen = now[period >= 0]
    assert half[0].least[4] == seen[:, 4].min()
    assert half[0].most[4] == seen[:, 4].max()
    assert half[0].least[0] > -9999
