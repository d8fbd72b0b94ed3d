"""Rates over a year: what a daily rate comes to, and what a loan costs with all interest and fees.

Exact fractions and cash flows in 分 come in, fractions go out. 年化利率（单利）is twelve times the
monthly internal rate of return over all interest and fees, as 中国人民银行公告〔2021〕第3号 has
lenders show it; 复利 is (1 + IRR)^12 - 1. Which of them a sentence must name is a guard's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from finmodel.errors import BadInput

_SCALE: Final = 10**12
"""A monthly rate is found to twelve decimals, and cut there."""
_NEAR: Final = 64
"""How far, in units of the last decimal, a float's root may be from the exact one."""
_MOST: Final = 10
"""A monthly rate of 1,000 % or more is no loan's."""


def yearly_of_daily(daily: Fraction, day_count: int) -> Fraction:
    """A daily rate stated for a year: so many days of it, without compounding.

    >>> yearly_of_daily(Fraction(5, 10_000), 360), yearly_of_daily(Fraction(5, 10_000), 365)
    (Fraction(9, 50), Fraction(73, 400))
    """
    return daily * day_count


def monthly_irr(received: int, instalments: Sequence[int]) -> Fraction:
    """The monthly rate at which `instalments`, a month apart, are worth what was `received`.

    Found by halving on whole numbers between two close ones, the sign of the present value being
    exact, and cut to twelve decimals. Raises `BadInput` where nothing was received or less is paid
    back than was received.

    >>> monthly_irr(10_000, [10_100])
    Fraction(1, 100)
    """
    if received <= 0 or any(one < 0 for one in instalments) or sum(instalments) < received:
        raise BadInput(
            f"{received} 分 received and {sum(instalments)} 分 paid back have no rate",
            where="monthly IRR",
            remedy="give what was paid out and every instalment, in 分",
        )
    low, high = _bracket(received, instalments)
    while high - low > 1:
        middle = (low + high) // 2
        if _worth_at_least(received, instalments, middle):
            low = middle
        else:
            high = middle
    return Fraction(low, _SCALE)


def _bracket(received: int, instalments: Sequence[int]) -> tuple[int, int]:
    """Two rates (of `_SCALE`) with the root between them: close to a float's, or the widest."""
    rate = 0.01
    for _ in range(40):
        worth, slope, discount = -float(received), 0.0, 1.0
        for month, paid in enumerate(instalments, start=1):
            discount /= 1 + rate
            worth += paid * discount
            slope -= month * paid * discount / (1 + rate)
        step = worth / slope
        rate = min(max(rate - step, 0.0), float(_MOST))
        if abs(step) < 1e-13:
            break
    low = max(int(rate * _SCALE) - _NEAR, 0)
    held = _worth_at_least(received, instalments, low)
    if held and not _worth_at_least(received, instalments, low + 2 * _NEAR):
        return low, low + 2 * _NEAR
    return 0, _MOST * _SCALE


def _worth_at_least(received: int, instalments: Sequence[int], rate: int) -> bool:
    """Whether the instalments, discounted at `rate` (of `_SCALE`), are worth what was received."""
    growth, left = _SCALE + rate, received
    scale = 1
    for paid in instalments:
        scale *= _SCALE
        left = left * growth - paid * scale
    return left <= 0


def simple_yearly(irr: Fraction) -> Fraction:
    """年化利率（单利）of a monthly internal rate of return.

    >>> simple_yearly(Fraction(1, 100))
    Fraction(3, 25)
    """
    return 12 * irr


def compound_yearly(irr: Fraction) -> Fraction:
    """年化利率（复利）of a monthly internal rate of return, cut to 24 decimals.

    The twelfth power of a rate of twelve decimals has 144. Cut, not rounded: what is then shown
    with fewer, half up, is what the whole would have shown.

    >>> float(compound_yearly(Fraction(1, 100)))
    0.12682503013196972
    """
    return Fraction(((1 + irr) ** 12 - 1) * _SCALE**2 // 1, _SCALE**2)
