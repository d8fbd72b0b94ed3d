"""What suggestions are made of: approved scripts, product facts, and whoever writes.

Scripts and sources come in once; for a question, the product facts that may be read go out, and
what was passed over and why. What is said out of them is not known here. Pure.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from finmodel.assistant.engines.engine import Engine
from finmodel.assistant.guards.classifier import Classifier
from finmodel.assistant.guards.inbound import INJECTION, steers_a_model
from finmodel.assistant.guards.judge import Judge
from finmodel.assistant.guards.outbound import broken
from finmodel.assistant.matching.ranking import Ranker
from finmodel.assistant.matching.sources import Found, Source, Sources, load_sources
from finmodel.assistant.products import product_named
from finmodel.assistant.scripts import Scripts, load_scripts
from finmodel.assistant.suggesting.answers import Met
from finmodel.assistant.suggesting.asking import Told
from finmodel.assistant.suggesting.context import HISTORY
from finmodel.conversations import tokens_about

_READ: Final = 2
_LOOKED_AT: Final = 12
_NEAR: Final = 0.3
"""A product fact that shares less with the question is not read."""


FEW: Final = 2
"""Replies that a CPU writes at once; a GPU, a small base, or somebody's server, `MANY`."""
MANY: Final = 8
FRESH: Final = 50
"""Tokens, about, that a base of a billion weights reads on two cores in a second."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is approved."""

    scripts: Scripts
    ranker: Ranker
    sources: Sources
    guard: Classifier | None = None
    """Of customers' messages, as a lender calibrated it; the shipped one where it is None."""

    def read(
        self, question: str, told: Told, day: date, fresh: int | None = None
    ) -> tuple[list[Found], list[Met]]:
        """The product facts nearest to a question that may be told, and those passed over.

        Of versions that contradict each other the newest stands; so it is with documents about one
        topic of one product. What breaks a rule of replies, or means to steer a model, is no
        source. Question and facts together have about `fresh` tokens at most, where a reply would
        have to wait for more.
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
        return _within(_settled(kept, met)[:_READ], fresh, question, met), met


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
    fresh: int | None = None
    """About so many of them may be new: the question, and product facts behind it."""
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


def with_scripts(shelf: Shelf, scripts: Scripts) -> Shelf:
    """The same shelf with other scripts on it."""
    return replace(shelf, scripts=scripts, ranker=Ranker(scripts))


def with_facts(shelf: Shelf, facts: Iterable[Source]) -> Shelf:
    """The same shelf with other product facts on it; BadInput for one that breaks a rule."""
    return replace(shelf, sources=Sources(facts))


def _newest(found: Iterable[Found]) -> Iterator[Found]:
    """Of each document its newest version, in the order in which documents were found."""
    every = list(found)
    newest: dict[str, Found] = {}
    for one in every:
        known = newest.get(one.source.id)
        if known is None or known.source.version < one.source.version:
            newest[one.source.id] = one
    yield from (newest[name] for name in dict.fromkeys(one.source.id for one in every))


def _settled(found: Sequence[Found], met: list[Met]) -> list[Found]:
    """Of documents about one topic of one product that differ, the one that came into force last.

    Where several did on one day, the nearest to the question: a reply is never made of both.
    """
    stands: dict[tuple[str, str], Source] = {}
    for one in found:
        about = one.source.topic, one.source.product
        known = stands.setdefault(about, one.source)
        if known.valid_from < one.source.valid_from:
            stands[about] = one.source
    kept = []
    for one in found:
        if one.source.text == stands[one.source.topic, one.source.product].text:
            kept.append(one)
        else:
            met.append(Met("another stands", 0, "dropped", one.source.id))
    return kept


def _within(
    found: Iterable[Found], fresh: int | None, question: str, met: list[Met]
) -> list[Found]:
    """Those that fit behind a question, the nearest first."""
    kept, left = [], math.inf if fresh is None else fresh - tokens_about(question)
    for one in found:
        if (tokens := tokens_about(one.source.text)) <= left:
            left -= tokens
            kept.append(one)
        else:
            met.append(Met("no room", 0, "dropped", one.source.id))
    return kept


def _passed_over(source: Source, told: Told) -> str:
    """Why a source is not read; empty where it is."""
    if hits := broken(source.text):
        return hits[0].rule
    if steers_a_model(source.text):
        return INJECTION
    if told.facts.missing(source.text):
        return "no value"
    mine = told.facts.get("product_name")
    other = source.product and mine and product_named(source.product).name != mine.value
    return "another product" if other else ""
