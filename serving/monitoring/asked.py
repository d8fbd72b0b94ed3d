"""What the monitoring page asks and is answered, as frozen records: see docs/monitoring.md.

A question has a key, under which its last result is kept. Knows no file and no process.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from risk.monitor.panels import Alert, Monitor
from risk.monitor.periods import By
from risk.monitor.points import Outcome, Point, VariableCell
from serving.refusals import Problem

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=64)]
Text = Annotated[str, Meta(min_length=1, max_length=64)]
Time = Annotated[datetime, Meta(tz=True)]
Panel = Literal[
    "", "light", "quality", "bands", "stability", "variables", "calibration", "vintages",
    "consistency", "challenger", "overrides", "alerts",
]  # fmt: skip


class Segment(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Facts that decisions must have; those that are not given may be any."""

    product: Text | None = None
    channel: Text | None = None
    decision: Text | None = None
    rule: Text | None = None
    lane: Text | None = None

    @property
    def facts(self) -> dict[str, str]:
        """Those that are given."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in told.items() if value is not None}


class Question(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be looked at: a model, a segment, a window."""

    model: Name
    version: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    """The champion's, if none is named."""
    weeks: Annotated[int, Meta(ge=1, le=520)] = 52
    """The window up to its end; not looked at where its begin is given."""
    start: Time | None = None
    end: Time | None = None
    """The first moment after the window; now, if not said."""
    by: By | None = None
    """Months from half a year on, weeks below, if not said."""
    segment: Segment = Segment()
    window_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """As the version's recipe has it, if not said; likewise the next."""
    bad_dpd: Annotated[int, Meta(ge=1, le=3650)] | None = None

    @property
    def key(self) -> str:
        """The same for the same question.

        >>> one = msgspec.json.decode(b'{"model":"card","weeks":52,"version":null}', type=Question)
        >>> one.key == Question(model="card").key, one.key == Question(model="card", weeks=4).key
        (True, False)
        """
        return sha256(msgspec.json.encode(self)).hexdigest()[:32]


class MonitorRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Open the page, or look again how far it is."""

    question: Question
    renew: bool = False
    """Compute again if anything is newer, however young the last result is."""


class WorkbookRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last result as an Excel workbook: one panel's sheets, a variable's, or all."""

    question: Question
    panel: Panel = ""
    variable: Annotated[str, Meta(max_length=200)] | None = None
    """One variable in its cells instead of panels."""


class VariableRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One variable of the last result in its cells."""

    question: Question
    name: Annotated[str, Meta(max_length=200)]


class PointRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The decisions behind a point of the last result."""

    question: Question
    point: Point


class Acknowledgement(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody has seen an alert, and says what is done."""

    id: Annotated[str, Meta(max_length=64)]
    note: Annotated[str, Meta(pattern=r"\S", max_length=2000)]
    owner: Annotated[str, Meta(max_length=64)] = ""
    """Who looks after it from now on; as before, if empty."""


class PanelTable(Struct, frozen=True):
    """One table of one panel, as its sheet in the workbook."""

    panel: str
    zh: str
    en: str
    columns: tuple[tuple[str, str], ...]
    """Chinese and English name of each."""
    rows: tuple[tuple[str | int | float | bool | None, ...], ...]


class Doing(Struct, frozen=True):
    """How far a computation is."""

    what: str
    done: int
    of: int


class Told(Struct, omit_defaults=True):
    """A line that the worker says: how far it is, or that it came to its end."""

    doing: Doing | None = None
    problem: Problem | None = None
    ended: bool = False


class Monitored(Struct, frozen=True, kw_only=True):
    """The last result, when it was computed, and whether it is being computed again."""

    panels: Monitor | None = None
    """Null where there is none yet."""
    tables: tuple[PanelTable, ...] = ()
    periods: tuple[str, ...] = ()
    segments: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Values of the facts that the model's decisions may be parted by."""
    computed_at: datetime | None = None
    seconds: float | None = None
    current: bool = False
    """Nothing was decided, told or promoted since."""
    doing: Doing | None = None
    """Null where nothing is being computed for this question."""
    problem: Problem | None = None
    """Why the last try failed."""


class VersionName(Struct, frozen=True):
    """A version whose export is here, and its alias, if it has one."""

    version: int
    alias: str


class ModelChoice(Struct, frozen=True):
    """A model that can be looked at."""

    name: str
    versions: tuple[VersionName, ...]


class Choices(Struct, frozen=True):
    """What can be looked at, and what the page needs."""

    models: tuple[ModelChoice, ...]
    charts: str
    """The address of the script of charts."""
    may_acknowledge: bool


class Variable(Struct, frozen=True):
    """A variable in the cells that its CSI is made of."""

    name: str
    cells: tuple[VariableCell, ...]


class DecisionBehind(Struct, frozen=True):
    """One decision behind a point; /explain/{decision_id} shows its record."""

    decision_id: str
    at: datetime
    points: float
    decision: Literal["approve", "refer", "decline"]
    outcome: Outcome


class Behind(Struct, frozen=True):
    """Decisions behind a point, the newest first."""

    n: int | None
    """How many there are; null where counting would mean reading the whole log."""
    decisions: tuple[DecisionBehind, ...]


class AlertSeen(Struct, frozen=True):
    """An alert after it was acknowledged."""

    alert: Alert
