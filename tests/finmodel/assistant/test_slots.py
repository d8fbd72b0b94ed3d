"""Slots: the names that scripts, training targets and prompts share."""

import pytest

from finmodel.assistant.slots import SLOTS, slots_in
from finmodel.errors import NotFound

AGREED = [
    "product_name",
    "credit_limit",
    "available_limit",
    "principal_outstanding",
    "amount_due",
    "due_date",
    "statement_date",
    "instalment_number",
    "instalments_total",
    "instalments_left",
    "monthly_payment",
    "overdue_amount",
    "days_past_due",
    "last_payment_amount",
    "last_payment_date",
    "bank_card_tail",
    "grace_days",
    "application_date",
    "hotline",
    "service_hours",
    "settlement_total",
    "settlement_principal",
    "settlement_interest",
    "settlement_fee",
    "overdue_interest",
    "penalty_interest",
    "overdue_total",
    "interest_per_day",
    "total_interest",
    "total_repayment",
    "apr_simple",
    "apr_compound",
    "daily_rate",
    "interest_saved",
]


def test_every_agreed_name_is_a_slot_with_both_labels_and_a_source():
    assert set(AGREED) <= set(SLOTS)
    assert all(slot.chinese and slot.english and slot.source for slot in SLOTS.values())
    assert len({slot.chinese for slot in SLOTS.values()}) == len(SLOTS)


def test_the_yearly_rates_say_which_they_are():
    assert SLOTS["apr_simple"].chinese == "年化利率（单利）"
    assert SLOTS["apr_compound"].chinese == "年化利率（复利）"
    assert SLOTS["daily_rate"].unit == "day"


def test_an_unknown_name_in_a_text_is_told():
    with pytest.raises(NotFound, match=r"did you mean \{due_date\}"):
        slots_in("还款日{due_dat}")
