"""Offers within a budget: `finmodel bench allocate --json`.

A million customers × five offers, with a budget, five inventories and three channels' capacities
that all bind, a fifth of the pairs vetoed and a minimum uplift. `gap_to_bound` is how far the plan
is below what any plan could gain. Then two thousand customers, where SciPy's HiGHS solves the whole
program: its LP must equal the bound, and its MILP (as far as it comes in a minute) is the peer.

`python benchmarks/allocate.py --customers 10000000` takes more.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median

import numpy as np
from _campaign import MINIMUM, campaign
from _report import note, print_report
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_matrix, vstack

from finmodel.records import Float64s
from marketing.allocation.allocate import Plan, allocate
from marketing.allocation.options import Limits, Options

ROUNDS, SMALL, SECONDS = 3, 2_000, 60.0
TIGHT = 1e-3


def broken(options: Options, limits: Limits, plan: Plan) -> int:
    """Limits that a plan breaks, and pairs that it may not make, counted anew."""
    rows = np.flatnonzero(plan.offer >= 0)
    offer = plan.offer[rows]
    used = np.concatenate(
        [
            [options.cost[rows, offer].sum()],
            np.bincount(offer, minlength=len(options.offers)),
            np.bincount(options.channel[rows, offer], minlength=len(options.channels)),
        ]
    )
    over = used > limits.together * (1.0 + 1e-12)
    return int(over.sum() + (options.gain[rows, offer] < MINIMUM).sum())


def program(options: Options) -> tuple[Float64s, csr_matrix, csr_matrix]:
    """The whole program as HiGHS takes it: gains, uses of limits, one offer a customer."""
    i, j = np.nonzero(np.isfinite(options.gain))
    column, offers = np.arange(len(i)), len(options.offers)
    lines = [np.zeros(len(i), np.int64), 1 + j, 1 + offers + options.channel[i, j]]
    weights = np.concatenate([options.cost[i, j], np.ones(2 * len(i))])
    m = 1 + offers + len(options.channels)
    uses = csr_matrix((weights, (np.concatenate(lines), np.tile(column, 3))), shape=(m, len(i)))
    once = csr_matrix((np.ones(len(i)), (i, column)), shape=(len(options), len(i)))
    return options.gain[i, j], uses, once


def beside_highs() -> dict[str, float]:
    """Bound and plan of a small campaign beside the whole LP and MILP."""
    options, limits = campaign(SMALL)
    gain, uses, once = program(options)
    rows, most = vstack([uses, once]), np.concatenate([limits.together, np.ones(SMALL)])
    begun = time.perf_counter()
    linear = -float(linprog(-gain, A_ub=rows, b_ub=most, bounds=(0, 1), method="highs").fun)
    linear_s = time.perf_counter() - begun
    whole = milp(
        -gain,
        constraints=LinearConstraint(rows, -np.inf, most),
        integrality=np.ones(len(gain)),
        bounds=Bounds(0, 1),
        options={"time_limit": SECONDS, "mip_rel_gap": 1e-7},
    )
    begun = time.perf_counter()
    plan = allocate(options, limits)
    return {
        "small_customers": SMALL,
        "small_s": time.perf_counter() - begun,
        "highs_lp_s": linear_s,
        "bound_over_highs_lp": abs(plan.bound / linear - 1.0),
        "below_highs_milp_in_gains": (-float(whole.fun) - plan.value) / float(gain.mean()),
        "binding": int((plan.price > TIGHT * gain.mean()).sum()),
    }


def measure(customers: int) -> dict[str, float]:
    """Seconds (median), gap, limits that bind, and what was broken."""
    note("compiling on a small campaign")
    allocate(*campaign(SMALL))
    note(f"{customers:,} customers")
    options, limits = campaign(customers)
    took, plans = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        plans.append(allocate(options, limits))
        took.append(time.perf_counter() - begun)
    plan = plans[-1]
    left = limits.together - plan.used
    figures = {
        "allocate_s": median(took),
        "gap_to_bound": max(one.gap for one in plans),
        "campaign_customers": customers,
        "offered": int((plan.offer >= 0).sum()),
        "limits": len(left),
        "limits_used_up": int((left <= TIGHT * limits.together / 1e3).sum()),
        "broken": sum(broken(options, limits, one) for one in plans),
    }
    note("beside HiGHS")
    return figures | beside_highs()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.add_argument("--customers", type=int, default=1_000_000)
    asked = parser.parse_args()
    out = os.dup(1)
    os.dup2(2, 1)  # HiGHS has a message of its own that no option silences
    figures = measure(asked.customers)
    os.dup2(out, 1)
    print_report("allocate", figures)


if __name__ == "__main__":
    main()
