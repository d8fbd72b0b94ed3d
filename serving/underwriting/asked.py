"""What the page of cases asks and is answered, as frozen records: see docs/underwriters_page.md.

A case of the book goes in, what is shown of it comes out. Knows no file and no route.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from finmodel.audit_entries import time_of
from risk.underwriting.case import Case, Said, State, Why
from risk.underwriting.codes import BY_CODE, Code, Says, Side, Verdict, codes_for
from serving.schemas import Explanation

DecisionId = Annotated[str, Meta(pattern=r"^a[0-9]{6,8}-[0-9a-f]{8}-[0-9a-f]{12}$")]


class HumanLook(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer asks that a person look at an automatic decision."""

    decision_id: DecisionId


class ClaimAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Take a case, or give it back."""

    decision_id: DecisionId
    release: bool = False


class VerdictAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Approve or decline a case that was claimed."""

    decision_id: DecisionId
    verdict: Verdict
    code: Annotated[str, Meta(min_length=1, max_length=64)]
    """One of those that the case was shown with."""
    note: Annotated[str, Meta(max_length=2000)] = ""
    """Kept under the customer's key: gone with it."""


class CaseSeen(Struct, frozen=True, kw_only=True):
    """A case in the queue: nothing personal."""

    decision_id: str
    at: datetime
    """When it was decided."""
    why: Why
    """`refer`: the decision referred it; `asked`: it declined, and the customer wants a person."""
    asked: bool
    """The customer asked for a person to look."""
    state: State
    """`second`: somebody else must agree."""
    product: str
    amount_minor: int | None
    """In minor units (分); null where the customer's key was erased, or where it is damaged."""
    damaged: bool
    """The decision's entry in the audit log cannot be read: `finmodel audit verify` says where."""
    says: Says
    """What the points alone would answer; empty where nobody scored."""
    rule: str
    demo: bool
    claimed_by: str
    """Empty where nobody has it."""
    claimed_until: datetime | None
    first_by: str
    """Who gave the first of two verdicts; empty where nobody did, or one is enough."""
    differed: int
    """So often two people differed, and it began anew."""
    verdict: Verdict | None
    """The one that counts; null while it waits."""


class Queue(Struct, frozen=True, kw_only=True):
    """Cases that wait, the oldest first."""

    as_of: datetime
    waiting: int
    """How many there are; at most 200 are given."""
    second_above_minor: int
    cases: tuple[CaseSeen, ...]


class SaidSeen(Struct, frozen=True, kw_only=True):
    """A verdict of a person."""

    by: str
    verdict: Verdict
    code: str
    side: Side
    """An override's: `high`, declined against the score; `low`, approved against it."""
    at: datetime
    entry: str
    """Its record in the audit log."""
    note: str


class CaseShown(Struct, frozen=True, kw_only=True):
    """One case with all that its decision rested on."""

    case: CaseSeen
    first: SaidSeen | None
    final: SaidSeen | None
    needs_second: bool
    """Whether somebody else must agree with what is said next."""
    approve: tuple[Code, ...]
    """Codes that it may be approved with."""
    decline: tuple[Code, ...]
    explanation: Explanation


def seen(case: Case, amount_minor: int | None, now_us: int, *, damaged: bool = False) -> CaseSeen:
    """What is shown of a case and what was applied for."""
    about, held = case.about, case.held(now_us)
    return CaseSeen(
        decision_id=about.decision,
        at=time_of(about.at_us),
        why=about.why,
        asked=case.asked,
        state=case.state,
        product=about.product,
        amount_minor=amount_minor,
        damaged=damaged,
        says=about.says,
        rule=about.rule,
        demo=about.demo,
        claimed_by=held.by if held else "",
        claimed_until=time_of(held.until_us) if held else None,
        first_by=case.first.by if case.first else "",
        differed=case.differed,
        verdict=case.final.verdict if case.final else None,
    )


def said_seen(said: Said, note: str) -> SaidSeen:
    """A verdict with its note."""
    return SaidSeen(
        by=said.by,
        verdict=said.verdict,
        code=said.code,
        side=said.side,
        at=time_of(said.at_us),
        entry=said.entry,
        note=note,
    )


def codes_seen(case: Case, verdict: Verdict, told: Explanation) -> tuple[Code, ...]:
    """The codes of a verdict with their sentences: people's, the model's and the policy's own."""
    known = BY_CODE | {one.code: Code(one.code, one.zh, one.en) for one in told.reasons}
    if told.policy is not None and told.policy.rule_zh:
        code = told.rule.partition(":")[2]
        known[code] = Code(code, told.policy.rule_zh, told.policy.rule_en)
    found = codes_for(case.about.given, verdict)
    return tuple(known.get(code) or Code(code, code, code) for code in found)
