"""The switch as it can be proved: its signed file, held against the last act in the audit log.

A switch is written to the log before its file. Where the file is lost, or older than that act, what
the log says is off stays off, and so does what the file says: a kill ends with a revival only.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from finmodel.audit import Entry, latest
from finmodel.audit_format import parse_id
from finmodel.errors import Damaged, NotFound
from risk.policy.versions import STEPS, Stop, Switch, read_switch

SWITCHED = "policy_switched"
"""The kind of an act on a switch."""


def standing(policies: Path, name: str, keys: Path, audit: Path) -> Switch | None:
    """Which steps are off; None where it was never touched, Damaged where it cannot be read."""
    kept = read_switch(policies, name, keys)
    return _proved(kept, last_act(audit, name, kept))


def known(policies: Path, name: str, keys: Path, audit: Path) -> Switch | None:
    """The same for who is about to move it: what cannot be read counts as everything off."""
    kept, act, wrong = None, None, []
    try:
        kept = read_switch(policies, name, keys)
    except Damaged as error:
        wrong.append(f"the switch cannot be read: {error.what}")
    try:
        act = last_act(audit, name, kept)
    except Damaged as error:
        wrong.append(f"the audit log cannot be read: {error.what}")
    if not wrong:
        return _proved(kept, act)
    held = _joined([one for one in (act, kept) if one is not None], "; ".join(wrong), name)
    return msgspec.structs.replace(held, off=STEPS)


def last_act(audit: Path, name: str, kept: Switch | None = None) -> Switch | None:
    """The switch as the log's last act left it; none older than the one that is kept is sought."""
    since = 1 if kept is None else _place(kept)[0]
    try:
        for entry in latest(audit, SWITCHED, since):
            if entry.body.get("name") == name:
                return _of(entry)
    except NotFound:
        return None  # nothing was ever logged here
    return None


def _proved(kept: Switch | None, act: Switch | None) -> Switch | None:
    if act is None or (kept is not None and _place(kept) >= _place(act)):
        return kept
    was = "its file is lost" if kept is None else "its file is older than the audit log"
    known_ = [act] if kept is None else [act, kept]
    if not any(one.off for one in known_):
        return act
    why = f"{was}, audit entry {act.audit_entry} holds until it is revived: {act.reason}"
    return _joined(known_, why, act.name)


def _joined(switches: list[Switch], why: str, name: str) -> Switch:
    """Off is what any of them says is off, by whoever switched it off."""
    stops: dict[tuple[str, str], Stop] = {}
    for one in switches:
        for stop in one.stops:
            stops.setdefault((stop.step, stop.by), stop)
    last = switches[0] if switches else Switch(name, 0, (), "", "", "", "")
    return msgspec.structs.replace(
        last,
        sequence=max((one.sequence for one in switches), default=0),
        off=tuple(step for step in STEPS if any(step in one.off for one in switches)),
        reason=why,
        stopped=tuple(stops.values()),
    )


def _of(entry: Entry) -> Switch:
    told = {key: value for key, value in entry.body.items() if key != "was_off"}
    try:
        return msgspec.convert(told | {"audit_entry": entry.id}, Switch)
    except msgspec.ValidationError as error:
        raise Damaged(
            f"it is no act on a switch ({error})",
            where=f"audit entry {entry.id}",
            remedy="read it with the version of this software that wrote it",
        ) from error


def _place(switch: Switch) -> tuple[int, int]:
    """Where its act stands in the log: its number may repeat one that was lost, this cannot."""
    return parse_id(switch.audit_entry)[:2]
