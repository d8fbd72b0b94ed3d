"""What a campaign did: who responded, and how much more than the holdout did, with intervals.

Lanes, responses and scores of matured customers come in, figures go out. Treated are those of the
planned lane who were to be contacted, control those of the holdout who would have been: the same
choice under the same prices, parted by lot alone. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.special import ndtri

from finmodel.certainty import wilson
from finmodel.errors import BadInput
from finmodel.records import Float32s, Float64s, Int64s
from marketing.campaign.lanes import Flags
from marketing.effects.balance import differences
from marketing.effects.uplift_metrics import (
    Curve,
    Interval,
    Trial,
    by_decile,
    curve_of,
    ends_of,
    figures_of,
    named,
)

DAY_US = 86_400_000_000
SECOND_US = 1_000_000
Z = float(ndtri(0.975))
FEWEST = 20
"""Customers of a group below which its rate is not shown, nor what is reckoned of it."""
DRAWS, MOST = 200, 60_000
"""Customers that curves are drawn anew of; of more treated ones a sample is taken."""


class Lift(msgspec.Struct, frozen=True):
    """Response rates of treated and control, and how far they differ (95 %)."""

    treated: int
    control: int
    treated_rate: float
    control_rate: float
    lift: float
    low: float
    high: float


class Adjusted(msgspec.Struct, frozen=True):
    """A lift less what a score from before the campaign explains (CUPED, Deng et al. 2013)."""

    lift: float
    low: float
    high: float
    variance_left: float
    """Of the responses' variance; the closer to 0, the more it helped."""


class Decile(msgspec.Struct, frozen=True):
    """A tenth of the customers, the highest expected uplift first."""

    decile: int
    treated: int
    control: int
    treated_rate: float | None
    control_rate: float | None
    uplift: float | None


class Figure(msgspec.Struct, frozen=True):
    """A figure and the ends of its 95 % interval; None for what so few customers cannot tell."""

    value: float | None
    low: float | None
    high: float | None


class CurvePoint(msgspec.Struct, frozen=True):
    """Of a Qini curve, with the ends of its 95 % interval at that share."""

    share: float
    qini: float
    low: float | None
    high: float | None


class Imbalance(msgspec.Struct, frozen=True):
    """A score as treated and control had it before the campaign."""

    name: str
    treated: float | None
    """Mean of who has the score; None where nobody of the group does."""
    control: float | None
    sds: float | None
    """None where both are constants, and not the same."""
    alarm: bool


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """n events that count as a response: whose, and when."""

    customer: Int64s
    at_us: Int64s


def responded(customer: Int64s, since_us: Int64s, days: int, told: Responses) -> Flags:
    """(n,) whether each customer (increasing) responded within so many days from a whole second.

    >>> told = Responses(np.array([7, 7, 9]), np.array([5, 12, 99]) * DAY_US)
    >>> since = np.array([6, 6, 6]) * DAY_US
    >>> responded(np.array([7, 8, 9]), since, 30, told).tolist()
    [True, False, False]
    """
    row = np.searchsorted(customer, told.customer).clip(max=max(len(customer) - 1, 0))
    ours = customer[row] == told.customer if len(customer) else np.zeros(len(row), bool)
    first = int(min(since_us.min(initial=0), told.at_us.min(initial=0))) // SECOND_US
    span = int(max(since_us.max(initial=0), told.at_us.max(initial=0))) // SECOND_US - first
    width = span + days * 86_400 + 2
    assert (len(customer) + 1) * width < 2**62
    keys = np.sort(row[ours] * width + (told.at_us[ours] // SECOND_US - first))
    begin = np.arange(len(customer)) * width + (since_us // SECOND_US - first)
    place = np.searchsorted(keys, begin)
    following = np.append(keys, np.iinfo(np.int64).max)[place]
    found: Flags = following < begin + days * 86_400
    return found


def lift_of(trial: Trial) -> Lift:
    """The difference of two rates, with Newcombe's hybrid score interval (1998, method 10)."""
    groups = trial.response[trial.treated], trial.response[~trial.treated]
    (n, a), (m, b) = ((len(group), float(group.sum())) for group in groups)
    p, q = a / n, b / m
    (low_p, high_p), (low_q, high_q) = wilson(a, n), wilson(b, m)
    return Lift(
        treated=n,
        control=m,
        treated_rate=p,
        control_rate=q,
        lift=p - q,
        low=p - q - math.hypot(p - low_p, high_q - q),
        high=p - q + math.hypot(high_p - p, q - low_q),
    )


def enough(trial: Trial) -> bool:
    """Whether both groups are so many that more than the plain lift can be told.

    >>> enough(Trial(np.arange(99) > FEWEST, np.zeros(99)))
    True
    >>> enough(Trial(np.arange(99) > 2, np.zeros(99)))
    False
    """
    return min(int(trial.treated.sum()), int((~trial.treated).sum())) >= FEWEST


def adjusted_lift(trial: Trial, before: Float64s) -> Adjusted | None:
    """The lift of responses less their regression on a score from before; None of too few.

    The interval is Newcombe's, each side of it as much narrower, or wider, as the regression leaves
    that group's responses: Welch's claims too much where few of a small holdout responded.
    """
    if not enough(trial):
        return None
    spread = before - before.mean()
    of_score = float((spread**2).sum())
    slope = float((spread * trial.response).sum()) / of_score if of_score > 0.0 else 0.0
    left = trial.response - slope * spread
    (low_p, high_p), (low_q, high_q) = (
        _sides(trial.response[rows], left[rows]) for rows in (trial.treated, ~trial.treated)
    )
    lift = float(left[trial.treated].mean() - left[~trial.treated].mean())
    all_of_it = float(trial.response.var())
    share = float(left.var()) / all_of_it if all_of_it > 0.0 else 1.0
    return Adjusted(lift, lift - math.hypot(low_p, high_q), lift + math.hypot(high_p, low_q), share)


def _sides(response: Float64s, left: Float64s) -> tuple[float, float]:
    """How far below and above its mean a group's may be, of its responses less the regression."""
    n, rate = len(response), float(response.mean())
    before, now = float(response.var()), float(left.var())
    low, high = (abs(rate - end) for end in wilson(float(response.sum()), n))
    if now <= before:
        part = math.sqrt(now / before) if before > 0.0 else 1.0
        return low * part, high * part
    more = Z * math.sqrt((now - before) / n)
    return math.hypot(low, more), math.hypot(high, more)


def worth_more(trial: Trial, value: Float64s) -> Interval | None:
    """How much more a treated customer's response is worth than a control's; None of too few.

    Offers differ in worth, and whom an offer moves most gets the dearer ones, so that a mean lift
    times a mean value would err. A mean worth is a sum of shares, of who responded at each value,
    with Wilson's intervals; both groups' are joined as Newcombe's are (MOVER: Zou, Huang, Zhang
    2009), for a normal interval claims too much where few responses are worth much.
    """
    if not enough(trial):
        return None
    values = np.unique(value)
    one, two = (
        _worth(trial.response[rows], value[rows], values)
        for rows in (trial.treated, ~trial.treated)
    )
    more = one.value - two.value
    low = math.hypot(one.value - one.low, two.high - two.value)
    return Interval(more, more - low, more + math.hypot(one.high - one.value, two.value - two.low))


def _worth(response: Float64s, value: Float64s, values: Float64s) -> Interval:
    """A group's mean worth of a response, and between which two it lies."""
    n = len(response)
    counts = [float(response[value == one].sum()) for one in values]
    ends = np.array([wilson(count, n) for count in counts])
    shares = np.array(counts) / n
    low, high = (math.hypot(*(values * (end - shares))) for end in ends.T)
    mean = float(values @ shares)
    return Interval(mean, mean - low, mean + high)


def deciles_of(score: Float64s, trial: Trial) -> tuple[Decile, ...]:
    """Response and uplift by tenths of the expected uplift; None where a group is empty."""
    found = []
    for place, (n, m, p, q) in enumerate(by_decile(score, trial), start=1):
        found.append(Decile(place, n, m, *map(_known, (p, q, p - q))))
    return tuple(found)


def qini_of(
    score: Float64s, trial: Trial, seed: int = 0
) -> tuple[dict[str, Figure], tuple[CurvePoint, ...]]:
    """The figures of the order by expected uplift, and its curve, with 95 % intervals."""
    rows = _sampled(trial, seed)
    score, trial = score[rows], trial.only(rows)
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(trial.treated), np.flatnonzero(~trial.treated)]
    drawn = []
    for _ in range(DRAWS):
        again = np.concatenate([random.choice(group, len(group)) for group in groups])
        drawn.append(curve_of(score[again], trial.only(again)))
    curve = curve_of(score, trial)
    low, high = np.percentile([one.qini for one in drawn], [2.5, 97.5], axis=0)
    if curve.fewer[-1] < FEWEST:
        low = high = np.full(len(curve.share), np.nan)
    points = zip(*(a.tolist() for a in (curve.share, curve.qini, low, high)), strict=True)
    told = tuple(CurvePoint(x, y, _known(a), _known(b)) for x, y, a, b in points)
    return _figures(curve, drawn), told


def _figures(curve: Curve, drawn: list[Curve]) -> dict[str, Figure]:
    """With intervals where both groups are not few among those that a figure is of."""
    ends = ends_of(np.array([list(named(figures_of(one)).values()) for one in drawn]))
    told = figures_of(curve)
    fewer = {f"uplift@{x}%": np.interp(x / 100.0, curve.share, curve.fewer) for x in told.at}
    found = {}
    for (name, value), (low, high) in zip(named(told).items(), ends.T.tolist(), strict=True):
        few = fewer.get(name, curve.fewer[-1]) < FEWEST
        found[name] = Figure(_known(value), *((None, None) if few else (_known(low), _known(high))))
    return found


def balance_of(matrix: Float32s, names: tuple[str, ...], trial: Trial) -> tuple[Imbalance, ...]:
    """Each score at baseline; BadInput where treated and control differ by more than chance.

    A score that nobody has, as risk's points where a campaign asks no risk model, is left out.
    """
    had = np.flatnonzero(~np.isnan(matrix).all(axis=0))
    rows = differences(matrix[:, had], tuple(names[place] for place in had), trial.treated)
    alarms = [f"{one.name} by {one.sds:+.2f} sd" for one in rows if one.alarm]
    if alarms:
        raise BadInput(
            f"treated and holdout differ before the campaign: {', '.join(alarms[:3])}",
            where="holdout",
            remedy="find out who changed the lanes; what they differ by is no effect",
        )
    return tuple(
        Imbalance(one.name, _known(one.treated), _known(one.control), _known(one.sds), one.alarm)
        for one in rows
    )


def _known(figure: float) -> float | None:
    """None for what JSON has no number for."""
    return figure if math.isfinite(figure) else None


def _sampled(trial: Trial, seed: int) -> Int64s:
    """All of the control, and of the treated so many that curves can be drawn anew."""
    treated = np.flatnonzero(trial.treated)
    if len(treated) > MOST:
        treated = np.random.default_rng(seed).choice(treated, MOST, replace=False)
    return np.sort(np.concatenate([treated, np.flatnonzero(~trial.treated)]))
