"""Alerts of monitoring: raised once, looked after by somebody, acknowledged with a note.

They are kept in an audit log of their own, append-only and chained, since the decisions' log is too
long to search. What a light says comes in; alerts with their acknowledgements come out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from finmodel.acts import audited, opened_log
from finmodel.audit import scan
from finmodel.clock import parse_time
from finmodel.errors import BadInput, NotFound
from finmodel.records import Person
from finmodel.settings import Settings
from risk.monitor.panels import Alert, Monitor, Noted, Signal

RAISED: Final = "alert"
ACKNOWLEDGED: Final = "alert_acknowledged"
QUIET: Final = timedelta(days=30)
"""So long after it was acknowledged an alert that did not get worse is not raised again."""
LONGEST_NOTE: Final = 2000
LONGEST_OWNER: Final = 64
_WORSE: Final = {"amber": 1, "red": 2}


def alerts_of(settings: Settings, model: str | None = None) -> list[Alert]:
    """Alerts on a model, or on all, the newest first, each with its acknowledgements."""
    if not settings.alerts.exists():
        return []
    found: dict[str, Alert] = {}
    for entry in scan(settings.alerts):
        if entry.kind == RAISED:
            told = entry.body | {"id": entry.id, "raised_at": entry.time.isoformat()}
            found[entry.id] = msgspec.convert(told, Alert)
        elif entry.kind == ACKNOWLEDGED and entry.body["id"] in found:
            alert = found[entry.body["id"]]
            found[alert.id] = _acknowledged(alert, entry.body, entry.time.isoformat())
    wanted = (one for one in found.values() if model in (None, one.model))
    return sorted(wanted, key=lambda one: one.raised_at, reverse=True)


def raise_alerts(settings: Settings, seen: Monitor, owner: str, by: Person) -> list[Alert]:
    """Raise in a person's name what the light shows, unless it is known; the new alerts."""
    _require_owner(owner)
    lit = [one for one in seen.header.light.signals if one.colour in _WORSE]
    known = alerts_of(settings, seen.header.model)
    due = [one for one in lit if not _is_known(settings, seen, one, known)]
    if not due:
        return []
    with opened_log(settings, settings.alerts) as log:
        ids = {log.append(RAISED, _body(seen, one, owner, by)) for one in due}
    return [one for one in alerts_of(settings, seen.header.model) if one.id in ids]


def acknowledge(settings: Settings, alert: str, by: Person, note: str, owner: str = "") -> Alert:
    """Say that somebody has seen an alert, and what is done; it may be handed to another owner."""
    if not note.strip() or len(note) > LONGEST_NOTE:
        raise BadInput(
            f"a note has 1 to {LONGEST_NOTE} signs", where="the note", remedy="say what is done"
        )
    _require_owner(owner)
    seen = next((one for one in alerts_of(settings) if one.id == alert), None)
    if seen is None:
        raise NotFound(
            "there is no such alert", where=alert[:40], remedy="list them: finmodel alerts list"
        )
    _told_auditors(settings, seen, by, owner)
    with opened_log(settings, settings.alerts) as log:
        said = {"id": alert, "acknowledged_by": by.name, "note": note, "owner": owner}
        log.append(ACKNOWLEDGED, said)
    return next(one for one in alerts_of(settings) if one.id == alert)


def _told_auditors(settings: Settings, seen: Alert, by: Person, owner: str) -> None:
    """Say it in the decisions' log too, which auditors read; the note stays with the alerts."""
    about = {"model": seen.model, "version": seen.version, "signal": seen.signal}
    about |= {"alert": seen.id, "handed_over": bool(owner)}
    audited(settings, ACKNOWLEDGED, {"by": by.name} | about)


def _require_owner(owner: str) -> None:
    if len(owner) > LONGEST_OWNER:
        raise BadInput(
            f"an owner has at most {LONGEST_OWNER} signs, this one has {len(owner)}",
            where="the owner",
            remedy="give a name",
        )


def _acknowledged(alert: Alert, said: dict[str, Any], at: str) -> Alert:
    """The alert with one acknowledgement more, and with its owner from then on."""
    noted = Noted(said["acknowledged_by"], at, said["note"], said["owner"])
    return msgspec.structs.replace(
        alert,
        owner=noted.owner or alert.owner,
        acknowledgements=(*alert.acknowledgements, noted),
    )


def _is_known(settings: Settings, seen: Monitor, signal: Signal, known: list[Alert]) -> bool:
    """Whether the same alert is open, or was acknowledged lately and did not get worse."""
    header, now = seen.header, settings.clock.now()
    for one in known:
        same = (one.version, one.segment, one.signal) == (
            header.version,
            header.segment,
            signal.name,
        )
        if not same or _WORSE[signal.colour] > _WORSE[one.colour]:
            continue
        said = one.acknowledgements
        if not said or now - parse_time(said[-1].at) < QUIET:
            return True
    return False


def _body(seen: Monitor, signal: Signal, owner: str, by: Person) -> dict[str, Any]:
    header = seen.header
    return {
        "model": header.model,
        "version": header.version,
        "segment": header.segment,
        "signal": signal.name,
        "colour": signal.colour,
        "zh": signal.zh,
        "en": signal.en,
        "owner": owner,
        "raised_by": by.name,
        "window": [header.start, header.end],
    }
