"""How often the whole light errs where nothing moved, and how often it sees 0.2 sd.

Windows are drawn as counts: of scores on a fine grid with outcomes drawn from the probabilities,
and of twelve variables, 3 % missing, against build samples of 10,000 rows. That is exactly what the
light is given of windows of so many rows, and a thousand windows take a second.
"""

import numpy as np
import pytest
from scipy.stats import norm

from finmodel.certainty import Separation
from finmodel.drift import fit_bins, shift
from risk.monitor.light import Matured, Points, light

BUILD, VARIABLES, WINDOWS = 10_000, 12, 1_000
GRID = np.linspace(-7.0, 1.0, 400)
PD = 1 / (1 + np.exp(-GRID))
POINTS = 600 - 20 / np.log(2) * (GRID + np.log(50))


def chances(moved):
    edges = np.concatenate([[-np.inf], (GRID[1:] + GRID[:-1]) / 2, [np.inf]])
    return np.diff(norm.cdf(edges, loc=-3.0 + moved))


class Build:
    """One build sample, and windows of it."""

    def __init__(self, rng):
        self.rng = rng
        self.counts = rng.multinomial(BUILD, chances(0.0))
        self.bads = rng.binomial(self.counts, PD)
        bins = fit_bins(np.repeat(POINTS, self.counts))
        self.cell = np.searchsorted(bins.edges, POINTS, side="right")
        self.then = np.bincount(self.cell, self.counts)
        mean = self.counts @ POINTS / BUILD
        self.moments = mean, np.sqrt(self.counts @ POINTS**2 / BUILD - mean**2)
        self.variables = []
        for _ in range(VARIABLES):
            values = rng.normal(size=round(0.97 * BUILD))
            edges = np.array(fit_bins(values).edges)
            cells = np.bincount(np.searchsorted(edges, values, side="right"))
            self.variables.append((edges, np.append(cells, BUILD - len(values))))

    def window(self, n, moved=0.0, wild=0):
        """The light over a window of n rows whose scores moved by so many sd."""
        rng = self.rng
        counts = rng.multinomial(n, chances(moved))
        bads = rng.binomial(counts, PD)
        named = []
        for place, (edges, then) in enumerate(self.variables):
            ends = np.concatenate([[-np.inf], edges, [np.inf]])
            own = moved if place == 0 else 0.0
            share = np.append(0.97 * np.diff(norm.cdf(ends, loc=own)), 0.03)
            named.append((f"x{place}", shift(then, rng.multinomial(n, share / share.sum()))))
        points = Points(
            shift(self.then, np.bincount(self.cell, counts)), counts @ POINTS / n, *self.moments
        )
        matured = Matured(
            n=n,
            bads=int(bads.sum()),
            promised=float(counts @ PD),
            promised_variance=float(counts @ (PD * (1 - PD))),
            separation=parted(counts, bads),
            build=parted(self.counts, self.bads),
        )
        return light(points, tuple(named), matured, (wild, 1_000))


def parted(counts, bads):
    """AUC of counts on the grid, counted by hand; None where the light is given none."""
    goods = counts - bads
    if min(bads.sum(), goods.sum()) < 10:
        return None
    below = np.cumsum(goods) - goods
    auc = bads @ (below + goods / 2) / (bads.sum() * goods.sum())
    return Separation(float(auc), 0.0, float(bads.sum()), float(goods.sum()))


@pytest.fixture(scope="module")
def builds():
    rng = np.random.default_rng(20260101)
    return [Build(rng) for _ in range(40)]


def rate(builds, n, moved, windows):
    lit = [
        builds[place % len(builds)].window(n, moved).colour in ("amber", "red")
        for place in range(windows)
    ]
    return sum(lit) / windows


@pytest.mark.parametrize(
    ("n", "seen"), [(200, 0.15), (1_000, 0.95), (10_000, 0.999), (100_000, 0.999)]
)
def test_false_alarms_are_at_most_1_percent_and_a_fifth_of_a_sd_is_seen(builds, n, seen):
    alarms, detected = rate(builds, n, 0.0, WINDOWS), rate(builds, n, 0.2, 100)
    print(f"n = {n:,}: false alarms {alarms:.2%}, a shift of 0.2 sd seen {detected:.0%}")  # noqa: T201
    assert alarms <= 0.01
    assert detected >= seen


def test_a_red_light_says_why_in_two_languages(builds):
    red = builds[0].window(5_000, 0.7)
    assert red.colour == "red"
    assert "PSI" in red.zh
    assert "PSI" in red.en
    assert {one.name for one in red.signals} == {
        "psi",
        "mean",
        "csi",
        "auc",
        "calibration",
        "scores",
    }


def test_one_score_that_comes_out_otherwise_is_red_and_nothing_is_grey(builds):
    assert builds[0].window(500, 0.0, wild=1).colour == "red"
    grey = builds[0].window(3)
    assert grey.colour == "grey"
    assert "too few" in grey.en
    assert all(one.value is None for one in grey.signals if one.name != "scores")


def test_matured_decisions_with_hardly_a_bad_promised_are_mature():
    """Fifty with two promised: the calibration lacks bads, and no look."""
    separation = Separation(0.7, 0.3, 500.0, 9_500.0)
    matured = Matured(50, 8, 2.0, 1.9, None, separation, "too_few_bads")
    moved = shift(np.full(10, 1_000), np.full(10, 5))
    signals = {
        one.name: one for one in light(Points(moved, 0.0, 0.0, 1.0), (), matured, (0, 1)).signals
    }
    for name in ("auc", "calibration"):
        assert (signals[name].colour, signals[name].n) == ("grey", 50)
        assert "too few bads" in signals[name].en
        assert "坏样本过少" in signals[name].zh
    unknown = Matured(50, 8, 8.0, 6.0, separation, None)
    told = light(Points(moved, 0.0, 0.0, 1.0), (), unknown, (0, 1)).signals
    assert "AUC: it is not known at build" in [one.en for one in told]


def test_the_limit_of_the_auc_is_the_one_it_lights_below(builds):
    """Where scores stay and outcomes cease to follow them, more and more."""
    seen = set()
    for build, noise in zip(builds, np.linspace(0.0, 1.0, len(builds)), strict=True):
        counts = build.rng.multinomial(3_000, chances(0.0))
        mixed = (1 - noise) * PD + noise * (counts @ PD / counts.sum())
        told = parted(counts, build.rng.binomial(counts, mixed))
        then = parted(build.counts, build.bads)
        matured = Matured(3_000, int(told.bads), 300.0, 250.0, told, then)
        moved = shift(build.then, np.bincount(build.cell, counts))
        lit = light(Points(moved, 0.0, 0.0, 1.0), (), matured, (0, 1))
        (auc,) = (one for one in lit.signals if one.name == "auc")
        assert auc.limit < then.auc
        assert (auc.value < auc.limit) == (auc.colour in ("amber", "red"))
        assert f"limit {auc.limit:.4f}" in auc.en
        seen.add(auc.colour)
    assert seen >= {"green", "red"}
