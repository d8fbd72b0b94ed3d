"""What one stream view computes: Feast's `StreamFeatureView` turned into plain, frozen facts.

A view goes in; its topic, its measures and its windowed features come out, and what cannot be
computed is refused by name. Feast is imported only inside `window_plan_of`; the arithmetic stands
in `tiles.py`, the rule of time in `windows.py`.

An `Aggregation` says what it always says in Feast; `slide_interval` is the width of the tiles that
the window's tail is rounded to, and a column may have a filter:

>>> measure_of("amount_minor where channel = app")
Measure(column='amount_minor', field='channel', equals='app')
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from feature_store.plan import TILES, FeaturePlan
from feature_store.windows import LATENESS, SKEW, Tiling, Window
from finmodel.errors import BadInput

if TYPE_CHECKING:
    from feast import StreamFeatureView

FUNCTIONS = (
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "last",
    "std",
    "count_distinct",
    "time_since_last",
)
"""An empty window has count, sum and count_distinct 0 and no other value. `std` is of the sample
(n - 1) and needs two events; `time_since_last` is in seconds."""
_COLUMN = re.compile(r"(\w+)(?:\s+where\s+(\w+)\s*=\s*(\S+))?")


class Measure(msgspec.Struct, frozen=True, order=True):
    """A column of a topic's events, of all of them or of those where a field has one value."""

    column: str
    field: str = ""
    equals: str = ""


class Aggregate(msgspec.Struct, frozen=True):
    """One windowed feature."""

    name: str
    function: str
    measure: Measure
    window: Window


class WindowPlan(msgspec.Struct, frozen=True, dict=True):
    """A view's features, in its aggregations' order, and the one topic that they come from."""

    view: str
    topic: str
    aggregates: tuple[Aggregate, ...]
    lateness_us: int = LATENESS
    skew_us: int = SKEW

    @cached_property
    def tiling(self) -> Tiling:
        """How the view's events are gathered in time."""
        windows = tuple(sorted({one.window for one in self.aggregates}))
        return Tiling(windows, self.lateness_us, self.skew_us)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured, each once."""
        return tuple(dict.fromkeys(one.measure for one in self.aggregates))


def schema_of(plan: WindowPlan) -> tuple[FeaturePlan, ...]:
    """How a map's catalog enters a view of tiles: one entry that says all of the plan."""
    return (FeaturePlan(msgspec.json.encode(plan).decode(), TILES),)


def plan_in(schema: tuple[FeaturePlan, ...]) -> WindowPlan | None:
    """The plan in a catalog's entry; None where the view's rows are plain."""
    if len(schema) != 1 or schema[0].dtype != TILES:
        return None
    return msgspec.json.decode(schema[0].name, type=WindowPlan)


def measure_of(text: str) -> Measure:
    """A measure, as an `Aggregation`'s column names it; BadInput where it is not one.

    >>> measure_of("amount_minor where channel")
    Traceback (most recent call last):
    finmodel.errors.BadInput: column 'amount_minor where channel': it is not a measure; write \
`column` or `column where field = value`
    """
    found = _COLUMN.fullmatch(text.strip())
    if not found:
        raise BadInput(
            "it is not a measure",
            where=f"column {text!r}",
            remedy="write `column` or `column where field = value`",
        )
    return Measure(*(part or "" for part in found.groups()))


def window_plan_of(view: StreamFeatureView) -> WindowPlan:
    """The plan of a stream view as it is defined now; BadInput, with its name, if it has none."""
    from feast.data_source import KafkaSource

    where, source = f"view {view.name}", view.stream_source
    if not isinstance(source, KafkaSource):
        raise BadInput("it has no Kafka source", where=where, remedy="give it one topic")
    lateness = source.kafka_options.watermark_delay_threshold
    aggregates = tuple(
        Aggregate(
            one.resolved_name(one.time_window),
            one.function,
            measure_of(one.column),
            Window(_micros(one.time_window), _micros(one.slide_interval)),
        )
        for one in view.aggregations
    )
    plan = WindowPlan(
        view.name,
        source.kafka_options.topic,
        aggregates,
        LATENESS if lateness is None else _micros(lateness),
    )
    fields = {field.name for field in view.features}
    return _checked(plan, fields - set(view.join_keys), where)


def _checked(plan: WindowPlan, fields: set[str], where: str) -> WindowPlan:
    for one in plan.aggregates:
        if one.function not in FUNCTIONS:
            raise BadInput(
                f"there is no function {one.function!r}",
                where=f"{where}: {one.name}",
                remedy=f"choose one of {', '.join(FUNCTIONS)}",
            )
    # As a set: Feast forgets the order of a stream view's fields, and keeps its aggregations'.
    names = [one.name for one in plan.aggregates]
    odd = sorted(fields.symmetric_difference(names)) or names[len(fields) :]
    if odd:
        raise BadInput(
            f"its schema and its aggregations differ in {odd[0]}",
            where=where,
            remedy="give one field for each aggregation, each with a name of its own",
        )
    plan.tiling  # noqa: B018  (refuses windows that do not go together)
    return plan


def _micros(width: timedelta | None) -> int:
    return 0 if width is None else width // timedelta(microseconds=1)
