"""The addresses of 质检: what a supervisor may ask of findings, and say of them.

A body is read, one flow is asked, the answer is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

import msgspec

from finmodel.errors import NotFound
from serving.answering import XLSX, Reply, Route, aside, json_of, signed_in
from serving.assisting import quality
from serving.assisting.attended import AttendedBy, By, attended
from serving.assisting.desk import AssistDesk
from serving.assisting.finding_sheet import as_csv, as_workbook
from serving.assisting.quality_asked import (
    Cases,
    ExportRequest,
    Findings,
    FindingsRequest,
    InContext,
    Ruled,
    RulingRequest,
)
from serving.border import Call, Rule
from serving.openapi import Doc

SUPERVISORS: Final = frozenset({"supervisor"})
READERS: Final = frozenset({"supervisor", "script_editor", "engineer"})
"""Whoever keeps the rules reads the cases too: their words are masked."""
CSV: Final = "text/csv; charset=utf-8"


def counted_by(call: Call, known: Sequence[str]) -> None:
    """NotFound where the path names no way of grouping."""
    if call.piece not in known:
        raise NotFound(
            f"nothing is counted by {call.piece}",
            where="the path",
            remedy=f"one of {', '.join(known)}",
        )


async def findings(call: Call, desk: AssistDesk) -> Reply:
    """POST /findings."""
    given = json_of(call, FindingsRequest)
    return Reply(msgspec.json.encode(await aside(desk, quality.queue, given, desk)))


async def finding(call: Call, desk: AssistDesk) -> Reply:
    """GET /findings/{id}."""
    return Reply(msgspec.json.encode(await aside(desk, quality.context, call.piece, desk)))


async def rule(call: Call, desk: AssistDesk) -> Reply:
    """POST /findings/{id}/ruling."""
    given = json_of(call, RulingRequest)
    found = await aside(desk, quality.judge, call.piece, given, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def export(call: Call, desk: AssistDesk) -> Reply:
    """POST /findings/export."""
    given = json_of(call, ExportRequest)
    write, kind = (as_csv, CSV) if given.form == "csv" else (as_workbook, XLSX)

    def made() -> bytes:
        return write(quality.rows(given, signed_in(call), desk))

    return Reply(await aside(desk, made), kind)


async def handling(call: Call, desk: AssistDesk) -> Reply:
    """GET /handling/{by}."""
    counted_by(call, get_args(By))
    return Reply(msgspec.json.encode(await aside(desk, attended, call.piece, desk)))


async def cases(_call: Call, desk: AssistDesk) -> Reply:
    """GET /guards/cases."""
    return Reply(msgspec.json.encode(await aside(desk, quality.cases, desk)))


ROUTES: Final = (
    Route(
        Rule("POST", "/findings", SUPERVISORS),
        Doc("What the guards found in agents' messages.", FindingsRequest, Findings),
        findings,
    ),
    Route(
        Rule("POST", "/findings/export", SUPERVISORS),
        Doc("The same as a file for Excel.", ExportRequest, None, ("text/csv", XLSX), ("507",)),
        export,
    ),
    Route(
        Rule("GET", "/findings/{id}", SUPERVISORS),
        Doc("One of them among what was said around it.", None, InContext, may=("404",)),
        finding,
    ),
    Route(
        Rule("POST", "/findings/{id}/ruling", SUPERVISORS),
        Doc("Confirm it, or call it a false alarm.", RulingRequest, Ruled, may=("404", "507")),
        rule,
    ),
    Route(
        Rule("GET", "/guards/cases", READERS),
        Doc("False alarms as cases of the guards, and which are still told.", None, Cases),
        cases,
    ),
    Route(
        Rule("GET", "/handling/{by}", SUPERVISORS),
        Doc(
            "How long customers waited and were attended to, and whether they came again.",
            None,
            AttendedBy,
            may=("404",),
        ),
        handling,
    ),
)
