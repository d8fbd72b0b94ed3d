"""Whether a written figure says a fact: equal under its kind and unit, and not otherwise.

A figure and a fact come in, yes or no goes out. 日利率 is not 年化, a compound rate must be called
复利, 1.2万 is 12,000 元, and a figure rounded below what is exact is another figure. What the
sentence calls the figure is not looked at.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Final

from finmodel.assistant.facts import Fact
from finmodel.assistant.money import half_up
from finmodel.assistant.slots import Slot
from finmodel.assistant.written_amounts import digits_of
from finmodel.assistant.written_dates import Day
from finmodel.assistant.written_numbers import Figure, figures_in

_YEARLY: Final = frozenset({"year", "year-contract", "year-simple", ""})
_TERMS: Final = frozenset({"instalments_total", "instalments_left"})
_IN_MONTHS: Final = {"instalments": 1, "months": 1, "years": 12}


def says(figure: Figure, fact: Fact, today: date | None, fees: bool) -> bool:
    """Whether a figure says a fact; `fees` is whether the loan costs more than interest.

    >>> from finmodel.assistant.facts import Facts
    >>> facts = Facts.of_plain({"daily_rate": "1/2000", "principal_outstanding": 1_200_000})
    >>> [says(figures_in(text)[0], facts["daily_rate"], None, False)
    ...     for text in ("日利率0.05%", "每天万分之五", "年化0.05%", "利率0.05%", "日利率0.5%")]
    [True, True, False, False, False]
    >>> says(figures_in("1.2万元")[0], facts["principal_outstanding"], None, False)
    True
    """
    slot = fact.slot
    if slot.kind == "text":
        return _says_text(figure, fact)
    if isinstance(figure.value, Day):
        return isinstance(fact.value, date) and figure.value.may_be(fact.value, today)
    if slot.kind == "rate" and figure.kind == "rate":
        exact = figure.value in (fact.value, _as_shown(fact))
        return exact and _period_fits(figure.unit, slot, fees)
    if slot.kind == "count":
        return _count(figure, slot) == fact.value
    return slot.kind == "money" and _fen(figure) == fact.value


def _says_text(figure: Figure, fact: Fact) -> bool:
    """A hotline by its digits, a card by its tail, hours by the times in them."""
    written = str(fact.value)
    if isinstance(figure.value, str):
        tail = figure.kind == "tail"
        return figure.value == digits_of(written) and tail == (fact.slot.name == "bank_card_tail")
    if figure.kind not in ("clock", "count") or figure.value is None:
        return False
    theirs = figures_in(written)
    return (figure.kind, figure.value) in [(one.kind, one.value) for one in theirs]


def _period_fits(said: str, slot: Slot, fees: bool) -> bool:
    if slot.unit == "day":
        return said == "day"
    if slot.name == "apr_compound":
        return said == "year-compound"
    if slot.name == "contract_rate" and fees:
        return said == "year-contract"  # 年化利率 covers the fees, which the contract's does not
    return said in _YEARLY


def _as_shown(fact: Fact) -> Fraction:
    scale = 100 * 10**fact.slot.most_decimals
    return Fraction(half_up(Fraction(str(fact.value)) * scale), scale)


def _count(figure: Figure, slot: Slot) -> Fraction | None:
    """What a figure counts, in the slot's unit."""
    value = figure.value
    if not isinstance(value, Fraction):
        return None
    if figure.kind == "number":
        return value or None  # a bare 0 says nothing of what
    if figure.kind != "count":
        return None
    if figure.unit == "instalment":
        return value if slot.name == "instalment_number" else None
    if figure.unit in _IN_MONTHS:
        return value * _IN_MONTHS[figure.unit] if slot.name in _TERMS else None
    return value if figure.unit == slot.unit else None


def _fen(figure: Figure) -> Fraction | None:
    value = figure.value
    if isinstance(value, str):  # 95000 looks like a phone, and may be an amount
        alone = figure.kind in ("phone", "code") and figure.text.isdecimal()
        return Fraction(value) * 100 if alone else None
    if not isinstance(value, Fraction) or figure.kind not in ("money", "number"):
        return None
    return value if figure.kind == "money" else value * 100 or None
