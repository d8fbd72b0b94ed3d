"""Judgements of the doctor: figures that were looked up go in, findings come out.

Pure: no file, no server and no clock is asked here. Thresholds stand at the top, with their reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from finmodel.records import Person
from serving.doctor.finding import Finding, size, span, warned, well, wrong

LEAST_FREE: Final = 512 << 20
"""An audit segment is 64 MiB and a vault is rewritten whole: with less, decisions soon get 507."""
FULL, LOW = 0.03, 0.10
"""Shares of a disk that are free."""
MAP_HIGH, MAP_FULL = 0.80, 0.95
"""Shares of the map that are in use: at 1 nothing more is written."""
SKEW: Final = timedelta(seconds=60)
"""What a clock that is kept is never off by."""
MOSTLY: Final = 0.5
"""More stale customers than this and most decisions go by the rule for stale features."""


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Room on a file system, in bytes and in files."""

    total: int
    free: int
    files: int
    """0 where the file system has no limit."""
    files_free: int
    read_only: bool


def disk(at: str, use: DiskUse, place: str) -> Finding:
    """Whether there is room to write.

    >>> disk("disk of /srv", DiskUse(100 << 30, 1 << 30, 0, 0, False), "/srv").says
    '1.0 GiB of 100.0 GiB are free: once it is full, nothing is decided any more'
    """
    free = use.free / max(use.total, 1)
    says = f"{size(use.free)} of {size(use.total)} are free"
    look = f"df -h {place}"
    if use.read_only:
        return wrong(at, "it is mounted read-only: nothing can be recorded", f"findmnt -T {place}")
    if use.files and use.files_free < FULL * use.files:
        return wrong(at, f"{use.files_free:,} files more and it is full", f"df -i {place}")
    if free < FULL or use.free < LEAST_FREE:
        return wrong(at, f"{says}: once it is full, nothing is decided any more", look)
    if free < LOW:
        return warned(at, says, look)
    return well(at, says)


def map_use(at: str, used: int, limit: int) -> Finding:
    """Whether the map of online features has room; both in bytes.

    >>> map_use("online", 7 << 30, 8 << 30).remedy
    'export FINMODEL_ONLINE_MAP_GB=16'
    """
    return _room(at, used, max(limit, 1), f"export FINMODEL_ONLINE_MAP_GB={2 * limit / 2**30:g}")


def memory(at: str, used: int, limit: int) -> Finding:
    """Whether a Redis of online features has room; both in bytes, a limit of 0 is none."""
    if not limit:
        return well(at, f"it answers; {size(used)} are in use, and no limit is set")
    return _room(at, used, limit, f"redis-cli CONFIG SET maxmemory {2 * limit}")


def _room(at: str, used: int, limit: int, grow: str) -> Finding:
    share = used / limit
    says = f"{size(used)} of its {size(limit)} are in use ({share:.0%})"
    if share >= MAP_FULL:
        return wrong(at, f"{says}: soon no feature is written any more", grow)
    return warned(at, says, grow) if share >= MAP_HIGH else well(at, says)


@dataclass(frozen=True, slots=True)
class ViewSample:
    """What sampled customers have of one view."""

    view: str
    ttl_s: float
    """inf where it never goes stale."""
    streamed: bool
    ages_s: tuple[float, ...]
    """Of those who have it."""
    missing: int
    ahead: int
    """Customers whose value is of a later time than now."""


def freshness(at: str, sample: ViewSample) -> Finding | None:
    """What is amiss with a view's age; None where nothing is.

    >>> old = ViewSample("bill", 45 * 86400.0, False, (60 * 86400.0,) * 3, 0, 0)
    >>> freshness("features", old).says
    'view bill: the newest of 3 sampled values is 60 days old, and stale after 45 days'
    """
    feeds = "finmodel stream" if sample.streamed else "finmodel features materialize"
    there, name = len(sample.ages_s), f"view {sample.view}"
    if sample.ahead:
        says = f"{name}: {sample.ahead} sampled values are of a later time than this clock's"
        return warned(at, says, "date -u")
    if not there:
        return warned(at, f"{name}: none of {sample.missing} sampled customers has it", feeds)
    limit = span(sample.ttl_s)
    newest, stale = min(sample.ages_s), sum(age > sample.ttl_s for age in sample.ages_s)
    if newest > sample.ttl_s:
        says = f"the newest of {there} sampled values is {span(newest)} old, and stale after"
        return wrong(at, f"{name}: {says} {limit}", feeds)
    if stale > MOSTLY * there:
        says = f"{stale} of {there} sampled values are older than {limit}"
        return warned(at, f"{name}: {says}", feeds)
    return None


@dataclass(frozen=True, slots=True)
class Times:
    """What dates this machine's clock can be held against."""

    now: datetime
    """The operating system's."""
    acts: datetime
    """The time that is recorded: the same, unless a clock stands."""
    newest_file: tuple[str, datetime] | None
    last_entry: datetime | None
    served: datetime | None
    """The running service's."""


def clock(at: str, times: Times) -> list[Finding]:
    """Whether this clock fits what was written before, and the service beside it."""
    found = []
    kept = "timedatectl status"
    if times.newest_file is not None and times.newest_file[1] > times.now + SKEW:
        name, dated = times.newest_file
        says = f"{name} is dated {span(dated - times.now)} ahead of this clock, which went back"
        found.append(wrong(at, says, kept))
    if times.last_entry is not None and times.last_entry > times.acts + SKEW:
        ahead = span(times.last_entry - times.acts)
        says = f"the audit log's newest entry is {ahead} ahead of this clock, which went back"
        found.append(wrong(at, says, kept))
    if times.served is not None and abs(times.served - times.acts) > SKEW:
        off = span(abs(times.served - times.acts))
        says = f"the service's clock is {off} off this one: they were started with other settings"
        found.append(warned(at, says, "env | grep FINMODEL_STANDING_CLOCK"))
    return found or [well(at, "it fits the files, the audit log and the service")]


def standing(at: str, stands_at: str, demo: bool) -> list[Finding]:
    """What a clock that stands means: nothing in a demo, and in a real home all is misdated."""
    if not stands_at or demo:
        return []
    says = f"it stands at {stands_at}: decisions are dated so, and no feature ages"
    return [wrong(at, says, "unset FINMODEL_STANDING_CLOCK")]


def people(at: str, everyone: Sequence[Person], *, demo: bool, exports: bool) -> Finding:
    """Whether the roles that the platform cannot do without have somebody.

    >>> people("people.json", [], demo=False, exports=False).remedy
    'finmodel people add NAME --role validator'
    """
    roles = {role for one in everyone for role in one.roles}
    made = [one.name for one in everyone if one.demo]
    add = "finmodel people add NAME --role"
    if not everyone:
        return warned(at, "nobody has a key: nothing can be asked or approved", f"{add} validator")
    if made and not demo:
        says = f"the demo's people have keys here: {', '.join(made)}"
        return wrong(at, says, f"finmodel people revoke {made[0]}")
    if exports and "validator" not in roles:
        says = "nobody is a validator: no model can be promoted or rolled back"
        return warned(at, says, f"{add} validator")
    return well(at, f"{len(everyone)} people have keys")
