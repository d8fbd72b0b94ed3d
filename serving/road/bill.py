"""What the platform's work costs: each training run, a thousand decisions, a thousand suggestions.

Figures that were measured and prices that somebody said come in; hours, money and how each was
found go out. Nothing is made up: what was not measured, or has no price, is none. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from finmodel.mlflow_file import RunKept
from finmodel.run_hours import CORE, GPU
from serving.telemetry import Spent

Unit: TypeAlias = Literal["core", "gpu", "engine", "wall"]
How: TypeAlias = Literal["logged", "priced", "no_price", "not_measured"]
"""The run's own cost; hours at a price of the settings; hours alone; nothing."""
FIGURES: Final = (CORE, GPU, "cost", "effective_share")
"""Of a run, as MLflow has them."""
_HOUR_S: Final = 3_600.0
_HOUR_MS: Final = 3_600_000


class Prices(Struct, frozen=True):
    """What an hour costs, in yuan; 0 where nobody says."""

    core_hour: float = 0.0
    engine_hour: float = 0.0
    gpu_hour: float = 0.0


class RunCost(Struct, frozen=True):
    """One training run."""

    name: str
    experiment: str
    status: str
    started_ms: int
    hours: float | None
    unit: Unit
    """`wall`: by the clock, on a number of cores that nobody noted, as of a notebook's run."""
    cost: float | None
    how: How
    effective_share: float | None
    """The part of its time that was spent in steps that count; None where it was not measured."""


class Thousand(Struct, frozen=True):
    """A thousand of something."""

    what: Literal["decision", "script", "generated"]
    counted: int
    """So many were measured."""
    hours: float | None
    unit: Unit
    cost: float | None
    how: How
    tokens_read: float | None = None
    tokens_written: float | None = None


class Effort(Struct, frozen=True):
    """What one showing of suggestions took."""

    scripts_ms: float
    ms: float
    prompt_tokens: int = 0
    kept_tokens: int | None = None
    written_tokens: int = 0

    @property
    def generated(self) -> bool:
        """Whether an engine was asked."""
        return self.prompt_tokens > 0


class _Shown(Struct, frozen=True):
    trace: Effort


def run_cost(run: RunKept, prices: Prices) -> RunCost:
    """A run's hours and money.

    >>> run = RunKept("r", "tune", "scripts", "FINISHED", 0, 7_200_000, {"core_hours": 4.0})
    >>> one = run_cost(run, Prices(core_hour=0.5))
    >>> one.hours, one.unit, one.cost, one.how
    (4.0, 'core', 2.0, 'priced')
    >>> run.figures.update(gpu_hours=1.5)
    >>> one = run_cost(run, Prices(core_hour=0.5, gpu_hour=12.0))
    >>> one.hours, one.unit, one.cost
    (1.5, 'gpu', 18.0)
    >>> run.figures.update(cost=3.0)
    >>> run_cost(run, Prices()).how
    'logged'
    >>> run.figures.clear()
    >>> one = run_cost(run, Prices(core_hour=0.5))
    >>> one.hours, one.unit, one.cost, one.how
    (2.0, 'wall', None, 'not_measured')
    """
    hours, unit = _hours(run)
    cost, how = _cost(run, hours, unit, prices)
    return RunCost(
        run.name,
        run.experiment,
        run.status,
        run.started_ms,
        hours,
        unit,
        cost,
        how,
        run.figures.get("effective_share"),
    )


def decisions_cost(spent: Spent, prices: Prices) -> Thousand:
    """A thousand decisions, by the processor's seconds of the worker that answered them.

    >>> decisions_cost(Spent(2_000, 7.2), Prices(core_hour=0.5)).cost
    0.0005
    >>> decisions_cost(Spent(0, 0.0), Prices(core_hour=0.5)).how
    'not_measured'
    """
    hours = spent.cpu_s / _HOUR_S / spent.decisions * 1_000 if spent.decisions else None
    return Thousand("decision", spent.decisions, hours, "core", *_priced(hours, "core", prices))


def suggestions_cost(efforts: Iterable[Effort], prices: Prices) -> tuple[Thousand, Thousand]:
    """A thousand showings by scripts alone, and a thousand in which an engine was asked too.

    Scripts take a core; an engine's time is that behind the scripts. Several replies are written
    side by side, so this is the most that it can be.

    >>> one = Effort(2.0, 1_802.0, prompt_tokens=900, kept_tokens=700, written_tokens=40)
    >>> script, generated = suggestions_cost([Effort(3.6, 3.6), one], Prices(engine_hour=2.0))
    >>> script.hours, script.cost, script.how
    (0.001, None, 'no_price')
    >>> generated.hours, generated.cost, generated.tokens_read, generated.tokens_written
    (0.5, 1.0, 200000.0, 40000.0)
    """
    every = list(efforts)
    asked = [one for one in every if one.generated]
    alone = _mean([one.scripts_ms for one in every if not one.generated])
    behind = _mean([max(0.0, one.ms - one.scripts_ms) for one in asked])
    read = _mean([float(one.prompt_tokens - (one.kept_tokens or 0)) for one in asked])
    wrote = _mean([float(one.written_tokens) for one in asked])
    scripts, engine = _thousand_ms(alone), _thousand_ms(behind)
    return (
        Thousand(
            "script", len(every) - len(asked), scripts, "core", *_priced(scripts, "core", prices)
        ),
        Thousand(
            "generated",
            len(asked),
            engine,
            "engine",
            *_priced(engine, "engine", prices),
            None if read is None else 1_000 * read,
            None if wrote is None else 1_000 * wrote,
        ),
    )


def effort_of(body: bytes) -> Effort:
    """What a showing took, out of it as it is kept; nothing else of it is read.

    >>> effort_of(b'{"suggestions": [], "trace": {"id": "x", "scripts_ms": 1.5, "ms": 1.5}}')
    Effort(scripts_ms=1.5, ms=1.5, prompt_tokens=0, kept_tokens=None, written_tokens=0)
    """
    return msgspec.json.decode(body, type=_Shown).trace


def _cost(
    run: RunKept, hours: float | None, unit: Unit, prices: Prices
) -> tuple[float | None, How]:
    logged = run.figures.get("cost", 0.0)  # 0 where its recipe says no price
    return (logged, "logged") if logged > 0 else _priced(hours, unit, prices)


def _hours(run: RunKept) -> tuple[float | None, Unit]:
    if GPU in run.figures:  # its machine's cores are in its price
        return run.figures[GPU], "gpu"
    if CORE in run.figures:
        return run.figures[CORE], "core"
    if run.ended_ms is None:
        return None, "wall"
    return (run.ended_ms - run.started_ms) / _HOUR_MS, "wall"


def _priced(hours: float | None, unit: Unit, prices: Prices) -> tuple[float | None, How]:
    known = {"core": prices.core_hour, "gpu": prices.gpu_hour, "engine": prices.engine_hour}
    price = known.get(unit)
    if hours is None or unit == "wall":
        return None, "not_measured"
    return (hours * price, "priced") if price else (None, "no_price")


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def _thousand_ms(each_ms: float | None) -> float | None:
    return None if each_ms is None else each_ms * 1_000 / _HOUR_MS
