"""One case for a person: what it is about, who has it, what was said of it, what may be done next.

A case and what somebody wants to do come in; an act goes out, or a sentence why not. A case after
its acts is the fold of them, so that the same acts make the same case again. Pure: no clock, no
file; times are microseconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

from finmodel.clock import CHINA
from finmodel.errors import Refused
from finmodel.records import Person
from finmodel.two_eyes import require_another
from risk.underwriting.codes import Given, Says, Side, Verdict, codes_for, side_of

Why: TypeAlias = Literal["refer", "asked"]
"""The decision referred it, or the customer asked for a person to look."""
State: TypeAlias = Literal["open", "second", "done"]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a case is about, as the decision's entry has it in the open: no amount, no name."""

    decision: str
    at_us: int
    """When it was decided."""
    why: Why
    model: str
    version: int
    product: str
    says: Says
    rule: str
    reasons: tuple[str, ...] = ()
    demo: bool = False

    @property
    def given(self) -> Given:
        """What of it bears on the codes."""
        return Given(self.says, self.rule, self.reasons)


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did with a case: the body of an entry of the audit log, whole by itself."""

    act: Literal["asked", "claimed", "released", "verdict"]
    about: About
    actor: str
    actor_roles: tuple[str, ...]
    demo: bool = False
    until_us: int = 0
    """When a claim ends."""
    verdict: Verdict | None = None
    code: str = ""
    side: Side = ""
    needs_second: bool = False
    """Whether, by the limit of that day, somebody else must agree."""


class Claim(msgspec.Struct, frozen=True):
    """Who has a case, and until when."""

    by: str
    until_us: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict: whose, why, and its entry in the audit log."""

    by: str
    verdict: Verdict
    code: str
    side: Side
    at_us: int
    entry: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A case as its acts made it."""

    about: About
    claim: Claim | None = None
    first: Said | None = None
    """Waits for somebody else to agree, or was agreed with."""
    final: Said | None = None
    differed: int = 0
    """So often a second person said otherwise, and it began anew."""
    asked: bool = False
    """The customer asked for a person to look."""

    @property
    def state(self) -> State:
        """Where it is on its way."""
        if self.final is not None:
            return "done"
        return "open" if self.first is None else "second"

    def held(self, now_us: int) -> Claim | None:
        """The claim that still counts."""
        return self.claim if self.claim is not None and self.claim.until_us > now_us else None


def after(case: Case, act: Act, entry: str, time_us: int) -> Case:
    """The case after an act that stands in the log."""
    if act.act == "claimed":
        return msgspec.structs.replace(case, claim=Claim(act.actor, act.until_us))
    if act.act == "released":
        return msgspec.structs.replace(case, claim=None)
    if act.verdict is None:
        return msgspec.structs.replace(case, asked=True)
    said = Said(
        by=act.actor, verdict=act.verdict, code=act.code, side=act.side, at_us=time_us, entry=entry
    )
    if case.first is None and act.needs_second:
        return msgspec.structs.replace(case, claim=None, first=said)
    if case.first is not None and case.first.verdict != said.verdict:
        differed = case.differed + 1
        return msgspec.structs.replace(case, claim=None, first=None, differed=differed)
    return msgspec.structs.replace(case, claim=None, final=said)


def claim(case: Case, person: Person, now_us: int, until_us: int) -> Act:
    """Take a case, or go on having it; Refused where another has it or it is decided.

    The demo's people judge the demo's cases alone.
    """
    require_open(case)
    if person.demo and not case.about.demo:
        raise Refused(
            f"{person.name} is of the demo, and this case is not",
            where=_where(case),
            remedy="leave it to a person of the lender's",
        )
    held = case.held(now_us)
    if held is not None and held.by != person.name:
        raise _claimed_by_another(case, held)
    if case.first is not None:
        require_another(case.first.by, person, _where(case))
    return msgspec.structs.replace(_act("claimed", case.about, person), until_us=until_us)


def release(case: Case, person: Person, now_us: int) -> Act:
    """Give a case back; Refused where this person does not have it."""
    require_open(case)
    _require_held(case, person, now_us)
    return _act("released", case.about, person)


def judge(
    case: Case,
    person: Person,
    said: tuple[Verdict, str],
    now_us: int,
    *,
    large: bool = False,
    erased: bool = False,
) -> Act:
    """Approve or decline with a code; of a `large` amount two must agree.

    Refused where this person does not have the case or gave its first verdict, for a code that is
    none for this verdict, and to approve a customer who was `erased`: nobody can see for whom.
    """
    verdict, code = said
    require_open(case)
    _require_held(case, person, now_us)
    if case.first is not None:
        require_another(case.first.by, person, _where(case))
    about = case.about
    allowed = codes_for(about.given, verdict)
    if code not in allowed:
        raise Refused(
            f"the reason code is none of those for this {verdict}",
            where="code",
            remedy=f"choose from {', '.join(allowed)}",
        )
    if erased and verdict == "approve":
        raise Refused(
            "the customer's data was erased, nothing can be approved",
            where=_where(case),
            remedy="decline it as withdrawn",
        )
    return msgspec.structs.replace(
        _act("verdict", about, person),
        verdict=verdict,
        code=code,
        side=side_of(about.says, verdict),
        needs_second=large,
    )


def needs_second(amount_minor: int | None, above_minor: int) -> bool:
    """Whether two people must agree: the amount is above this limit."""
    return (amount_minor or 0) > above_minor


def ask(about: About, person: Person) -> Act:
    """A customer asks, by somebody who serves them, that a person look at a decision."""
    return _act("asked", about, person)


def require_open(case: Case) -> None:
    """Refused where a case has its verdict."""
    if case.final is not None:
        word = {"approve": "approved", "decline": "declined"}[case.final.verdict]
        raise Refused(
            f"the case has its verdict: {word} by {case.final.by}",
            where=_where(case),
            remedy="take another case",
        )


def clock_time(time_us: int) -> str:
    """A time of the day, where the lender is.

    >>> clock_time(0)
    '08:00'
    """
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(CHINA).strftime("%H:%M")


def _require_held(case: Case, person: Person, now_us: int) -> None:
    held = case.held(now_us)
    if held is None:
        raise Refused(
            "you have no claim on it, or it has ended",
            where=_where(case),
            remedy="claim it again; what you wrote is still on the page",
        )
    if held.by != person.name:
        raise _claimed_by_another(case, held)


def _claimed_by_another(case: Case, held: Claim) -> Refused:
    return Refused(
        f"it is claimed by {held.by} until {clock_time(held.until_us)}",
        where=_where(case),
        remedy="take another case, or wait until then",
    )


def _act(
    act: Literal["asked", "claimed", "released", "verdict"], about: About, person: Person
) -> Act:
    return Act(
        act=act,
        about=about,
        actor=person.name,
        actor_roles=tuple(sorted(person.roles)),
        demo=person.demo or about.demo,
    )


def _where(case: Case) -> str:
    return f"case {case.about.decision}"
