"""What would have been: logged decisions beside the same ones under another policy, in figures.

Columns of what was decided, what would be and what became of it come in; swap set, bad rates,
expected loss and a table of cut-offs go out. Pure; money is in minor units, shares are of 1.

An approval by lot counts with those whom the points decline: it is a sample of them, and each of
its outcomes stands for 1/propensity of them (Horvitz & Thompson 1952).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from finmodel.records import Float64s
from risk.policy.answers import ANSWERS
from risk.policy.draws import BPS
from risk.policy.file import Economics
from risk.policy.many import APPROVE, Flags

CUTS = 20
"""Cut-offs of the table, at quantiles of the points."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """(n,) of one policy: what it answers, whether by lot, and how much is lent at which price."""

    answers: npt.NDArray[np.int8]
    by_lot: Flags
    exposure: Float64s
    """Minor units lent where it approves."""

    @property
    def approved(self) -> Flags:
        """Approved by the policy itself, not by lot."""
        own: Flags = (self.answers == APPROVE) & ~self.by_lot
        return own


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """n logged decisions, and the same under the policy that is asked about."""

    was: Side
    now: Side
    points: Float64s
    """NaN where nobody scored."""
    probability: Float64s
    stopped: Flags
    """By a rule or a view of the new policy: no cut-off would help."""
    bad: Float64s
    """1 bad, 0 good, NaN where the outcome is not mature."""
    weight: Float64s
    """How many applications an outcome stands for: 1/propensity of its approval."""
    rate_bps: Float64s
    """A year's price, were it approved."""
    lendable: Float64s
    """Minor units lent, were it approved."""
    months: Float64s


@dataclass(frozen=True, slots=True)
class Cell:
    """One of the four cells of the swap set."""

    was: str
    now: str
    count: int
    matured: int
    bad_rate: float | None
    """Of the matured; None where none is."""
    expected_bad_rate: float | None
    """Mean probability of default of all in it that were scored."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """Approving at these points or more, and nobody below."""

    points: float
    approval: float
    matured: int
    bad_rate: float | None
    """Of the matured at or above it."""
    lift: float | None
    """Bad rate of the matured below it over that of all matured."""
    profit_minor: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that can be said before a policy is approved."""

    decisions: int
    approval_was: float
    approval_now: float
    by_lot_was: int
    by_lot_now: int
    matured: int
    bad_rate_was: float | None
    """Of the matured whom the policy approved itself, not by lot, each weighted by 1/propensity."""
    bad_rate_now: float | None
    """The same of the new policy: replaying the policy in force gives the same figure."""
    matured_was: int
    """Of so many, `bad_rate_was`; likewise the next."""
    matured_now: int
    expected_loss_was_minor: int
    expected_loss_now_minor: int
    swap_set: tuple[Cell, ...]
    changes: dict[str, int]
    """Who changes: `decline → approve` and how many."""
    cut_offs: tuple[CutOff, ...]


def figures_of(history: History, economics: Economics) -> Figures:
    """All figures of a history that is not empty."""
    was, now, mature = history.was, history.now, ~np.isnan(history.bad)
    return Figures(
        decisions=len(history.points),
        approval_was=_share(was.answers == APPROVE),
        approval_now=_share(now.answers == APPROVE),
        by_lot_was=int(was.by_lot.sum()),
        by_lot_now=int(now.by_lot.sum()),
        matured=int(mature.sum()),
        bad_rate_was=_bad_rate_of(history, was.approved),
        bad_rate_now=_bad_rate_of(history, now.approved),
        matured_was=int((mature & was.approved).sum()),
        matured_now=int((mature & now.approved).sum()),
        expected_loss_was_minor=_expected_loss(history, was, economics),
        expected_loss_now_minor=_expected_loss(history, now, economics),
        swap_set=tuple(
            _cell(history, before, after) for before in (True, False) for after in (True, False)
        ),
        changes=_changes(was.answers, now.answers),
        cut_offs=cut_offs(history, economics),
    )


def without_few(figures: Figures, fewest: int) -> Figures:
    """The same figures without the bad rates of fewer than so many matured: they say nothing."""

    def told(rate: float | None, n: int) -> float | None:
        return rate if n >= fewest else None

    cuts = figures.cut_offs
    return replace(
        figures,
        bad_rate_was=told(figures.bad_rate_was, figures.matured_was),
        bad_rate_now=told(figures.bad_rate_now, figures.matured_now),
        swap_set=tuple(
            replace(cell, bad_rate=told(cell.bad_rate, cell.matured)) for cell in figures.swap_set
        ),
        # Everybody stands above the first; a lift is of those below.
        cut_offs=tuple(
            replace(
                cut,
                bad_rate=told(cut.bad_rate, cut.matured),
                lift=told(cut.lift, cuts[0].matured - cut.matured),
            )
            for cut in cuts
        ),
    )


def cut_offs(history: History, economics: Economics) -> tuple[CutOff, ...]:
    """The table of cut-offs over quantiles of the points of those whom nothing else stops."""
    open_ = ~history.stopped & ~np.isnan(history.points)
    if not open_.any():
        return ()
    quantiles = np.quantile(history.points[open_], np.linspace(0.0, 1.0, CUTS + 1)[:-1])
    profits = expected_profit(history, economics)
    everybody = _bad_rate_of(history, open_)
    return tuple(
        _cut_off(history, float(cut), (open_, profits, everybody)) for cut in np.unique(quantiles)
    )


def expected_profit(history: History, economics: Economics) -> Float64s:
    """(n,) expected profit of each application, were it approved, in minor units.

    (1 - PD) · E · (price - funding) · months/24 - PD · LGD · E. Repaid in equal parts, half of E
    is outstanding on average, so that a year's margin counts for months/24 (Thomas, Edelman &
    Crook 2002, ch. 1: profit of goods against loss of bads).
    """
    margin = (history.rate_bps - economics.funding_cost_bps) / BPS
    earned = history.lendable * margin * history.months / 24.0
    lost = history.lendable * economics.loss_given_default_bps / BPS
    pd = history.probability
    return (1.0 - pd) * earned - pd * lost


def _cut_off(history: History, cut: float, of_all: tuple[Flags, Float64s, float | None]) -> CutOff:
    open_, profits, everybody = of_all
    above = open_ & (history.points >= cut)
    below = _bad_rate_of(history, open_ & ~above)
    return CutOff(
        points=cut,
        approval=_share(above),
        matured=int((above & ~np.isnan(history.bad)).sum()),
        bad_rate=_bad_rate_of(history, above),
        lift=below / everybody if below is not None and everybody else None,
        profit_minor=round(float(np.nansum(profits[above]))),
    )


def _cell(history: History, before: bool, after: bool) -> Cell:
    rows = (history.was.approved == before) & (history.now.approved == after)
    pd = history.probability[rows]
    known = pd[~np.isnan(pd)]
    return Cell(
        was="approved" if before else "not approved",
        now="approved" if after else "not approved",
        count=int(rows.sum()),
        matured=int((~np.isnan(history.bad[rows])).sum()),
        bad_rate=_bad_rate_of(history, rows),
        expected_bad_rate=float(known.mean()) if known.size else None,
    )


def _bad_rate_of(history: History, rows: Flags) -> float | None:
    mature = rows & ~np.isnan(history.bad)
    return _bad_rate(history.bad[mature], history.weight[mature])


def _bad_rate(bad: Float64s, weight: Float64s) -> float | None:
    total = float(weight.sum())
    return float((bad * weight).sum()) / total if total > 0.0 else None


def _expected_loss(history: History, side: Side, economics: Economics) -> int:
    lent = np.where(side.answers == APPROVE, side.exposure, 0.0)
    lost = history.probability * lent * economics.loss_given_default_bps / BPS
    return round(float(np.nansum(lost)))


def _changes(was: npt.NDArray[np.int8], now: npt.NDArray[np.int8]) -> dict[str, int]:
    counts = np.zeros((len(ANSWERS), len(ANSWERS)), np.int64)
    np.add.at(counts, (was, now), 1)
    return {
        f"{before} → {after}": int(counts[i, j])
        for i, before in enumerate(ANSWERS)
        for j, after in enumerate(ANSWERS)
        if i != j and counts[i, j]
    }


def _share(flags: Flags) -> float:
    return float(flags.mean())


def joined(parts: Sequence[History]) -> History:
    """Histories of several feature services, one after the other."""
    if len(parts) == 1:
        return parts[0]

    def column(name: str) -> Float64s:
        return np.concatenate([getattr(part, name) for part in parts])

    def side(name: str) -> Side:
        sides: list[Side] = [getattr(part, name) for part in parts]
        return Side(
            np.concatenate([one.answers for one in sides]),
            np.concatenate([one.by_lot for one in sides]),
            np.concatenate([one.exposure for one in sides]),
        )

    names = [name for name in History.__dataclass_fields__ if name not in ("was", "now")]
    columns = {name: column(name) for name in names}
    return History(was=side("was"), now=side("now"), **columns)  # type: ignore[arg-type] # flags
