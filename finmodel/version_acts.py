"""Everything that people did with one version: from gate and waiver to promotion and retirement.

A name and a version come in, entries of the audit log come out, in order of time. They are found by
the version's tags, the signed pointers and the signed list of what was retired; or, where no tag is
to be believed, by walking the whole log.
"""

from __future__ import annotations

from typing import Final

from finmodel import tracking
from finmodel.acts import ACT
from finmodel.audit import Entry, find, scan
from finmodel.errors import Damaged
from finmodel.registry import GATE_ENTRY, served_by
from finmodel.retired import retired_versions
from finmodel.settings import Settings
from finmodel.waivers import WAIVER_ENTRY

KINDS: Final = ("import", "gate", "waiver", "promotion", "rollback", "withdrawal", "retirement")


def acts_of(
    settings: Settings, name: str, version: int, *, whole_log: bool = False
) -> tuple[Entry, ...]:
    """The acts on a version, the oldest first; Damaged where a tag names an entry of another.

    A move counts for the version that came and for the one that went.
    """
    if whole_log:
        found = [one for one in scan(settings.audit) if _is_about(one, name, version)]
    else:
        found = [find(settings.audit, one) for one in _named(settings, name, version)]
        for one in found:
            _require_about(one, name, version)
    return tuple(sorted(found, key=lambda one: (one.time_us, one.id)))


def _named(settings: Settings, name: str, version: int) -> set[str]:
    """Ids of entries that tags, pointers and the list of retired versions name."""
    tags = tracking.tags(settings, name, version)
    ids = {key.removeprefix(ACT) for key in tags if key.startswith(ACT)}
    ids |= {tags[key] for key in (GATE_ENTRY, WAIVER_ENTRY) if tags.get(key)}
    ids |= {pointer.audit_entry for pointer in served_by(settings, name, version)}
    retired = retired_versions(settings.exports, name, settings.signing).get(version)
    return ids if retired is None else ids | {retired.audit_entry}


def _is_about(entry: Entry, name: str, version: int) -> bool:
    """Policies have moves of their own under kinds of their own."""
    body = entry.body
    about = (body.get("version"), body.get("from")) if entry.kind in KINDS else ()
    return body.get("name") == name and version in about


def _require_about(entry: Entry, name: str, version: int) -> None:
    if not _is_about(entry, name, version):
        raise Damaged(
            f"its tags name audit entry {entry.id}, which is no act on this version",
            where=f"{name} version {version}",
            remedy="find out who set the tag; `finmodel document --whole-log` needs none",
        )
