"""The eleven panels of monitoring as frozen records, which a page, a sheet or a shell can show.

They hold figures and nothing else: None stands where a number would mean nothing, with a note that
says why. Sentences come in Chinese and English. Knows how nothing is computed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from finmodel.drift import Status

Colour = Literal["green", "amber", "red", "grey"]
Note = Literal[
    "", "no_decisions", "too_few", "not_mature", "too_few_bads", "all_scores_equal",
    "other_definition", "no_probability",
]  # fmt: skip
Verdict = Status | Literal["not_judged"]
"""What a shift amounts to; of a segment that the score chose, nothing."""
NOTES: dict[str, tuple[str, str]] = {
    "no_decisions": ("无决策", "no decisions"),
    "too_few": ("样本过少", "too few rows"),
    "not_mature": ("表现未成熟", "not mature"),
    "too_few_bads": ("坏样本过少", "too few bads or goods"),
    "all_scores_equal": ("评分全部相同", "all scores are equal"),
    "other_definition": ("坏定义不同于建模", "bad is defined otherwise than at build"),
    "no_probability": ("未带来违约概率", "no probability was brought"),
    "not_brought": ("未随历史决策带来", "not brought with the imported decisions"),
    "constant": ("取值恒定", "constant now"),
    "all_missing": ("全部缺失", "all missing now"),
}
"""Every note in Chinese and English."""


class Signal(msgspec.Struct, frozen=True):
    """One thing that the traffic light looks at."""

    name: str
    colour: Colour
    n: int
    value: float | None
    limit: float | None
    """What value chance or practice allows."""
    zh: str
    en: str


class Light(msgspec.Struct, frozen=True):
    """The worst of all signals, and why."""

    colour: Colour
    zh: str
    en: str
    signals: tuple[Signal, ...]
    doubts_zh: str = ""
    """Why some signals are not judged here; empty where all are."""
    doubts_en: str = ""


class Header(msgspec.Struct, frozen=True):
    """Panel 1: what is looked at, and the verdict."""

    model: str
    version: int
    alias: str
    segment: dict[str, str]
    start: str
    end: str
    n: int
    unscored: int
    """Decisions that a rule answered in the model's place; in no figure below."""
    by_card: int
    """Decisions that the fallback scorecard scored in the model's place; in no figure below."""
    matured: int
    bads: int
    reference: str
    """What it is compared with."""
    light: Light
    reference_zh: str = ""
    window_days: int = 180
    """A decision is followed for so long before it counts."""
    bad_dpd: int = 30
    """Bad from so many days past due."""
    imported: int = 0
    """Of the decisions: made elsewhere before, and imported."""
    imported_zh: str = ""
    """What cannot be computed of those; empty where none was imported."""
    imported_en: str = ""


class QualityRow(msgspec.Struct, frozen=True):
    """How well the scores of one period part, on its matured decisions only."""

    period: str
    n: int
    matured: int
    bads: int
    bad_rate: float | None
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    ks: float | None
    gini: float | None
    estimated_auc: float | None
    """Without outcomes, of all of the period's decisions (CBPE)."""
    estimated_ks: float | None
    estimated_bad_rate: float | None
    note: Note


class Quality(msgspec.Struct, frozen=True):
    """Panel 2: AUC, KS and Gini by period, and how wrong the estimate was where it can be told."""

    rows: tuple[QualityRow, ...]
    build_auc: float | None
    build_ks: float | None
    past_error_auc: float | None
    """Mean distance of estimated and real AUC, both of the same matured decisions."""
    past_error_ks: float | None
    past_periods: int


class BandRow(msgspec.Struct, frozen=True):
    """Panel 3: one band of points, the worst first."""

    band: int
    low: float | None
    high: float | None
    build_share: float
    share: float | None
    psi_part: float | None
    n: int
    matured: int
    bads: int
    build_bad_rate: float | None
    bad_rate: float | None
    lift: float | None
    capture: float | None
    """Share of all bads in this band and the worse ones."""
    approval: float | None


class PsiRow(msgspec.Struct, frozen=True):
    """Panel 4: PSI of the points of one period, or of all."""

    period: str
    n: int
    psi: float | None
    floor_mean: float | None
    floor_p99: float | None
    status: Verdict


class Stability(msgspec.Struct, frozen=True):
    """PSI of the points, of the window and by period."""

    overall: PsiRow
    rows: tuple[PsiRow, ...]


class VariableRow(msgspec.Struct, frozen=True):
    """Panel 5: one variable, the most moved first."""

    name: str
    n: int
    csi: float | None
    floor_p99: float | None
    status: Verdict
    missing: float | None
    missing_build: float
    sentinel: float | None
    sentinel_build: float
    unseen: float | None
    mean: float | None
    mean_build: float | None
    contribution: float | None
    """Mean contribution to the raw score, of the seeded sample; None where that is of a few."""
    contribution_shift: float | None
    """Against the build sample."""
    trend: tuple[float | None, ...]
    """CSI by period."""
    note: str


class CalibrationRow(msgspec.Struct, frozen=True):
    """Panel 6: what was promised and what came of it, in one band, on matured decisions."""

    band: int
    matured: int
    mean_pd: float | None
    bad_rate: float | None
    low: float | None
    """Wilson's interval of the bad rate, 95 %."""
    high: float | None
    within: bool | None
    note: Note


class VintageRow(msgspec.Struct, frozen=True):
    """One month of decisions, followed by month on book."""

    cohort: str
    accounts: int
    rates: tuple[float | None, ...]
    """By month on book 0 …: share ever so late; None of fewer than 30, where the month is not over,
    and where more than a fifth of those not so late were looked at no more."""
    followed: tuple[int, ...]
    """How many were looked at in that month on book or later."""
    observed: tuple[int, ...]
    """Of how many the rate is: followed so far, or so late before."""


class FirstPaymentRow(msgspec.Struct, frozen=True):
    """FPD of one month of decisions."""

    cohort: str
    accounts: int
    rates: tuple[float | None, ...]
    """First instalment late by at least 1, 7, 15, 30 days."""


class Vintages(msgspec.Struct, frozen=True):
    """Panel 7: vintages, roll rates and first-payment default."""

    days: int
    rows: tuple[VintageRow, ...]
    buckets: tuple[str, ...]
    roll_counts: tuple[tuple[int, ...], ...]
    roll_rates: tuple[tuple[float | None, ...], ...]
    first_payments: tuple[FirstPaymentRow, ...]


class ViewRow(msgspec.Struct, frozen=True):
    """How old one view's features were when decisions were made."""

    view: str
    n: int
    present: float | None
    stale: float | None
    missing: float | None
    age_p50_s: float | None
    age_p99_s: float | None


class Consistency(msgspec.Struct, frozen=True):
    """Panel 8: scores as served against scores computed again from the logged features."""

    checked: int
    differing: int | None
    """By their bits; None where the version's export is not here."""
    largest: float | None
    views: tuple[ViewRow, ...]


class SwapCell(msgspec.Struct, frozen=True):
    """Decisions that both models, one of them or neither would approve."""

    champion: bool
    challenger: bool
    n: int
    matured: int
    bad_rate: float | None


class Challenger(msgspec.Struct, frozen=True):
    """Panel 9: champion and challenger on the same sampled decisions."""

    version: int | None
    n: int
    matured: int
    champion_auc: float | None
    challenger_auc: float | None
    champion_ks: float | None
    challenger_ks: float | None
    champion_approval: float | None
    challenger_approval: float | None
    swap: tuple[SwapCell, ...]
    note: Note | Literal["no_challenger"]


class Noted(msgspec.Struct, frozen=True):
    """One acknowledgement of an alert: who saw it, when, and what was found or done."""

    by: str
    at: str
    note: str
    owner: str = ""
    """Whom it was handed to; empty where it stayed with its owner."""


class Alert(msgspec.Struct, frozen=True):
    """Panel 10: something that moved, who looks after it, and what was said."""

    id: str
    raised_at: str
    model: str
    version: int
    segment: dict[str, str]
    signal: str
    colour: Colour
    zh: str
    en: str
    owner: str
    window: tuple[str, ...] = ()
    """The window in which it moved: its begin and its end."""
    acknowledgements: tuple[Noted, ...] = ()
    """Every one, the first first: what was said once is not taken back."""
    raised_by: str = ""
    """Whose key it was; empty for alerts of before that was asked."""


VerdictSide = Literal["high_side", "low_side", "with_score", "between", "unscored"]
"""Declined or approved against the score, as it says, where it asks for a person, without one."""


class OverrideRow(msgspec.Struct, frozen=True):
    """Panel 11: what people said of cases, by the side of the score, and what became of it."""

    side: VerdictSide
    n: int
    approved: int
    of: int
    """Judged cases that could be of this side: of which the score says approve, or decline."""
    rate: float | None
    matured: int
    """Of the approved; of high-side ones, those whose outcome is known all the same."""
    bads: int
    bad_rate: float | None
    low: float | None
    """Wilson's interval of the bad rate, 95 %."""
    high: float | None
    note: Note


class CodeRow(msgspec.Struct, frozen=True):
    """A reason code that people gave, the most frequent first."""

    code: str
    verdict: Literal["approve", "decline"]
    n: int
    against: int
    """So often against the score."""
    zh: str
    en: str


class Overrides(msgspec.Struct, frozen=True):
    """People's last verdicts on the decisions that are looked at."""

    judged: int = 0
    rows: tuple[OverrideRow, ...] = ()
    codes: tuple[CodeRow, ...] = ()


class Monitor(msgspec.Struct, frozen=True):
    """Everything that an analyst sees of one model, segment and window."""

    header: Header
    quality: Quality
    bands: tuple[BandRow, ...]
    stability: Stability
    variables: tuple[VariableRow, ...]
    calibration: tuple[CalibrationRow, ...]
    vintages: Vintages
    consistency: Consistency
    challenger: Challenger
    alerts: tuple[Alert, ...]
    overrides: Overrides = Overrides()
