"""`finmodel monitor`: what decisions and outcomes say of a model, gathered and computed.

Comes in: settings, a model and a window. Goes out: a `Monitor`, and its tables for a shell or a
workbook. How a panel is computed is the business of risk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast, get_args

import numpy as np

from finmodel import outcome_files
from finmodel.clock import CHINA, micros
from finmodel.decision_log import SEGMENTS
from finmodel.decision_series import Series, imported_versions
from finmodel.errors import BadInput, NotReady
from finmodel.export import ExportedModel, load_export
from finmodel.manifest import require_card
from finmodel.pointers import export_folder, read_champion
from finmodel.progress import Progress, silent
from finmodel.settings import Settings
from risk import scaling
from risk.monitor.alerts import alerts_of
from risk.monitor.assembly import Seen, monitor, with_alerts
from risk.monitor.challenger import Version
from risk.monitor.cohorts import Cohorts, weeks_of
from risk.monitor.followed import Window
from risk.monitor.panels import Monitor
from risk.monitor.periods import By, cut, require_possible
from risk.monitor.reference import Reference
from risk.monitor.scan import Asked, scan_decisions
from serving.monitoring.first_rows import first_decisions
from serving.monitoring.verdicts import verdicts_of
from serving.references import kept_reference

WEEKS = 26
"""The window where none is named; longer ones are cut into months."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at."""

    model: str
    version: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    by: By | None = None
    segment: Mapping[str, str] = field(default_factory=dict)
    window_days: int | None = None
    bad_dpd: int | None = None
    """Both as the version's recipe has them, if not said."""


def watch_model(settings: Settings, wanted: Wanted, progress: Progress = silent) -> Monitor:
    """The panels of a model; NotReady where it has no version and none is named."""
    return with_alerts(monitor(read(settings, wanted, progress)), alerts_of(settings, wanted.model))


def read(settings: Settings, wanted: Wanted, progress: Progress = silent) -> Seen:
    """Everything that the panels are made of; NotReady as above."""
    now = settings.clock.now()
    require_possible(wanted.start, wanted.end)
    end = wanted.end or now
    start = wanted.start or end - timedelta(weeks=WEEKS)
    by = wanted.by or ("week" if end - start <= timedelta(weeks=WEEKS) else "month")
    periods = cut(start, end, by)
    series = Series(settings.audit, settings.imported)
    version, alias = _version(settings, wanted, series)
    with ThreadPoolExecutor(1) as meanwhile:
        kept = meanwhile.submit(outcome_files.kept_in, settings.outcomes)
        exported = _exported(settings, wanted.model, version)
        reference = _reference(settings, (wanted.model, version), exported, series)
        outcomes = kept.result()
    asked = Asked(wanted.model, version, periods.edges_us, wanted.segment)
    bins = {one.name: one.bins for one in reference.features}
    days, bad_dpd = wanted.window_days or reference.window_days, wanted.bad_dpd or reference.bad_dpd
    first, last = weeks_of(np.array(periods.edges_us)[[0, -1]]).tolist()
    cohorts = Cohorts(outcomes, days, bad_dpd, (first, last))
    scanned = scan_decisions(series, asked, bins, progress, cohorts.add)
    return Seen(
        asked=asked,
        alias=alias,
        start=start.astimezone(CHINA).isoformat(),
        end=end.astimezone(CHINA).isoformat(),
        periods=periods.names,
        scanned=scanned,
        reference=reference,
        outcomes=outcomes,
        window=Window(micros(now), days, bad_dpd),
        log=cohorts.whole(),
        champion=None if exported is None else _scoring(exported),
        challenger=_challenger(settings, wanted.model, version, exported),
        judged=verdicts_of(settings, wanted.model, version),
    )


def segment_of(words: Sequence[str]) -> dict[str, str]:
    """`product=cash_loan` as facts that decisions must have.

    >>> segment_of(["product=cash_loan"])
    {'product': 'cash_loan'}
    """
    found: dict[str, str] = {}
    for word in words:
        name, is_told, value = word.partition("=")
        if not is_told or name not in SEGMENTS:
            raise BadInput(
                f"{word!r} names no segment",
                where="--segment",
                remedy=f"write NAME=VALUE, NAME being one of: {', '.join(SEGMENTS)}",
            )
        if name in found:
            raise BadInput(
                f"{name} is named twice: {found[name]!r} and {value!r}",
                where="--segment",
                remedy="name one; a segment has one value of each",
            )
        found[name] = value
    return found


def by_of(word: str | None) -> By | None:
    """`week` or `month`; BadInput for another word.

    >>> by_of("day")
    Traceback (most recent call last):
    finmodel.errors.BadInput: --by: 'day' is no period; write week or month
    """
    for known in get_args(By):
        if word == known:
            return cast(By, known)
    if word is not None:
        raise BadInput(f"{word!r} is no period", where="--by", remedy="write week or month")
    return None


def _version(settings: Settings, wanted: Wanted, series: Series) -> tuple[int, str]:
    """The version that is looked at, and its alias; without a champion the newest imported one."""
    pointers = {}
    for alias in ("champion", "challenger"):
        with suppress(NotReady):
            pointer = read_champion(settings.exports, wanted.model, settings.signing, alias)
            pointers[pointer.version] = alias
    if wanted.version is not None:
        return wanted.version, pointers.get(wanted.version, "")
    imported = imported_versions(series).get(wanted.model)
    if imported and "champion" not in pointers.values():
        return max(imported), ""
    pointer = read_champion(settings.exports, wanted.model, settings.signing)
    return pointer.version, "champion"


def _exported(settings: Settings, model: str, version: int) -> ExportedModel | None:
    """The version's export; None where it is not here any more."""
    folder = export_folder(settings.exports, model, version)
    return load_export(folder, settings.signing) if folder.is_dir() else None


def _scoring(exported: ExportedModel) -> Version:
    manifest = exported.manifest
    return Version(
        number=manifest.version,
        raw=exported.scorer.raw_many,
        points=lambda raw: scaling.points_many(
            scaling.calibrated(raw, manifest.calibration), manifest.scaling
        ),
        approve_points=require_card(manifest).policy.approve_points,
    )


def _challenger(
    settings: Settings, model: str, champion: int, mine: ExportedModel | None
) -> Version | None:
    """The challenger, where there is one that takes the same features."""
    try:
        pointer = read_champion(settings.exports, model, settings.signing, "challenger")
    except NotReady:
        return None
    if mine is None or pointer.version == champion:
        return None
    challenger = _exported(settings, model, pointer.version)
    if challenger is None:
        return None
    same = challenger.manifest.features == mine.manifest.features
    return _scoring(challenger) if same else None


def _reference(
    settings: Settings, of: tuple[str, int], exported: ExportedModel | None, series: Series
) -> Reference:
    """What was kept when the version was trained, else its first decisions."""
    run = exported.manifest.run_id if exported else ""
    if run and (kept := kept_reference(settings, run)):
        return kept
    return first_decisions(series, of, exported.manifest.features if exported else None)
