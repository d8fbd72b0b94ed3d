"""The end of a version: it can never be served again, and what it decided can still be replayed.

A version, a validator and a reason come in; an audit entry, a signed list and MLflow's tags say so.
"""

from __future__ import annotations

from finmodel import tracking
from finmodel.acts import act_tag, audited, require_reason
from finmodel.errors import NotFound, Refused
from finmodel.records import Person
from finmodel.registry import STATUS, one_at_a_time, require_may, served_by
from finmodel.retired import Retired, require_not_retired, write_retired
from finmodel.settings import Settings
from finmodel.signing import ensure_key


def retire(
    settings: Settings, name: str, version: int, person: Person, reason: str, *, demo: bool = False
) -> Retired:
    """End a version that is not served; its export stays for replays."""
    require_may(person, demo)
    require_reason(reason, f"retire {name}")
    if version not in {row.version for row in tracking.versions(settings, name)}:
        raise NotFound("no such version is registered", where=name, remedy="see `finmodel models`")
    with one_at_a_time(settings, name):
        require_not_retired(settings.exports, name, version, settings.signing)
        _require_not_served(settings, name, version)
        at = settings.clock.now().isoformat()
        body = {"name": name, "version": version, "reason": reason, "by": person.name, "at": at}
        entry = audited(settings, "retirement", body | {"demo": demo})
        retired = Retired(version, reason, person.name, at, entry)
        ensure_key(settings.signing)
        write_retired(settings.exports, name, retired, settings.signing)
    tags = {STATUS: "retired", "retired_because": reason} | act_tag("retirement", entry)
    tracking.tag(settings, name, version, tags)
    return retired


def _require_not_served(settings: Settings, name: str, version: int) -> None:
    for pointer in served_by(settings, name, version):
        raise Refused(
            f"it is served as {pointer.alias}",
            where=f"{name} version {version}",
            remedy="promote or roll back to another version first"
            if pointer.alias == "champion"
            else f"withdraw it first: finmodel withdraw {name}",
        )
