"""What suggestions are made of: approved scripts, product facts, and whoever writes.

Scripts and sources come in once; for a question, the product facts that may be read go out, and
what was passed over and why. What is said out of them is not known here. Pure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from finmodel.assistant.engines.engine import Engine
from finmodel.assistant.guards.judge import Judge
from finmodel.assistant.guards.outbound import broken
from finmodel.assistant.matching.ranking import Ranker
from finmodel.assistant.matching.sources import Found, Source, Sources, load_sources
from finmodel.assistant.products import product_named
from finmodel.assistant.scripts import Scripts, load_scripts
from finmodel.assistant.suggesting.answers import Met
from finmodel.assistant.suggesting.asking import Told
from finmodel.assistant.suggesting.context import HISTORY

_READ: Final = 2
_LOOKED_AT: Final = 12
_NEAR: Final = 0.3
"""A product fact that shares less with the question is not read."""


FEW: Final = 2
"""Replies that a CPU writes at once; a small base, or somebody's server, `MANY`."""
MANY: Final = 8


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is approved."""

    scripts: Scripts
    ranker: Ranker
    sources: Sources

    def read(self, question: str, told: Told, day: date) -> tuple[list[Found], list[Met]]:
        """The product facts nearest to a question that may be told, and those passed over.

        Of versions that contradict each other the newest stands. What breaks a rule of replies is
        no source: whoever wrote it spoke to the model.
        """
        met: list[Met] = []
        near = self.sources.find(question, told.state, day, _LOOKED_AT)
        newest = list(_newest(one for one in near if one.share >= _NEAR))
        kept: list[Found] = []
        for one in newest:
            if why := _passed_over(one.source, told):
                met.append(Met(why, 0, "dropped", one.source.id))
            else:
                kept.append(one)
        return kept[:_READ], met


@dataclass(frozen=True, slots=True)
class Writer:
    """Whoever writes replies, and within what limits."""

    engine: Engine
    adapter: str = ""
    scenarios: Mapping[str, str] = field(default_factory=dict)
    """Adapters that write in its place in conversations of a scenario."""
    most: int = 80
    """Tokens of a reply."""
    seconds: float = 20.0
    places: int = FEW
    """So many replies are written at once."""
    room: int = HISTORY
    """About so many tokens are read before a reply."""
    temperature: float = 0.0
    seed: int = 1
    cancelled: threading.Event | None = None
    """Set by another thread, it ends the reply that is being written."""
    judge: Judge | None = None
    """Who judges the engine's own sentences behind the guards."""
    turn: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered before a reply is written: it waits where others write, and that time is not the
    reply's. Raises `NotReady` where it waited too long."""

    def within(self, scenario: str) -> Writer:
        """The same for a conversation of this scenario."""
        return replace(self, adapter=self.scenarios.get(scenario, self.adapter))


def shipped_shelf() -> Shelf:
    """The scripts and product facts that come with the project."""
    scripts = load_scripts()
    return Shelf(scripts, Ranker(scripts), Sources(load_sources()))


def _newest(found: Iterable[Found]) -> Iterator[Found]:
    """Of each document its newest version, in the order in which documents were found."""
    every = list(found)
    newest: dict[str, Found] = {}
    for one in every:
        known = newest.get(one.source.id)
        if known is None or known.source.version < one.source.version:
            newest[one.source.id] = one
    yield from (newest[name] for name in dict.fromkeys(one.source.id for one in every))


def _passed_over(source: Source, told: Told) -> str:
    """Why a source is not read; empty where it is."""
    if hits := broken(source.text):
        return hits[0].rule
    if told.facts.missing(source.text):
        return "no value"
    mine = told.facts.get("product_name")
    other = source.product and mine and product_named(source.product).name != mine.value
    return "another product" if other else ""
