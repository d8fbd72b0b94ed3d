"""Waivers: what a model may be promoted without, why, and in whose name.

A version and a reason come in; an audit entry goes out, which a promotion asks for. Only the lack
of an out-of-time part can be waived: a check that failed cannot.
"""

from __future__ import annotations

from finmodel import tracking
from finmodel.acts import act_tag, audited, require_reason
from finmodel.audit import find
from finmodel.errors import Damaged, Refused
from finmodel.gate import NO_OUT_OF_TIME
from finmodel.manifest import Manifest
from finmodel.records import Person
from finmodel.settings import Settings

WAIVER_ENTRY = "waiver_entry"
"""Tag of a version: where the audit log has its waiver. What counts stands there."""
_KIND = "waiver"


def waive(settings: Settings, name: str, version: int, approver: Person, reason: str) -> str:
    """Let a version be promoted without an out-of-time part; the audit entry's id.

    Refused for who is no validator or trained it, BadInput without a reason.
    """
    where = f"{name} version {version}"
    if "validator" not in approver.roles:
        raise Refused(f"{approver.name} is no validator", where="waiver", remedy="ask a validator")
    require_reason(reason, f"waiver for {where}")
    candidate = tracking.fetch(settings, name, version)
    if approver.name in (candidate.tags.get("trained_by"), candidate.run_user):
        raise Refused(
            f"{approver.name} trained it",
            where=where,
            remedy="ask another validator: two pairs of eyes",
        )
    body = {
        "name": name,
        "version": version,
        "waived": NO_OUT_OF_TIME,
        "reason": reason,
        "approver": approver.name,
        "demo": approver.demo,
    }
    entry = audited(settings, _KIND, body)
    tracking.tag(settings, name, version, {WAIVER_ENTRY: entry} | act_tag(_KIND, entry))
    return entry


def why_promoted(settings: Settings, draft: Manifest) -> str:
    """What a promotion rests on; Refused where it needs a waiver and has none."""
    told = draft.verdict.notes if draft.verdict is not None else ()
    if NO_OUT_OF_TIME not in told:
        return "it passed its gate"
    where = f"{draft.name} version {draft.version}"
    entry = tracking.tags(settings, draft.name, draft.version).get(WAIVER_ENTRY, "")
    if not entry:
        raise Refused(
            NO_OUT_OF_TIME, where=where, remedy='say why it may be without: --waive-out-of-time "…"'
        )
    found = find(settings.audit, entry)
    if found.kind != _KIND or (found.body["name"], found.body["version"]) != (
        draft.name,
        draft.version,
    ):
        raise Damaged(
            f"its tag names audit entry {entry}, which is no waiver of this version",
            where=where,
            remedy="find out who set the tag, then waive it again",
        )
    body = found.body
    return f"it passed its gate; {NO_OUT_OF_TIME}, waived by {body['approver']}: {body['reason']}"
