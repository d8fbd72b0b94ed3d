"""What can happen to a customer, one frozen type for each topic `<domain>.<event>.v<n>`.

In comes what the lender's systems saw: when it happened, when the lender knew, and the few facts
that a feature may use; closed vocabularies where a lender has one, money as integers in minor
units. Another shape is another version. An unknown field is kept out, and a message's words and a
person's attributes have no field, but for the sealed one of a verdict. How events are written as
bytes is the business of `events.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

CustomerId: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Minor: TypeAlias = Annotated[int, Meta(ge=-(10**15), le=10**15)]
"""Money in minor units of its currency: TWD 12.50 is 1250."""
Owed: TypeAlias = Annotated[int, Meta(ge=0, le=10**15)]
Paid: TypeAlias = Annotated[int, Meta(gt=0, le=10**15)]
Currency: TypeAlias = Annotated[str, Meta(min_length=3, max_length=3)]
"""An ISO 4217 code."""
EventId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
"""Given by the producer: a second sending of the same event has the same one."""
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
KnownAt: TypeAlias = Time
"""When the lender knew: no feature as of an earlier time may use the event."""
StatusCode: TypeAlias = Annotated[int, Meta(ge=-2, le=8)]
"""-2 no use, -1 paid in full, 0 revolving, 1–8 months of delay (8: eight and more)."""
Dpd: TypeAlias = Annotated[int, Meta(ge=1, le=3650)]
"""Days past due, counted from the oldest instalment that is not paid."""
LoanNumber: TypeAlias = Annotated[int, Meta(ge=1, le=10**6)]
"""A customer's first drawdown is 1, the second 2."""
OfferId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Product: TypeAlias = Literal["cash_loan", "instalment", "limit_increase"]


class Behaviour(
    Struct,
    tag_field="topic",
    frozen=True,
    kw_only=True,
    gc=False,
):
    """What all events have, in front; nothing is known before it has happened."""

    event_id: EventId
    customer_id: CustomerId
    occurred_at: Time
    known_at: KnownAt

    def __post_init__(self) -> None:
        if self.known_at < self.occurred_at:
            raise ValueError("`known_at` is before `occurred_at`")


class StatementIssued(Behaviour, tag="card.statement.v1", frozen=True, kw_only=True):
    """A monthly card statement: the limit, and the balance owed (negative: a credit)."""

    currency: Currency
    limit_minor: Minor
    balance_minor: Minor


class RepaymentReceived(Behaviour, tag="card.repayment.v1", frozen=True, kw_only=True):
    """Money that a customer paid in; a month without one is a month in which nothing was paid."""

    currency: Currency
    amount_minor: Paid


class AccountStatusObserved(Behaviour, tag="card.status.v1", frozen=True, kw_only=True):
    """The repayment status of an account at the end of a month."""

    status_code: StatusCode


class LoggedIn(Behaviour, tag="app.login.v1", frozen=True, kw_only=True):
    """A customer opened a session; a failed one is told too."""

    channel: Literal["app", "web", "mini_program"]
    status: Literal["success", "failure"]


class PageViewed(Behaviour, tag="app.page_view.v1", frozen=True, kw_only=True):
    """One page of one session, and how long it was on the screen."""

    page: Literal["home", "loan", "limit", "repay", "offers", "help"]
    dwell_ms: Annotated[int, Meta(ge=0, le=86_400_000)]


class LoanApplied(Behaviour, tag="loan.application.v1", frozen=True, kw_only=True):
    """A step of an application: sent in, then decided; a limit only where it was approved."""

    product: Product
    channel: Literal["app", "web", "mini_program", "partner"]
    status: Literal["submitted", "approved", "declined"]
    currency: Currency
    requested_minor: Paid
    limit_minor: Owed


class LoanDrawn(Behaviour, tag="loan.drawdown.v1", frozen=True, kw_only=True):
    """Money paid out under a limit, and on what terms; the month is the loan's cohort."""

    product: Product
    loan_number: LoanNumber
    currency: Currency
    amount_minor: Paid
    term_months: Annotated[int, Meta(ge=1, le=60)]
    apr_bp: Annotated[int, Meta(ge=0, le=10_000)]
    """The yearly rate in hundredths of a per cent."""


class InstalmentDue(Behaviour, tag="loan.statement.v1", frozen=True, kw_only=True):
    """A month's bill for all of a customer's loans: the instalment, with arrears, and when."""

    currency: Currency
    instalment_minor: Owed
    due_minor: Paid
    balance_minor: Owed
    due_at: Time


class LoanRepaid(Behaviour, tag="loan.repayment.v1", frozen=True, kw_only=True):
    """Money paid towards a bill; `partial` leaves some of what was due."""

    channel: Literal["auto_debit", "app", "transfer"]
    status: Literal["full", "partial"]
    currency: Currency
    amount_minor: Paid


class LoanOverdue(Behaviour, tag="loan.overdue.v1", frozen=True, kw_only=True):
    """A mark of delay was passed (1, 3, 7, 15, 30 … days) and this much is past due."""

    dpd: Dpd
    currency: Currency
    amount_minor: Paid


class OfferShown(Behaviour, tag="marketing.offer_shown.v1", frozen=True, kw_only=True):
    """An offer reached a customer; whom a campaign left out on purpose is not told."""

    offer_id: OfferId
    product: Product
    channel: Literal["app", "push", "sms"]


class OfferClicked(Behaviour, tag="marketing.offer_clicked.v1", frozen=True, kw_only=True):
    """A customer opened an offer."""

    offer_id: OfferId
    channel: Literal["app", "push", "sms"]


class MessageExchanged(Behaviour, tag="service.message.v1", frozen=True, kw_only=True):
    """A message to or from the service desk: how long it was, never what it said."""

    direction: Literal["inbound", "outbound"]
    channel: Literal["chat", "sms", "phone", "email"]
    length: Annotated[int, Meta(ge=0, le=100_000)]
    """In characters."""


class SuggestionJudged(Behaviour, tag="service.suggestion_judged.v1", frozen=True, kw_only=True):
    """What an agent made of a suggested reply: how much of it was sent, never what."""

    conversation_id: EventId
    suggestion_id: EventId
    """What the agent was shown; it is judged once."""
    rank: Annotated[int, Meta(ge=0, le=4)]
    """The place of what was taken, from 1 on; 0 where nothing was."""
    verdict: Literal["accepted", "edited", "rejected"]
    written_by: Literal["script", "engine"]
    """Whose words were judged."""
    adapter: Annotated[str, Meta(max_length=128)]
    """Of an engine's words, `name/version` of the adapter; empty of a script."""
    scenario: Literal["consultation", "repayment", "collection", "complaint", "marketing"]
    distance_bp: Annotated[int, Meta(ge=0, le=10_000)]
    """Edits to what was sent over the longer one's length, in hundredths of a per cent."""
    characters: Annotated[int, Meta(ge=0, le=100_000)]
    """Of what was sent."""
    characters_saved: Annotated[int, Meta(ge=0, le=100_000)]
    """So many of them were not typed."""
    sealed: Annotated[str, Meta(max_length=65_536)]
    """The text that was sent, masked, the reason, the intent and the script, as
    `judged_events.py` seals them: without the customer's key nobody reads them."""
