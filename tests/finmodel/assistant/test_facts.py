"""Facts of a loan: what they say, where it stands in a text, and what is refused."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.facts import Facts, facts_of
from finmodel.assistant.loans import Line, Loan, Payment
from finmodel.assistant.products import load_products, product_named
from finmodel.assistant.slots import SLOTS
from finmodel.errors import BadInput, NotFound

DRAWN, FIRST = date(2026, 1, 10), date(2026, 2, 10)
LINE = Line(credit_limit=5_000_000, application_date=date(2025, 12, 1), bank_card_tail="1234")


def loan(product="cash_loan", *payments):
    return Loan(
        terms=product_named(product),
        principal=1_200_000,
        instalments=12,
        drawn_on=DRAWN,
        first_due=FIRST,
        payments=payments,
    )


def shown(facts, *names):
    return [facts[name].shown for name in names]


def test_a_loan_in_good_order():
    facts = facts_of(loan("cash_loan", Payment(FIRST, 110_159)), LINE, date(2026, 2, 20))
    assert shown(facts, "amount_due", "due_date", "statement_date", "instalment_number") == [
        "1,101.59元",
        "2026年3月10日",
        "2026年2月28日",
        "2",
    ]
    assert shown(facts, "overdue_total", "days_past_due", "instalments_left") == [
        "0.00元",
        "0",
        "11",
    ]
    assert shown(facts, "daily_rate", "contract_rate", "apr_simple", "apr_compound") == [
        "0.05%",
        "18.25%",
        "18.25%",
        "19.86%",
    ]
    assert shown(facts, "available_limit", "principal_outstanding") == [
        "38,919.09元",
        "11,080.91元",
    ]
    assert facts["settlement_total"].source.endswith(" = 11,080.91元 + 55.40元 + 110.81元 + 0.00元")


def test_a_late_loan_owes_arrears_penalty_and_the_next_instalment():
    facts = facts_of(loan(), LINE, date(2026, 2, 20))
    value = {name: facts[name].value for name in facts}
    assert value["overdue_total"] == value["overdue_amount"] + value["penalty_interest"]
    assert value["penalty_interest"] == 483  # 919.09 元 * 0.075 % * 7 days behind the grace
    assert value["amount_due"] == value["overdue_total"] + 110_159
    assert value["days_past_due"] == 10


@given(st.sampled_from(sorted(load_products())), st.integers(0, 450))
def test_every_day_of_every_product_has_facts_that_survive_json(product, days):
    facts = facts_of(loan(product), LINE, DRAWN + timedelta(days))
    assert set(facts) <= set(SLOTS)
    assert {"amount_due", "settlement_total", "apr_simple", "hotline"} <= set(facts)
    again = Facts.of_plain(facts.plain())
    assert {name: again[name].value for name in again} == {n: facts[n].value for n in facts}
    assert shown(again, *again) == shown(facts, *facts)


def test_a_slot_without_a_value_today_is_left_out():
    paid = loan()
    for row in paid.plan():
        paid = paid.paid(Payment(row.due, row.total))
    facts = facts_of(paid, LINE, paid.last_due)
    assert "settlement_total" not in facts
    assert "due_date" not in facts
    assert facts["amount_due"].value == 0
    assert "last_payment_date" not in facts_of(loan(), LINE, DRAWN)
    assert "daily_rate" not in facts_of(loan("purchase_instalment"), LINE, DRAWN)


def test_filling_tells_where_each_fact_stands():
    facts = Facts.of_plain({"amount_due": 123_450, "due_date": "2026-06-03"})
    text = "您好，{due_date}前请还{amount_due}；共{amount_due}。"
    filled = facts.fill(text)
    assert filled.text == "您好，2026年6月3日前请还1,234.50元；共1,234.50元。"
    assert [(use.fact.slot.name, filled.text[use.start : use.end]) for use in filled.uses] == [
        ("due_date", "2026年6月3日"),
        ("amount_due", "1,234.50元"),
        ("amount_due", "1,234.50元"),
    ]
    assert facts.missing("{hotline}{due_date}") == ("hotline",)


def test_a_slot_that_has_no_value_or_is_none_is_refused():
    facts = Facts.of_plain({"amount_due": 1})
    with pytest.raises(NotFound, match=r"\{due_date\}: this customer has no such value today"):
        facts.fill("还款日{due_date}")
    with pytest.raises(
        NotFound, match=r"\{amount_duo\}: no such slot; did you mean \{amount_due\}"
    ):
        facts.fill("{amount_duo}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount_due", 12.5),
        ("amount_due", "12.50"),
        ("amount_due", True),
        ("due_date", "2026-02-30"),
        ("due_date", 20260603),
        ("apr_simple", "18.25%"),
        ("apr_simple", "1/0"),
        ("hotline", 95566),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name, value):
    with pytest.raises(BadInput, match=f"{name}: .* is no "):
        Facts.of_plain({name: value})


def test_a_repr_holds_no_value():
    facts = facts_of(loan(), LINE, DRAWN)
    assert "1234" not in repr(facts)
    assert "bank_card_tail" in repr(facts)


def test_rates_are_exact():
    facts = facts_of(loan("equal_principal_loan"), LINE, DRAWN)
    assert facts["daily_rate"].value == Fraction(108, 365_000)
    assert facts["daily_rate"].shown == "0.029589%"
