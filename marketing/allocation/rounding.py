"""From prices to a plan: whoever is undecided under the prices is settled exactly.

Under near-optimal prices all but a few customers choose as the optimum does. Those of the least
margin are settled by a linear program (SciPy's HiGHS), which also gives the exact prices; the few
that it leaves divided, and their like, by an integer program. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.allocation.dual import choices
from marketing.allocation.options import Options

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

UNDECIDED, DIVIDED = 3_000, 200
"""Customers of the first linear program, and of the integer program."""
WHOLE = 1e-7
SECONDS = 5.0
"""The integer program stops then; what it has by then is a plan within the limits."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A plan, the exact prices, and what they prove."""

    best: Int64s
    """(n,) place of the offer; -1 for none."""
    price: Float64s
    bound: float


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """The allowed pairs of some customers, as columns of a program."""

    row: Int64s
    """(v,) place among the customers."""
    offer: Int64s
    gain: Float64s
    uses: csr_matrix
    """(m, v)"""
    once: csr_matrix
    """(customers, v) at most one offer each."""


def settled(options: Options, limit: Float64s, price: Float64s, close: float) -> Settled:
    """A plan within the limits; `close` is the part of the bound by which it may miss.

    More and more customers are left to the linear program until its own prices prove it optimal.
    """
    now, n, count = choices(options, limit, price), len(options), UNDECIDED
    while True:
        rows = np.argpartition(now.margin, count)[:count] if count < n else np.arange(n)
        found = _by_linear_program(options, limit, now.best, rows)
        if found is not None:
            best, value, exact, divided = found
            proved = choices(options, limit, exact)
            if count >= n or proved.bound - value <= 0.1 * close * proved.bound:
                break
        count *= 4
    near = rows[np.argsort(proved.margin[rows], kind="stable")[:DIVIDED]]
    last = np.union1d(rows[divided], near)
    _by_integer_program(options, limit, best, last, (close, proved.bound))
    return Settled(best, exact, proved.bound)


def uses_of(options: Options, best: Int64s) -> Float64s:
    """(m,) what a plan uses of each limit."""
    rows = np.flatnonzero(best >= 0)
    way = best[rows]
    ways = options.channel[rows, way]
    return np.concatenate(
        [
            [options.cost[rows, way].sum()],
            np.bincount(options.offer[way], minlength=len(options.offers)),
            np.bincount(ways, minlength=len(options.channels)),
        ]
    )


def value_of(options: Options, best: Int64s) -> float:
    """The sum of a plan's gains."""
    rows = np.flatnonzero(best >= 0)
    return float(options.gain[rows, best[rows]].sum())


def _by_linear_program(
    options: Options, limit: Float64s, best: Int64s, rows: Int64s
) -> tuple[Int64s, float, Float64s, Int64s] | None:
    """A plan with divided customers left out, the program's value, prices, and who is divided.

    None where the others use more than there is, whatever these customers get.
    """
    fixed = best.copy()
    fixed[rows] = -1
    from scipy.optimize import linprog  # half a second to import, and only a plan needs it
    from scipy.sparse import vstack

    pairs = _pairs_of(options, rows)
    rest, value = limit - uses_of(options, fixed), value_of(options, fixed)
    found = linprog(
        -pairs.gain,
        A_ub=vstack([pairs.uses, pairs.once]),
        b_ub=np.concatenate([rest, np.ones(len(rows))]),
        bounds=(0.0, 1.0),
        method="highs",
    )
    if found.status != 0:
        return None
    whole = found.x > 1.0 - WHOLE
    fixed[rows[pairs.row[whole]]] = pairs.offer[whole]
    divided = np.unique(pairs.row[(found.x > WHOLE) & ~whole])
    price = np.maximum(-found.ineqlin.marginals[: len(limit)], 0.0)
    return fixed, value - float(found.fun), price, divided


def _by_integer_program(
    options: Options, limit: Float64s, best: Int64s, rows: Int64s, aim: tuple[float, float]
) -> None:
    """Settle some customers anew, in place; they stay where no plan is found in time."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    close, bound = aim
    others = best.copy()
    others[rows] = -1
    pairs = _pairs_of(options, rows)
    rest = limit - uses_of(options, others)
    theirs = max(bound - value_of(options, others), 1e-300)
    found: Any = milp(
        -pairs.gain,
        constraints=[
            LinearConstraint(pairs.uses, -np.inf, rest),
            LinearConstraint(pairs.once, -np.inf, 1.0),
        ],
        integrality=np.ones(len(pairs.gain)),
        bounds=Bounds(0.0, 1.0),
        options={
            "mip_rel_gap": min(0.1 * close * bound / theirs, 1e-3),
            "time_limit": SECONDS,
            "presolve": False,
        },
    )
    if found.x is None:
        return
    taken = found.x > 0.5
    others[rows[pairs.row[taken]]] = pairs.offer[taken]
    kept = uses_of(options, others) <= limit * (1.0 + 1e-12)
    if kept.all() and value_of(options, others) >= value_of(options, best):
        best[:] = others


def _pairs_of(options: Options, rows: Int64s) -> _Pairs:
    from scipy.sparse import csr_matrix

    row, offer = np.nonzero(np.isfinite(options.gain[rows]))
    at, column = rows[row], np.arange(len(row))
    (offers, first), m = options.places, 1 + len(options.offers) + len(options.channels)
    lines = np.concatenate(
        [np.zeros(len(row), np.int64), offers[offer], first + options.channel[at, offer]]
    )
    weights = np.concatenate([options.cost[at, offer], np.ones(2 * len(row))])
    uses = csr_matrix((weights, (lines, np.tile(column, 3))), shape=(m, len(row)))
    once = csr_matrix((np.ones(len(row)), (row, column)), shape=(len(rows), len(row)))
    return _Pairs(row, offer, options.gain[at, offer], uses, once)
