"""The addresses behind the monitoring page: panels, workbook, variables, decisions, alerts.

A typed question comes in; the last result goes out at once, and a newer one is computed beside it.
Files and figures are handled in threads, so that nobody who decides waits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import msgspec

from finmodel.clock import SystemClock
from finmodel.decision_series import Series, imported_versions
from finmodel.errors import FinmodelError, NotFound, NotReady
from finmodel.pointers import read_champion
from finmodel.settings import Settings
from risk.monitor.alerts import acknowledge, alerts_of
from risk.monitor.assembly import with_alerts
from risk.monitor.sheets import sheets
from serving import page
from serving.answering import XLSX, Reply, Route, aside, json_of, signed_in
from serving.border import Call, Rule
from serving.desk import Desk
from serving.monitoring.asked import (
    Acknowledgement,
    AlertSeen,
    Behind,
    Choices,
    ModelChoice,
    Monitored,
    MonitorRequest,
    PanelTable,
    PointRequest,
    Question,
    Variable,
    VariableRequest,
    VersionName,
    WorkbookRequest,
)
from serving.monitoring.behind import behind, variable
from serving.monitoring.kept import Result, kept, mapped, marks_of
from serving.monitoring.workbook import variable_workbook, workbook
from serving.openapi import Doc

WATCHERS: Final = frozenset({"analyst", "validator", "auditor"})
ACKNOWLEDGERS: Final = frozenset({"analyst", "validator"})
REST: Final = timedelta(seconds=60)
"""A younger result is not computed again by itself, though decisions were made since."""


async def choices(call: Call, desk: Desk) -> Reply:
    """GET /monitor/choices."""
    models = await aside(desk, models_of, desk.settings)
    person = signed_in(call)
    told = Choices(models, f"/assets/{page.CHARTS}", bool(person.roles & ACKNOWLEDGERS))
    return Reply(msgspec.json.encode(told))


async def monitored(call: Call, desk: Desk) -> Reply:
    """POST /monitor."""
    asked = json_of(call, MonitorRequest)
    return Reply(await aside(desk, answer, asked, desk))


async def as_workbook(call: Call, desk: Desk) -> Reply:
    """POST /monitor/workbook."""
    asked = json_of(call, WorkbookRequest)

    def made(result: Result) -> bytes:
        panels = _panels(desk, result)
        if asked.variable is None:
            return workbook(panels, asked.panel)
        found = variable(mapped(desk.settings, result), asked.variable)
        return variable_workbook(panels, found, result.periods)

    return Reply(await aside(desk, _of_last, asked.question, desk, made), XLSX)


async def of_variable(call: Call, desk: Desk) -> Reply:
    """POST /monitor/variable."""
    asked = json_of(call, VariableRequest)

    def told(result: Result) -> bytes:
        found = variable(mapped(desk.settings, result), asked.name)
        return msgspec.json.encode(Variable(found.name, found.cells))

    return Reply(await aside(desk, _of_last, asked.question, desk, told))


async def of_point(call: Call, desk: Desk) -> Reply:
    """POST /monitor/decisions."""
    asked = json_of(call, PointRequest)

    def told(result: Result) -> bytes:
        return msgspec.json.encode(behind(desk.settings, result, asked.point))

    return Reply(await aside(desk, _of_last, asked.question, desk, told))


async def acknowledged(call: Call, desk: Desk) -> Reply:
    """POST /monitor/acknowledge."""
    said, person = json_of(call, Acknowledgement), signed_in(call)
    alert = await aside(desk, acknowledge, desk.settings, said.id, person, said.note, said.owner)
    return Reply(msgspec.json.encode(AlertSeen(alert)))


def models_of(settings: Settings) -> tuple[ModelChoice, ...]:
    """Models that have an export or imported decisions here; their versions, the newest first."""
    known = imported_versions(Series(settings.audit, settings.imported))
    for folder in settings.exports.iterdir() if settings.exports.is_dir() else ():
        here = {int(one.name) for one in folder.glob("[0-9]*") if one.is_dir()}
        if here:
            known[folder.name] = known.get(folder.name, set()) | here
    found = []
    for name, versions in sorted(known.items()):
        aliases = _aliases(settings, name)
        named = (VersionName(one, aliases.get(one, "")) for one in sorted(versions, reverse=True))
        found.append(ModelChoice(name, tuple(named)))
    return tuple(found)


def answer(asked: MonitorRequest, desk: Desk) -> bytes:
    """The last result, as JSON; a newer one is begun where one is due."""
    question, room, settings = asked.question, desk.room, desk.settings
    _require_model(settings, question)
    result, doing = kept(settings, question), room.doing(question)
    current = result is not None and result.marks == marks_of(settings, question.model)
    if doing is None and not current and _is_due(asked, result, desk):
        doing = room.ask(question)
    told = Monitored(current=current, doing=doing, problem=room.failed(question))
    if result is None:
        return msgspec.json.encode(told)
    panels = _panels(desk, result)
    return msgspec.json.encode(
        msgspec.structs.replace(
            told,
            panels=panels,
            tables=tuple(
                PanelTable(one.panel, one.zh, one.en, one.columns, one.rows)
                for one in sheets(panels)
            ),
            periods=result.periods,
            segments=result.segments,
            computed_at=result.computed_at,
            seconds=result.seconds,
        )
    )


def _is_due(asked: MonitorRequest, result: Result | None, desk: Desk) -> bool:
    if asked.renew:
        return True
    if desk.room.failed(asked.question) is not None:
        return False  # asked again and again, it would fail again and again
    return result is None or SystemClock().now() - result.computed_at > REST


def _of_last(question: Question, desk: Desk, make: Callable[[Result], bytes]) -> bytes:
    """Something of a question's last result; NotReady where it has none."""
    _require_model(desk.settings, question)
    result = kept(desk.settings, question)
    if result is None:
        raise NotReady(
            "this was not computed yet", where=question.model, remedy="open /monitoring first"
        )
    return make(result)


def _panels(desk: Desk, result: Result) -> Any:
    return with_alerts(result.panels, alerts_of(desk.settings, result.question.model))


def _require_model(settings: Settings, question: Question) -> None:
    known = {one.name: {v.version for v in one.versions} for one in models_of(settings)}
    if question.model not in known:
        raise NotFound(
            "there is no such model",
            where=question.model,
            remedy=f"choose from {', '.join(known) or 'none yet: promote a version'}",
        )
    if question.version is not None and question.version not in known[question.model]:
        raise NotFound(
            f"it has no version {question.version}", where=question.model, remedy="choose another"
        )


def _aliases(settings: Settings, model: str) -> dict[int, str]:
    found = {}
    for alias in ("challenger", "champion"):
        try:
            pointer = read_champion(settings.exports, model, settings.signing, alias)
        except FinmodelError:  # never set, or damaged: monitoring says so when it is looked at
            continue
        found[pointer.version] = alias
    return found


def _watched(path: str, takes: type, gives: type | None, summary: str, answering: Any) -> Route:
    types = (XLSX,) if gives is None else ("application/json",)
    doc = Doc(summary, takes, gives, types, may=("404", "507"))
    return Route(Rule("POST", path, WATCHERS), doc, answering)


ROUTES: Final = (
    Route(
        Rule("GET", "/monitor/choices", WATCHERS, weighs=False),
        Doc("Models and versions that can be looked at.", None, Choices),
        choices,
    ),
    _watched(
        "/monitor", MonitorRequest, Monitored,
        "The panels as they were last computed; renewed in the background.", monitored,
    ),
    _watched(
        "/monitor/workbook", WorkbookRequest, None,
        "All panels, one, or a variable, as an Excel workbook.", as_workbook,
    ),
    _watched(
        "/monitor/variable", VariableRequest, Variable,
        "One variable in its cells, at build and now.", of_variable,
    ),
    _watched(
        "/monitor/decisions", PointRequest, Behind,
        "The decisions behind a point of a panel.", of_point,
    ),
    Route(
        Rule("POST", "/monitor/acknowledge", ACKNOWLEDGERS),
        Doc("Say that an alert was seen, and what is done.", Acknowledgement, AlertSeen,
            may=("404", "507")),
        acknowledged,
    ),
)  # fmt: skip
