"""How well an order of customers parts those whom a treatment moves: curves, and what they enclose.

Scores, who was treated, and who responded come in; figures with intervals go out. The definitions
are written here, for published ones differ by factors of ten. Customers stand in order of falling
score, ties as they were given; x is the share of them that is addressed; of the x highest, T and C
are how many are treated and control, R_T and R_C their responses.

    uplift(x)   R_T / T - R_C / C                      difference of response rates among them
    gain(x)     x · uplift(x)                          a customer's; the area below is AUUC
    qini(x)     (R_T - R_C · T / C) / (all treated)    Radcliffe (2007), per treated customer
    Qini        area between qini(x) and the straight line to qini(1)

Random order has Qini 0 in the mean. All hold only where chance decided who was treated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s

STEPS = 100
"""Points of a curve: hundredths of the customers."""
TELLING = 0.9
"""Of the draws, how many must tell a figure for its interval to be one."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """n customers of a randomised trial."""

    treated: npt.NDArray[np.bool_]
    response: Float64s
    """(n,) 1 or 0, or an amount."""

    def __post_init__(self) -> None:
        if len(self.treated) != len(self.response):
            raise BadInput(
                "treated and response differ in length", where="trial", remedy="give both of all"
            )
        if not self.treated.any() or self.treated.all():
            group = "control" if self.treated.any() else "treated"
            raise BadInput(
                f"nobody is {group}", where="trial", remedy="keep a holdout: both are compared"
            )

    def __len__(self) -> int:
        return len(self.treated)

    def only(self, rows: Int64s) -> Trial:
        """Some of them, and some more than once."""
        return Trial(self.treated[rows], self.response[rows])


@dataclass(frozen=True, slots=True)
class Uplift:
    """What an order is worth."""

    effect: float
    """Of treating everybody: the difference of response rates."""
    auuc: float
    qini: float
    at: dict[int, float]
    """uplift(x) by x in percent."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and between which two it lies."""

    value: float
    low: float
    high: float
    """NaN where it cannot be told."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """qini and uplift over the share of customers addressed."""

    share: Float64s
    """(k,) from 0 to 1."""
    qini: Float64s
    gain: Float64s
    uplift: Float64s
    """NaN where not both groups are among them yet."""
    fewer: Float64s
    """Customers of the group that fewer of them are of."""


def curve_of(score: Float64s, trial: Trial) -> Curve:
    """The curves in hundredths of the customers.

    >>> trial = Trial(np.array([True, False] * 50), np.array([1.0, 0.0] * 25 + [0.0, 0.0] * 25))
    >>> curve = curve_of(np.arange(100.0, 0.0, -1.0), trial)
    >>> curve.uplift[50].item(), curve.gain[50].item(), curve.qini[[50, 100]].tolist()
    (1.0, 0.5, [0.5, 0.5])
    """
    order = np.argsort(-score, kind="stable")
    treated = trial.treated[order].astype(np.float64)
    response = trial.response[order]
    counts = [treated, 1.0 - treated, treated * response, (1.0 - treated) * response]
    places = np.unique(np.rint(np.linspace(0, len(score), STEPS + 1)).astype(np.int64))
    t, c, r_t, r_c = (np.concatenate([[0.0], np.cumsum(one)])[places] for one in counts)
    share = places / len(score)
    with np.errstate(divide="ignore", invalid="ignore"):
        uplift = np.where((t > 0) & (c > 0), r_t / t - r_c / c, np.nan)
        matched = np.where(c > 0, r_c * t / c, 0.0)
    gain = np.where(np.isnan(uplift), 0.0, share * np.nan_to_num(uplift))
    return Curve(share, (r_t - matched) / t[-1], gain, uplift, np.minimum(t, c))


def uplift_of(score: Float64s, trial: Trial, at: tuple[int, ...] = (10, 20, 30)) -> Uplift:
    """The figures of one order of customers."""
    return figures_of(curve_of(score, trial), at)


def figures_of(curve: Curve, at: tuple[int, ...] = (10, 20, 30)) -> Uplift:
    """The figures of one order's curve."""
    line = curve.share * curve.qini[-1]
    return Uplift(
        effect=float(curve.uplift[-1]),
        auuc=float(np.trapezoid(curve.gain, curve.share)),
        qini=float(np.trapezoid(curve.qini - line, curve.share)),
        at={x: float(np.interp(x / 100.0, curve.share, curve.uplift)) for x in at},
    )


def intervals(
    score: Float64s,
    trial: Trial,
    at: tuple[int, ...] = (10, 20, 30),
    draws: int = 500,
    seed: int = 0,
) -> dict[str, Interval]:
    """95 % percentile intervals of the figures, drawing treated and control apart (bootstrap)."""
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(trial.treated), np.flatnonzero(~trial.treated)]
    found = []
    for _ in range(draws):
        rows = np.concatenate([random.choice(group, len(group)) for group in groups])
        found.append(list(named(uplift_of(score[rows], trial.only(rows), at)).values()))
    told = named(uplift_of(score, trial, at)).items()
    ends = ends_of(np.array(found)).T.tolist()
    return {name: Interval(value, *both) for (name, value), both in zip(told, ends, strict=True)}


def ends_of(drawn: Float64s) -> Float64s:
    """(2, k) the 2.5 % and 97.5 % points of (draws, k) figures; NaN where too few draws tell one.

    A draw tells nothing where all of one group fell outside of what is looked at.

    >>> ends_of(np.array([[0.0, np.nan], [1.0, np.nan]])).tolist()
    [[0.025, nan], [0.975, nan]]
    """
    tells = (~np.isnan(drawn)).mean(axis=0) >= TELLING
    ends = np.full((2, drawn.shape[1]), np.nan)
    ends[:, tells] = np.nanpercentile(drawn[:, tells], [2.5, 97.5], axis=0)
    return ends


def by_decile(score: Float64s, trial: Trial) -> list[tuple[int, int, float, float]]:
    """Of each tenth, the highest scores first: treated, control, and their response rates."""
    order = np.argsort(-score, kind="stable")
    rows: list[tuple[int, int, float, float]] = []
    for part in np.array_split(order, 10):
        treated, response = trial.treated[part], trial.response[part]
        rates = [
            float(response[one].mean()) if one.any() else np.nan for one in (treated, ~treated)
        ]
        rows.append((int(treated.sum()), int((~treated).sum()), rates[0], rates[1]))
    return rows


def named(told: Uplift) -> dict[str, float]:
    """The figures by name, as people call them."""
    parts = {f"uplift@{x}%": value for x, value in told.at.items()}
    return {"effect": told.effect, "auuc": told.auuc, "qini": told.qini} | parts
