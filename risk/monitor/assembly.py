"""One model, segment and window, from a scan of the log and outcomes to the panels.

What was read comes in, a `Monitor` goes out. Each panel is computed by the module named after it;
here stands only their order. It reads nothing itself and moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
import numpy as np

from finmodel.certainty import Separation
from finmodel.drift import shift
from finmodel.outcomes import Outcomes
from risk.monitor.challenger import Version, challenged, consistency
from risk.monitor.cohorts import WholeLog
from risk.monitor.doubts import (
    comparable,
    doubts_of,
    selects_on_score,
    unjudged,
    without_promise,
)
from risk.monitor.followed import Followed, Window, follow, vintages
from risk.monitor.imported import lacking
from risk.monitor.light import Matured, Points, light
from risk.monitor.overrides import Judged, overrides
from risk.monitor.panels import Alert, Header, Light, Monitor, Vintages
from risk.monitor.quality import (
    Banded,
    band_rows,
    banded,
    calibration_rows,
    parted,
    quality,
)
from risk.monitor.reference import Reference, in_chinese
from risk.monitor.scan import Asked, Scanned
from risk.monitor.stability import stability, variable_rows, variable_shifts, view_rows


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Everything that was read of one model, segment and window."""

    asked: Asked
    alias: str
    start: str
    end: str
    periods: tuple[str, ...]
    """Names of the periods, in order."""
    scanned: Scanned
    reference: Reference
    outcomes: Outcomes
    window: Window
    log: WholeLog | None = None
    """The whole log with these outcomes (`cohorts`); None where the scan is all of it."""
    champion: Version | None = None
    """The version that decided; None where its export is not here."""
    challenger: Version | None = None
    judged: tuple[Judged, ...] = ()
    """People's last verdicts on decisions of this version, of whatever window."""


def monitor(seen: Seen, followed: Followed | None = None) -> Monitor:
    """The panels; alerts are none yet, since they are kept elsewhere.

    `followed` is `followed_of(seen)`, for whoever has it already.
    """
    followed = followed or followed_of(seen)
    # Vintages are half of the time: they are made beside the other panels.
    with ThreadPoolExecutor(1) as beside:
        aged = beside.submit(vintages, seen.scanned.decisions, followed, seen.window)
        return _monitor(seen, followed, aged)


def _monitor(seen: Seen, followed: Followed, aged: Future[Vintages]) -> Monitor:
    scanned, reference, window = seen.scanned, seen.reference, seen.window
    label = followed.label
    told = comparable(reference, window.days, window.bad_dpd)
    bands = banded(scanned.decisions, label, reference, len(seen.periods))
    parting = quality(scanned.decisions, label, seen.periods, told)
    promised = calibration_rows(bands)
    if told is not reference:
        parting, promised = without_promise(parting, promised)
    steady = stability(bands.by_period, seen.periods, reference)
    shifts = variable_shifts(scanned, reference)
    variables = variable_rows(scanned, reference, shifts)
    if selects_on_score(seen.asked.segment):
        steady, variables = unjudged(steady, variables)
    served = consistency(scanned, seen.champion, view_rows(scanned))
    lit = light(
        _points(seen, bands),
        tuple(zip((one.name for one in reference.features), shifts, strict=True)),
        _matured(seen, followed),
        (served.differing, served.checked),
        doubts_of(seen.asked.segment, reference, window.days, window.bad_dpd),
    )
    return Monitor(
        header=_header(seen, followed, lit),
        quality=parting,
        bands=band_rows(bands, told),
        stability=steady,
        variables=variables,
        calibration=promised,
        vintages=aged.result(),
        consistency=served,
        challenger=challenged(scanned, label, seen.champion, seen.challenger),
        alerts=(),
        overrides=overrides(scanned.decisions.place, label, seen.judged),
    )


def followed_of(seen: Seen) -> Followed:
    """The decisions with what became of them."""
    return follow(seen.scanned.decisions, seen.outcomes, seen.window, seen.log)


def with_alerts(seen: Monitor, alerts: Sequence[Alert]) -> Monitor:
    """The same panels with the alerts on this model: its own segment's before all others'."""
    told = sorted(alerts, key=lambda one: one.segment != seen.header.segment)
    return msgspec.structs.replace(seen, alerts=tuple(told))


def _header(seen: Seen, followed: Followed, lit: Light) -> Header:
    imported_zh, imported_en = lacking(seen.scanned, [one.name for one in seen.reference.features])
    return Header(
        model=seen.asked.model,
        version=seen.asked.version,
        alias=seen.alias,
        segment=dict(seen.asked.segment),
        start=seen.start,
        end=seen.end,
        n=len(seen.scanned.decisions),
        unscored=seen.scanned.unscored,
        by_card=seen.scanned.by_card,
        matured=int((followed.label >= 0).sum()),
        bads=int((followed.label == 1).sum()),
        reference=seen.reference.sample,
        reference_zh=in_chinese(seen.reference.sample),
        light=lit,
        window_days=seen.window.days,
        bad_dpd=seen.window.bad_dpd,
        imported=seen.scanned.imported,
        imported_zh=imported_zh,
        imported_en=imported_en,
    )


def _points(seen: Seen, bands: Banded) -> Points:
    points, reference = seen.scanned.decisions.points, seen.reference
    return Points(
        moved=shift(reference.points_counts, bands.n),
        mean=float(points.mean()) if len(points) else float("nan"),
        mean_build=reference.points_mean,
        sd_build=reference.points_sd,
    )


def _matured(seen: Seen, followed: Followed) -> Matured:
    decisions, label, reference = seen.scanned.decisions, followed.label, seen.reference
    known = label >= 0
    priced = known & ~np.isnan(decisions.probability)
    pd, unpriced = decisions.probability[priced], known & ~priced
    build = None
    if reference.auc is not None and reference.ks is not None and reference.bads is not None:
        goods = reference.n - reference.bads
        build = Separation(reference.auc, reference.ks, reference.bads, goods)
    separation, note = parted(decisions.points, label)
    return Matured(
        n=int(known.sum()),
        bads=int((label == 1).sum()),
        promised=float(pd.sum()),
        promised_variance=float(np.sum(pd * (1.0 - pd))),
        separation=separation,
        build=build,
        note=note,
        unpriced=(int(unpriced.sum()), int((label[unpriced] == 1).sum())),
    )
