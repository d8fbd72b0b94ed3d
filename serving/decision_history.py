"""Logged decisions of a span of time as columns, parted by the model that made them.

An audit log and a span come in; requests, features, states, points and answers go out. What only
the sealed part of an entry says is opened with the vault, and counted; what was erased is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from finmodel.audit import Entry, find, scan
from finmodel.clock import micros
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.policy.file import BUREAU
from risk.policy.plan import reads_of
from serving import dossier
from serving.dossier import Past
from serving.in_force import past_policy
from serving.live import NO_VERSION
from serving.policy_asked import ALWAYS
from serving.policy_record import PolicyFacts
from serving.screen import Progress

TOLD_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Window:
    """From a time up to but not including another."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Logged:
    """One decision with what its request said."""

    entry: Entry
    past: Past
    request: dict[str, str | float]


@dataclass(slots=True)
class Found:
    """Decisions by the model and version that made them, and what was left out."""

    by_model: dict[tuple[str, int], list[Logged]] = field(default_factory=dict)
    erased: int = 0
    """Their request was sealed, and its key is gone."""
    without: int = 0
    """Their policy did not read a field that is asked for now, and their application is erased."""
    without_model: int = 0
    """Decided while no model was in service, on no features: nothing to replay them with."""
    opened: int = 0
    """Sealed requests that were opened to be read."""

    def all(self) -> list[Logged]:
        """Every decision, model by model."""
        return [one for rows in self.by_model.values() for one in rows]

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.by_model.values())


@dataclass(frozen=True, slots=True)
class _Keeper:
    """What is asked of each request, and what it is read with."""

    settings: Settings
    reads: frozenset[str]
    vault: Vault
    found: Found


def decisions_in(
    settings: Settings,
    window: Window,
    reads: Collection[str],
    vault: Vault,
    progress: Progress,
) -> Found:
    """Every decision of the window with the fields that are read; BadInput where there is none."""
    if window.since >= window.until:
        raise BadInput("it ends before it begins", where="--from, --to", remedy="swap them")
    found, seen = Found(), 0
    keeper = _Keeper(settings, frozenset(reads), vault, found)
    for entry in _entries(settings, window):
        past = dossier.read(entry)
        if past.facts.version == NO_VERSION:
            found.without_model += 1
        elif (request := _request(entry, past, keeper)) is not None:
            key = past.facts.model, past.facts.version
            found.by_model.setdefault(key, []).append(Logged(entry, past, request))
        seen += 1
        if seen % TOLD_EVERY == 0:
            progress("decisions read", seen, seen + 1)
    progress("decisions read", seen, seen)
    if not len(found):
        raise BadInput(
            f"no decision was logged then that can be read ({found.erased + found.without} erased)",
            where=f"{window.since.isoformat()} to {window.until.isoformat()}",
            remedy="see `finmodel audit list --kind decision`",
        )
    return found


def requests_of(rows: list[Logged]) -> dict[str, Any]:
    """(n,) of each field of the requests: words, and numbers with NaN where none was given."""
    words = {name: np.array([str(one.request[name]) for one in rows]) for name in ALWAYS[:2]}
    numbers = {
        name: np.array([float(one.request.get(name, np.nan)) for one in rows])
        for name in (*ALWAYS[2:], *BUREAU)
    }
    return words | numbers


def _entries(settings: Settings, window: Window) -> Iterator[Entry]:
    since, until = micros(window.since), micros(window.until)
    for entry in scan(settings.audit, dossier.KIND):
        if since <= entry.time_us < until:
            yield entry


def _request(entry: Entry, past: Past, keeper: _Keeper) -> dict[str, str | float] | None:
    """What was asked for: as the policy's facts have it, else from the sealed application."""
    facts, found = past.facts.policy, keeper.found
    if facts is not None and keeper.reads <= _kept(keeper.settings, facts):
        return dict(facts.request)
    opened = find(keeper.settings.audit, entry.id, keeper.vault).personal
    if opened is not None:
        found.opened += 1
        return {name: opened[name] for name in (*ALWAYS, *BUREAU) if name in opened}
    if facts is None:
        found.erased += 1
    else:
        found.without += 1
    return None


def _kept(settings: Settings, facts: PolicyFacts) -> set[str]:
    """Fields whose absence in the facts says that they were not given: those that were read."""
    try:
        policy = past_policy(settings.policies, facts.name, facts.version, settings.signing).policy
    except (Damaged, NotReady):
        return set(facts.request)  # only what stands there is known to have been read
    return set(facts.request) | set(reads_of(policy))
