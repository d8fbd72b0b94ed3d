"""Who a simulated customer is, and the hazards that follow: what a model may find, in formulas.

In come keys of chance, out come hidden traits and probabilities. Nothing here is ever an event.
With σ(x) = 1/(1 + e⁻ˣ) and z₁, z₂, z₃ independent standard normals, a customer's traits are

    income_stability   s = z₁
    debt_pressure      p = 0.8 z₂ - 0.6 z₁        (unit variance, correlation -0.6 with s)
    price_sensitivity  q = z₃
    engagement         e ~ Exp(1)

and the hazards, where a cycle is a month between two due days,

    approved           σ(1.2 + 0.5 s - 0.5 p)                      once, at the application
    limit              8,000 · exp(0.4 s + 0.3 z₄), in hundreds, 1,000 to 50,000
    first drawdown     σ(0.9 + 0.4 p)                              within two days of the approval
    later drawdown     σ(-2.2 + 0.4 p + 0.2 (e - 1) + SEASON_DRAW) a cycle, while paid in time
      with an offer    the same with + lift(q) = max(0, 0.5 + 0.4 q) in the logit
    offer clicked      σ(-1.6 + 0.6 q + 0.3 (e - 1))
    bill missed        σ(-5.0 + 0.9 p - 0.6 s + 1.2 balance/limit + 0.4 min(lates, 4) + SEASON_MISS)
    else paid in part  σ(-4.0 + 0.6 p)
    else paid late     σ(-2.2 + 0.7 p - 0.3 s)                     1 to 20 days
    arrears cured      σ(1.1 - 0.7 k + 0.4 s - 0.3 p)              k bills missed so far, each cycle
    logins a day       0.06 · exp(0.7 e) · WEEK · PAY_DAY          (Zipf-like: tail 1/0.7)
    login at night     σ(-2.4 + 0.7 p)                             from 0 to 5 o'clock
    page is `limit`    0.10 + 0.20 σ(1.5 p - 1)
    writes to service  σ(-3.4 + 0.5 p)                             a cycle
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from finmodel.lender.chance import Keys, Purpose, normal, uniform
from finmodel.records import Float64s, Int64s

SEASON_DRAW: Final = np.array([0.3, 0.2, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.4, 0.2])
"""Added to the logit of a drawdown, January to December: New Year, June's and November's sales."""
SEASON_MISS: Final = np.array([0.0, 0.5, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1])
"""Added to the logit of a missed bill: the weeks after the Spring Festival."""
SEASON_APPLY: Final = np.array([1.2, 0.7, 1.0, 1.0, 1.0, 1.2, 1.0, 1.0, 1.0, 1.0, 1.5, 1.2])
"""Applications, as weights of the months."""
WEEK: Final = np.array([1.0, 1.0, 1.0, 1.0, 1.1, 0.75, 0.65])
"""Monday to Sunday."""
PAY_DAY: Final = 1.6
"""On the day when the wage comes and the day after."""
PAY_DAYS: Final = np.array([5, 10, 15, 25])
DUE_AFTER_PAY: Final = 3
"""The due day lies so many days after the pay day."""
LATE_MOST: Final = 20
"""Days; who pays later than that has missed the bill."""
SOME_OF_ARREARS: Final = 0.2
"""That somebody behind pays a little in a cycle, and stays behind."""
TREATED: Final = 0.7
"""The share of a campaign's eligible customers who get its offer; the rest is its holdout."""
AFTER_DECLINE: Final = 0.15
"""How much of their logins the declined keep."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What drives a customer and no event tells; one row a customer."""

    income_stability: Float64s
    debt_pressure: Float64s
    price_sensitivity: Float64s
    engagement: Float64s


def traits_of(keys: Keys) -> Traits:
    """The hidden traits of customers."""
    income = normal(keys, Purpose.TRAIT, 0)
    return Traits(
        income_stability=income,
        debt_pressure=0.8 * normal(keys, Purpose.TRAIT, 1) - 0.6 * income,
        price_sensitivity=normal(keys, Purpose.TRAIT, 2),
        engagement=-np.log(uniform(keys, Purpose.TRAIT, 100)),
    )


def logistic(logit: Float64s) -> Float64s:
    """σ.

    >>> logistic(np.array([0.0])).tolist()
    [0.5]
    """
    chance: Float64s = 1.0 / (1.0 + np.exp(-logit))
    return chance


def approval(who: Traits) -> Float64s:
    """That an application is approved."""
    return logistic(1.2 + 0.5 * who.income_stability - 0.5 * who.debt_pressure)


def limits(who: Traits, keys: Keys) -> Int64s:
    """Limits in minor units, for whoever is approved."""
    noise = normal(keys, Purpose.TRAIT, 3)
    hundreds = np.rint(80 * np.exp(0.4 * who.income_stability + 0.3 * noise)).astype(np.int64)
    limit: Int64s = np.clip(hundreds, 10, 500) * 10_000
    return limit


def first_drawdown(who: Traits) -> Float64s:
    """That the approved draw at once."""
    return logistic(0.9 + 0.4 * who.debt_pressure)


def drawdown(who: Traits, month: Int64s) -> tuple[Float64s, Float64s]:
    """That a customer draws in a cycle without and with an offer; `month` counts from January."""
    logit = -2.2 + 0.4 * who.debt_pressure + 0.2 * (who.engagement - 1) + SEASON_DRAW[month]
    lift = np.maximum(0.0, 0.5 + 0.4 * who.price_sensitivity)
    return logistic(logit), logistic(logit + lift)


def click(who: Traits) -> Float64s:
    """That an offer which was shown is opened."""
    return logistic(-1.6 + 0.6 * who.price_sensitivity + 0.3 * (who.engagement - 1))


def miss(who: Traits, usage: Float64s, lates: Int64s, month: Int64s) -> Float64s:
    """That nothing is paid on a bill by somebody who has no arrears yet."""
    strain = 1.2 * usage + 0.4 * np.minimum(lates, 4) + SEASON_MISS[month]
    return logistic(-5.0 + 0.9 * who.debt_pressure - 0.6 * who.income_stability + strain)


def part_payment(who: Traits) -> Float64s:
    """That a bill which is not missed is paid only in part."""
    return logistic(-4.0 + 0.6 * who.debt_pressure)


def late_payment(who: Traits) -> Float64s:
    """That a bill which is paid in full is paid late."""
    return logistic(-2.2 + 0.7 * who.debt_pressure - 0.3 * who.income_stability)


def cure(who: Traits, missed: Int64s) -> Float64s:
    """That arrears are all paid within a cycle."""
    return logistic(1.1 - 0.7 * missed + 0.4 * who.income_stability - 0.3 * who.debt_pressure)


def login_rate(who: Traits) -> Float64s:
    """Logins on a plain weekday."""
    rate: Float64s = 0.06 * np.exp(0.7 * who.engagement)
    return rate


def night(who: Traits) -> Float64s:
    """That a login comes between midnight and five."""
    return logistic(-2.4 + 0.7 * who.debt_pressure)


def limit_page(who: Traits) -> Float64s:
    """That a page which is viewed is the one on limits."""
    return 0.10 + 0.20 * logistic(1.5 * who.debt_pressure - 1)


def complaint(who: Traits) -> Float64s:
    """That a customer writes to the service desk in a cycle."""
    return logistic(-3.4 + 0.5 * who.debt_pressure)
