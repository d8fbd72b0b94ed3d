"""The addresses behind the page of cases: the queue, one case, claims, verdicts, a person's look.

A typed question comes in, cases go out. The book and the log are handled in threads, so that nobody
who decides waits.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Final

import msgspec

from finmodel.errors import Damaged, NotFound
from risk.underwriting.case import Case, Said
from serving.answering import Reply, Route, aside, json_of, signed_in
from serving.border import Call, Rule
from serving.desk import Desk
from serving.explain import explain
from serving.openapi import Doc
from serving.schemas import Explanation
from serving.underwriting.asked import (
    CaseSeen,
    CaseShown,
    ClaimAsked,
    HumanLook,
    Queue,
    SaidSeen,
    VerdictAsked,
    codes_seen,
    said_seen,
    seen,
)

log = logging.getLogger("bentoml.finmodel")
JUDGES: Final = frozenset({"underwriter"})
LOOKERS: Final = frozenset({"underwriter", "auditor"})
ASKERS: Final = frozenset({"underwriter", "agent", "supervisor"})
"""Who may bring a decision before a person: for the customer who asked for it."""


async def queue(_call: Call, desk: Desk) -> Reply:
    """GET /cases."""
    return Reply(msgspec.json.encode(await aside(desk, _queue, desk)))


async def shown(call: Call, desk: Desk) -> Reply:
    """GET /cases/{decision_id}."""
    case = await aside(desk, desk.cases.case, call.piece)
    told = await explain(call.piece, signed_in(call), desk)
    return Reply(msgspec.json.encode(await aside(desk, _shown, case, told, desk)))


async def asked(call: Call, desk: Desk) -> Reply:
    """POST /cases."""
    wanted = json_of(call, HumanLook)
    case = await aside(desk, desk.cases.ask, wanted.decision_id, signed_in(call))
    return await _told(case, desk)


async def claimed(call: Call, desk: Desk) -> Reply:
    """POST /cases/claim."""
    wanted = json_of(call, ClaimAsked)
    act = desk.cases.release if wanted.release else desk.cases.claim
    return await _told(await aside(desk, act, wanted.decision_id, signed_in(call)), desk)


async def judged(call: Call, desk: Desk) -> Reply:
    """POST /cases/verdict."""
    wanted = json_of(call, VerdictAsked)
    said, note = (wanted.verdict, wanted.code), wanted.note.strip()
    who = signed_in(call)
    case = await aside(desk, desk.cases.judge, wanted.decision_id, who, said, note)
    return await _told(case, desk)


async def _told(case: Case, desk: Desk) -> Reply:
    return Reply(msgspec.json.encode(await aside(desk, _seen, case, desk)))


def _queue(desk: Desk) -> Queue:
    cases, waiting = desk.cases.waiting()
    return Queue(
        as_of=desk.clock.now(),
        waiting=waiting,
        second_above_minor=desk.settings.second_above_minor,
        cases=tuple(_listed(one, desk) for one in cases),
    )


def _listed(case: Case, desk: Desk) -> CaseSeen:
    """A damaged entry stands in the queue as such, and hides no other; opening it tells where."""
    try:
        return _seen(case, desk)
    except (Damaged, NotFound) as error:
        _tell_once(case.about.decision, str(error))
        return seen(case, None, desk.cases.now_us(), damaged=True)


@lru_cache(maxsize=1_024)
def _tell_once(decision: str, why: str) -> None:
    """Pages ask every few seconds."""
    log.error("the decision %s of a case cannot be read: %s", decision, why)


def _seen(case: Case, desk: Desk) -> CaseSeen:
    return seen(case, desk.cases.amount(case.about.decision), desk.cases.now_us())


def _shown(case: Case, told: Explanation, desk: Desk) -> CaseShown:
    return CaseShown(
        case=_seen(case, desk),
        first=_said(case.first, told, desk),
        final=_said(case.final, told, desk),
        needs_second=case.first is None and desk.cases.needs_second(case.about.decision),
        approve=codes_seen(case, "approve", told),
        decline=codes_seen(case, "decline", told),
        explanation=told,
    )


def _said(said: Said | None, told: Explanation, desk: Desk) -> SaidSeen | None:
    if said is None:
        return None
    return said_seen(said, desk.cases.note_of(said.entry) if told.application else "")


ROUTES: Final = (
    Route(
        Rule("GET", "/cases", LOOKERS),
        Doc("Cases that wait for a person, the oldest first.", None, Queue),
        queue,
    ),
    Route(
        Rule("GET", "/cases/{decision_id}", LOOKERS),
        Doc("One case, with all that its decision rested on.", None, CaseShown, may=("404", "507")),
        shown,
    ),
    Route(
        Rule("POST", "/cases", ASKERS),
        Doc("Bring an automatic decline before a person.", HumanLook, CaseSeen, may=("404", "507")),
        asked,
    ),
    Route(
        Rule("POST", "/cases/claim", JUDGES),
        Doc("Take a case for a while, or give it back.", ClaimAsked, CaseSeen, may=("404", "507")),
        claimed,
    ),
    Route(
        Rule("POST", "/cases/verdict", JUDGES),
        Doc("Approve or decline a case.", VerdictAsked, CaseSeen, may=("404", "507")),
        judged,
    ),
)  # fmt: skip
