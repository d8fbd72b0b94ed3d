"""Every slot that may stand in a script: its kind, its two names, and where its value comes from.

Nothing comes in; `SLOTS` goes out, and a name that is not in it is told. A slot in a text is
`{amount_due}`. No value is known here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from finmodel.errors import NotFound

Kind: TypeAlias = Literal["money", "date", "rate", "count", "text"]
Home: TypeAlias = Literal["ledger", "calculators"]
Unit: TypeAlias = Literal["", "year", "day", "month", "days", "instalments", "times"]


class Slot(Struct, frozen=True):
    """What may stand in a script under a name."""

    name: str
    kind: Kind
    chinese: str
    english: str
    home: Home
    source: str
    """The ledger's field, or the formula."""
    unit: Unit = ""
    """A rate is a year's or a day's; a count is of something."""
    most_decimals: int = 2


def _ledger(
    name: str, kind: Kind, chinese: str, english: str, source: str, unit: Unit = ""
) -> Slot:
    return Slot(name, kind, chinese, english, "ledger", source, unit)


def _formula(
    name: str, kind: Kind, chinese: str, english: str, source: str, unit: Unit = ""
) -> Slot:
    most = 6 if unit == "day" else 2
    return Slot(name, kind, chinese, english, "calculators", source, unit, most)


_ALL: Final = (
    _ledger("lender_name", "text", "机构名称", "Lender", "line.lender_name"),
    _ledger("product_name", "text", "产品名称", "Product", "terms.name"),
    _ledger("credit_limit", "money", "总额度", "Credit limit", "line.credit_limit"),
    _ledger(
        "available_limit",
        "money",
        "可用额度",
        "Available limit",
        "line.credit_limit - line.used_elsewhere - principal_outstanding",
    ),
    _ledger("loan_amount", "money", "借款金额", "Amount borrowed", "loan.principal"),
    _ledger("loan_date", "date", "借款日期", "Drawn on", "loan.drawn_on"),
    _ledger(
        "principal_outstanding",
        "money",
        "剩余本金",
        "Principal outstanding",
        "unpaid principal of all instalments",
    ),
    _ledger(
        "amount_due",
        "money",
        "本期应还",
        "Amount due",
        "unpaid of the current instalment + overdue_total",
    ),
    _ledger("due_date", "date", "还款日", "Due date", "the current instalment's due date"),
    _ledger(
        "statement_date", "date", "账单日", "Statement date", "due_date - terms.statement_days"
    ),
    _ledger(
        "instalment_number", "count", "本期期数", "Instalment", "current.number", "instalments"
    ),
    _ledger(
        "instalments_total", "count", "总期数", "Instalments", "loan.instalments", "instalments"
    ),
    _ledger(
        "instalments_left",
        "count",
        "剩余期数",
        "Instalments left",
        "instalments of which something is unpaid",
        "instalments",
    ),
    _ledger("last_due_date", "date", "最后还款日", "Last due date", "loan.last_due"),
    _ledger("monthly_payment", "money", "每期应还", "Instalment amount", "current.planned.total"),
    _ledger(
        "overdue_amount",
        "money",
        "逾期金额",
        "Overdue amount",
        "unpaid fee, interest and principal of late instalments",
    ),
    _ledger(
        "days_past_due", "count", "逾期天数", "Days past due", "as_of - oldest unpaid due", "days"
    ),
    _ledger("last_payment_amount", "money", "最近还款金额", "Last payment", "payments[-1].amount"),
    _ledger("last_payment_date", "date", "最近还款日期", "Last payment date", "payments[-1].on"),
    _ledger("bank_card_tail", "text", "银行卡尾号", "Bank card tail", "line.bank_card_tail"),
    _ledger("grace_days", "count", "宽限期", "Grace days", "terms.grace_days", "days"),
    _ledger("application_date", "date", "申请日期", "Application date", "line.application_date"),
    _ledger("hotline", "text", "客服热线", "Hotline", "line.hotline"),
    _ledger("service_hours", "text", "服务时间", "Service hours", "line.service_hours"),
    _formula(
        "settlement_total",
        "money",
        "提前结清总额",
        "Settlement total",
        "settlement_principal + settlement_interest + settlement_fee + penalty_interest",
    ),
    _formula(
        "settlement_principal", "money", "结清本金", "Settlement principal", "unpaid principal"
    ),
    _formula(
        "settlement_interest",
        "money",
        "结清利息",
        "Settlement interest",
        "billed and unpaid + principal ahead * daily_rate * days of the running period",
    ),
    _formula(
        "settlement_fee",
        "money",
        "结清费用",
        "Settlement fee",
        "billed and unpaid fees + the running period's + terms.settlement_fee * principal ahead",
    ),
    _formula(
        "overdue_interest",
        "money",
        "逾期利息",
        "Overdue interest",
        "unpaid interest of late instalments",
    ),
    _formula(
        "penalty_interest",
        "money",
        "罚息",
        "Penalty interest",
        "what is late * penalty_rate * days late",
    ),
    _formula(
        "overdue_total",
        "money",
        "逾期应还总额",
        "Overdue total",
        "overdue_amount + penalty_interest",
    ),
    _formula(
        "interest_per_day",
        "money",
        "每日利息",
        "Interest per day",
        "principal not yet due * daily_rate",
    ),
    _formula("total_interest", "money", "利息总额", "Total interest", "sum of planned interest"),
    _formula("total_fee", "money", "费用总额", "Total fees", "upfront fee + planned fees"),
    _formula(
        "total_repayment",
        "money",
        "还款总额",
        "Total repayment",
        "principal + total_interest + total_fee",
    ),
    _formula(
        "apr_simple",
        "rate",
        "年化利率（单利）",
        "APR, simple",
        "12 * monthly IRR over all interest and fees",
        "year",
    ),
    _formula(
        "apr_compound",
        "rate",
        "年化利率（复利）",
        "APR, compound",
        "(1 + monthly IRR)^12 - 1",
        "year",
    ),
    _formula(
        "contract_rate",
        "rate",
        "合同年利率",
        "Contract rate a year",
        "daily_rate * terms.day_count, without compounding",
        "year",
    ),
    _formula("daily_rate", "rate", "日利率", "Daily rate", "yearly rate / terms.day_count", "day"),
    _formula(
        "penalty_rate",
        "rate",
        "罚息日利率",
        "Daily penalty rate",
        "daily_rate * terms.penalty_multiple, or terms.penalty_daily_rate",
        "day",
    ),
    _formula(
        "interest_saved",
        "money",
        "可节省息费",
        "Saved by settling",
        "what the plan would still cost - settlement_total, without penalty",
    ),
)
SLOTS: Final[dict[str, Slot]] = {slot.name: slot for slot in _ALL}
_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def slot_named(name: str) -> Slot:
    """A slot by its name; the nearest is offered for one that is none.

    >>> slot_named("amount_due").chinese
    '本期应还'
    >>> slot_named("amount_deu")
    Traceback (most recent call last):
    finmodel.errors.NotFound: {amount_deu}: no such slot; did you mean {amount_due}?
    """
    if name not in SLOTS:
        near = difflib.get_close_matches(name, SLOTS, 1)
        remedy = f"did you mean {{{near[0]}}}?" if near else f"name one of {', '.join(SLOTS)}"
        raise NotFound("no such slot", where=f"{{{name}}}", remedy=remedy)
    return SLOTS[name]


def slots_in(text: str) -> tuple[str, ...]:
    """The names of the slots that stand in a text, each once, in order; unknown ones are told.

    >>> slots_in("您本期应还{amount_due}，还款日{due_date}，请备足{amount_due}。")
    ('amount_due', 'due_date')
    """
    return tuple(dict.fromkeys(slot_named(name).name for name, _, _ in places(text)))


def places(text: str) -> Iterator[tuple[str, int, int]]:
    """Each slot's name and span in a text, also of names that are no slot.

    >>> list(places("应还{amount_due}"))
    [('amount_due', 2, 14)]
    """
    for found in _PLACE.finditer(text):
        yield found[1], found.start(), found.end()


def replaced(text: str, shown: Callable[[str], str]) -> str:
    """A text with something else in the place of each slot, by its name.

    >>> replaced("应还{amount_due}元", lambda name: name[:6])
    '应还amount元'
    """
    return _PLACE.sub(lambda found: shown(found[1]), text)
