"""PSI and its noise floor against published figures, chance and Evidently's way of binning."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from finmodel.drift import (
    Bins,
    bin_counts,
    fit_bins,
    noise_floor,
    psi_parts,
    same_p_value,
    shift,
)
from finmodel.errors import BadInput


def evidently_psi(reference, now):
    """PSI as Evidently 0.7.23 bins it: equal widths over both samples, by Sturges' rule."""
    edges = np.histogram_bin_edges(np.concatenate([reference, now]), bins="sturges")
    then, here = (np.histogram(one, edges)[0] / len(one) for one in (reference, now))
    there = (then > 0) & (here > 0)
    return float(((here - then)[there] * np.log(here[there] / then[there])).sum())


def test_half_a_standard_deviation_and_one_sentinel_among_5000_is_caught():
    rng = np.random.default_rng(5)
    build = rng.normal(620, 50, 5_000)
    now = rng.normal(620 - 25, 50, 5_000)
    now[17] = -9999.0
    assert evidently_psi(build, now) < 0.0005  # research/risk_marketing.md: 0.00007 for a whole sd
    for sentinels in ((), (-9999.0,)):
        bins = fit_bins(build, sentinels=sentinels)
        moved = shift(bin_counts(bins, build), bin_counts(bins, now))
        assert moved.psi > 0.2
        assert moved.psi > 20 * moved.floor_p99
        assert moved.status in ("watch", "shifted")
        assert moved.p_value < 1e-50
    assert bin_counts(fit_bins(build, sentinels=(-9999.0,)), now)[-1] == 1


@pytest.mark.parametrize(("n", "m", "p99"), [(200, 10_000, 0.114), (1_000, 10_000, 0.024)])
def test_the_noise_floor_is_what_chance_gives(n, m, p99):
    rng = np.random.default_rng(n)
    share = np.full(10, 0.1)
    found = [
        psi_parts(rng.multinomial(m, share), rng.multinomial(n, share)).sum() for _ in range(4_000)
    ]
    assert np.quantile(found, 0.99) == pytest.approx(p99, rel=0.06)  # as measured elsewhere
    assert np.mean(found) == pytest.approx(9 * (1 / n + 1 / m), rel=0.05)
    above = np.mean(np.array(found) > noise_floor(10, n, m))
    assert 0.004 < above < 0.02, "at n = 200 the chi-square's tail is somewhat light"


def test_a_psi_is_the_textbooks():
    build, now = np.array([300, 400, 300]), np.array([60, 20, 20])
    share, here = build / 1_000, now / 100
    assert psi_parts(build, now).sum() == pytest.approx(
        ((here - share) * np.log(here / share)).sum()
    )


def test_the_test_of_one_distribution_is_pearsons():
    build, now = np.array([500.0, 300.0, 200.0]), np.array([40.0, 40.0, 20.0])
    expected = chi2_contingency([build, now], correction=False).pvalue
    assert same_p_value(build, now) == pytest.approx(expected)
    sparse = np.array([500.0, 300.0, 196.0, 3.0, 1.0]), np.array([40.0, 40.0, 18.0, 1.0, 1.0])
    merged = [[500, 300, 200], [40, 40, 20]]
    expected = chi2_contingency(merged, correction=False).pvalue
    assert same_p_value(*sparse) == pytest.approx(expected)


def test_status_weighs_both_lines_and_the_floor():
    build = [1_000] * 10
    small = shift(build, [10, 5, 2, 4, 3, 4, 3, 4, 2, 3])
    assert small.psi > 0.1
    assert small.status == "stable", "beyond 0.1, and within what chance gives at n = 40"
    large = shift([100_000] * 10, [10_500, *[9_944] * 9])
    assert large.psi < 0.1
    assert large.status == "moved"
    assert shift(build, [300, 140, *[70] * 8]).status == "shifted"
    assert shift(build, [3, *[0] * 9]).status == "too_few"
    assert shift(build, [0] * 10).status == "too_few"


def test_missing_sentinels_and_categories_never_seen_have_their_own_cells():
    rng = np.random.default_rng(9)
    build = rng.normal(size=5_000)
    build[:500] = np.nan
    bins = fit_bins(build, sentinels=(-9999.0,))
    now = build.copy()
    now[:1_500] = np.nan
    lost = shift(bin_counts(bins, build), bin_counts(bins, now))
    assert lost.status in ("watch", "shifted")
    category = rng.integers(1, 4, 5_000).astype(float)
    kinds = fit_bins(category, categorical=True)
    assert kinds.categories == (1.0, 2.0, 3.0)
    fresh = np.where(rng.random(5_000) < 0.2, 9.0, category)
    counts = bin_counts(kinds, fresh)
    assert counts[kinds.unseen] == (fresh == 9).sum()
    assert shift(bin_counts(kinds, category), counts).status == "shifted"


def test_a_variable_that_became_constant_or_was_moves():
    rng = np.random.default_rng(2)
    build = rng.exponential(size=2_000)
    for then, now in ((build, np.full(400, 1.0)), (np.full(2_000, 7.0), np.full(400, 7.5))):
        bins = fit_bins(then)
        assert shift(bin_counts(bins, then), bin_counts(bins, now)).status == "shifted"
    bins = fit_bins(np.full(2_000, 7.0))
    same = shift(bin_counts(bins, np.full(2_000, 7.0)), bin_counts(bins, np.full(400, 7.0)))
    assert (same.psi, same.status) == (0.0, "stable")


def test_a_value_that_many_rows_share_has_a_cell_of_its_own():
    build = np.concatenate([np.zeros(6_000), np.random.default_rng(1).exponential(size=4_000)])
    bins = fit_bins(build)
    assert bin_counts(bins, np.zeros(10)).max() == 10
    assert bin_counts(bins, [1e-9]).argmax() == bin_counts(bins, [0.0]).argmax() + 1


def test_counts_of_other_bins_are_refused():
    with pytest.raises(BadInput, match="use one binning"):
        shift([1, 2], [1, 2, 3])
    assert len(fit_bins([np.nan, np.nan])) == len(Bins()) == 2
