"""A product's terms: how a loan is paid back, what it costs, and what a late day costs.

In come the shipped `products.yaml` or another file of its shape, out come frozen `Terms` with every
rate an exact fraction. What is computed from them is the business of the calculators.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from finmodel.assistant.money import read_percent
from finmodel.errors import BadInput, NotFound
from finmodel.recipe_text import parse_yaml

Part: TypeAlias = Literal["fee", "penalty", "interest", "principal"]
"""What a payment pays: 费用, 罚息, 利息, 本金."""
Months: TypeAlias = Annotated[int, Meta(ge=1, le=60)]
Days: TypeAlias = Annotated[int, Meta(ge=0, le=30)]
PARTS: tuple[Part, ...] = ("fee", "penalty", "interest", "principal")
SHIPPED = Path(__file__).with_name("products.yaml")


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One product's terms; rates are shares of 1."""

    product: str = ""
    """Its key in the file."""
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    english: Annotated[str, Meta(min_length=1, max_length=60)]
    method: Literal["equal_instalment", "equal_principal", "interest_first"]
    """等额本息, 等额本金, or 先息后本: interest monthly, the principal with the last instalment."""
    interest_by: Literal["month", "day"] = "month"
    """A period's interest: a twelfth of the yearly rate, or actual days at the daily rate."""
    day_count: Literal[360, 365]
    """Days of a year where interest is counted by the day."""
    yearly_rate: Fraction
    """Interest a year on the principal that is left: daily rate times the day count."""
    instalments: tuple[Months, ...]
    """How many a customer may choose."""
    upfront_fee: Fraction = Fraction(0)
    """Share of the principal, kept back when the money is paid out."""
    instalment_fee: Fraction = Fraction(0)
    """Share of the first principal, with each instalment."""
    grace_days: Days = 0
    """As many days late cost no penalty."""
    penalty_from: Literal["grace_end", "due_date"] = "grace_end"
    """Once the grace is over, a penalty is counted from there, or back to the due date."""
    penalty_multiple: Fraction = Fraction(3, 2)
    """Of the contract's daily rate."""
    penalty_daily_rate: Fraction | None = None
    """Stated where the contract has no rate of its own to multiply."""
    penalty_on: Literal["principal", "principal_and_interest"] = "principal"
    """What is late and bears a penalty."""
    settlement_fee: Fraction = Fraction(0)
    """Share of the principal that is paid back early."""
    settlement_free_after: Annotated[int, Meta(ge=0, le=60)] | None = None
    """With so many instalments paid, settling early is free."""
    allocation: tuple[Part, ...] = PARTS
    """The order in which a payment pays."""
    across: Literal["oldest_instalment", "kind"] = "oldest_instalment"
    """Whether an instalment is paid whole before the next, or all fees before all penalties …"""
    statement_days: Annotated[int, Meta(ge=1, le=25)] = 10
    """A bill is made so many days before it is due."""

    @property
    def monthly_rate(self) -> Fraction:
        """A twelfth of the yearly rate."""
        return self.yearly_rate / 12

    @property
    def daily_rate(self) -> Fraction:
        """The yearly rate over the product's own day count."""
        return self.yearly_rate / self.day_count

    @property
    def penalty_rate(self) -> Fraction:
        """What a late day costs: a share of what is overdue and bears a penalty."""
        if self.penalty_daily_rate is not None:
            return self.penalty_daily_rate
        return self.daily_rate * self.penalty_multiple


@cache
def load_products(path: Path = SHIPPED) -> dict[str, Terms]:
    """Every product of a file, by its key; raises `BadInput` where a product is not whole.

    >>> sorted(load_products())[:2]
    ['cash_loan', 'credit_line']
    """
    given, _ = parse_yaml(path)
    found = {}
    for product, terms in given.items():
        where = f"{path}: {product}"
        if not isinstance(terms, dict):
            raise BadInput("it has no terms", where=where, remedy="write `name: ...` and so on")
        found[product] = _terms({**terms, "product": product}, where)
    return found


def product_named(product: str) -> Terms:
    """A shipped product's terms.

    >>> product_named("credit_line").daily_rate
    Fraction(1, 2000)
    """
    known = load_products()
    if product not in known:
        raise NotFound(
            f"no product {product!r}", where=SHIPPED.name, remedy=f"name one of {', '.join(known)}"
        )
    return known[product]


def _terms(given: dict[str, Any], where: str) -> Terms:
    def read(kind: type, value: Any) -> Any:
        if kind is not Fraction or not isinstance(value, str | int):
            raise ValueError(f"{value!r} is no rate: write it in quotes")
        text = str(value)
        return Fraction(text) if "%" not in text else read_percent(text, where)

    try:
        terms = msgspec.convert(given, Terms, dec_hook=read)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadInput(str(error), where=where, remedy="see docs/assistant.md") from error
    _refuse_contradiction(terms, where)
    return terms


def _refuse_contradiction(terms: Terms, where: str) -> None:
    wrong = {
        "`allocation` must hold fee, penalty, interest and principal once each": sorted(
            terms.allocation
        )
        != sorted(PARTS),
        "`instalments` is empty": not terms.instalments,
        "`yearly_rate` is above 36%": terms.yearly_rate > Fraction(36, 100),
        "`upfront_fee` leaves nothing to pay out": terms.upfront_fee >= 1,
        "`penalty_multiple` is below 1": terms.penalty_multiple < 1,
        "equal instalments by actual days are not offered": terms.method == "equal_instalment"
        and terms.interest_by == "day",
    }
    for what, so in wrong.items():
        if so:
            raise BadInput(what, where=where, remedy="see docs/assistant.md")
