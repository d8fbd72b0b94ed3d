"""The audit log, and this machine's clock held against what was written before.

Settings come in, findings go out. By itself only the newest segment is checked, which takes about a
second; the whole chain takes as long as reading it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from finmodel.clock import SystemClock
from finmodel.errors import FinmodelError, NotFound
from finmodel.settings import Settings
from serving.doctor import judging
from serving.doctor.finding import Finding, warned, well, wrong
from serving.doctor.keeping import count_in, newest_file


@dataclass(frozen=True, slots=True)
class Acts:
    """The time that acts are dated with, and who says so."""

    now: datetime
    served: datetime | None = None
    """The running service's clock; None where none runs."""
    unknown: bool = False
    """A demo's clock stands, and nobody says where."""


def audit(settings: Settings, whole: bool) -> list[Finding]:
    """Whether the chain holds: of the newest segment, or of the whole log."""
    from finmodel.audit_end import end_of_log
    from finmodel.audit_proof import verify

    at = f"audit log {settings.audit}"
    try:
        if whole:
            held = verify(settings.audit)
            return [well(at, f"the whole chain holds: {held.entries:,} entries")]
        end = end_of_log(settings.audit)
    except NotFound:
        return [_without_log(settings, at)]
    said = f"its newest segment holds ({end.entries:,} entries)"
    if end.segments > 1:
        said += f"; the {end.segments - 1} before it: finmodel audit verify"
    return [well(at, said)]


def _without_log(settings: Settings, at: str) -> Finding:
    """Nothing is kept but what was recorded first: where anything is there, the log was, too."""
    folders = "exports", "scripts", "policies", "imported"
    there = [one for one in folders if any((settings.home / one).glob("[!.]*"))]
    if settings.vault.exists() and count_in(settings.vault, "SELECT count(*) FROM keys"):
        there.append("the vault")
    if not there:
        return well(at, "nothing was recorded yet")
    says = f"it is gone, and {', '.join(there)} are there: nothing proves what was done"
    return wrong(at, says, f"cp -a BACKUP/audit {settings.audit}")


def imported(settings: Settings, whole: bool) -> list[Finding]:
    """Whether loads of decisions are what the audit log says: their columns too, with `whole`."""
    from finmodel.imported_proof import check_entries, check_loads, gone, undone

    at = f"imported {settings.imported}"
    loaded = any(settings.imported.glob("decisions-[0-9]*"))
    logged = any(settings.audit.glob("audit-*.log"))
    if not loaded and not (whole and logged):
        return [well(at, "no decisions of before are here")]
    if not whole:
        held = len(check_entries(settings.imported, settings.audit))
        return [well(at, f"{held} loads, as their entries name them")]
    held = check_loads(settings.imported, settings.audit)
    again = "finmodel decisions load FILE --mapping FILE.yaml"
    missing = [warned(at, says, again) for says in gone(settings.imported, settings.audit)]
    erase = 'finmodel customer erase ID --reason "…"'
    missing += [wrong(at, says, erase) for says in undone(settings.imported, settings.audit)]
    return missing or [well(at, f"{held} loads, to the last bit")]


def clock(settings: Settings, acts: Acts) -> list[Finding]:
    """Whether the clock fits files, log and service, and is not one that stands."""
    from finmodel.audit_end import end_of_log

    last = None
    with suppress(FinmodelError):  # that the log is broken is told where it is looked at
        last = end_of_log(settings.audit).newest
    times = judging.Times(SystemClock().now(), acts.now, newest_file(settings), last, acts.served)
    demo = settings.demo.is_dir()
    stands = judging.standing("clock", settings.standing_clock, demo)
    return [*stands, *judging.clock("clock", times)]
