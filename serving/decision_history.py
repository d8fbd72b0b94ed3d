"""Logged decisions of a span of time as columns, parted by the model that made them.

An audit log and a span come in; requests, features, states, points and answers go out. What only
the sealed part of an entry says is opened with the vault, and counted; what was erased is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from finmodel.audit import Entry, find, scan
from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.policy.file import BUREAU
from serving import dossier
from serving.dossier import Past
from serving.policy_asked import ALWAYS
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
    opened: int = 0
    """Sealed requests that were opened to be read."""

    def all(self) -> list[Logged]:
        """Every decision, model by model."""
        return [one for rows in self.by_model.values() for one in rows]

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.by_model.values())


def decisions_in(settings: Settings, window: Window, vault: Vault, progress: Progress) -> Found:
    """Every decision of the window; BadInput where there is none."""
    if window.since >= window.until:
        raise BadInput("it ends before it begins", where="--from, --to", remedy="swap them")
    found, seen = Found(), 0
    for entry in _entries(settings, window):
        past = dossier.read(entry)
        request = _request(settings, entry, past, (vault, found))
        if request is not None:
            key = past.facts.model, past.facts.version
            found.by_model.setdefault(key, []).append(Logged(entry, past, request))
        seen += 1
        if seen % TOLD_EVERY == 0:
            progress("decisions read", seen, seen + 1)
    progress("decisions read", seen, seen)
    if not len(found):
        raise BadInput(
            f"no decision was logged then that can be read ({found.erased} erased)",
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


def _request(
    settings: Settings, entry: Entry, past: Past, keeper: tuple[Vault, Found]
) -> dict[str, str | float] | None:
    """What was asked for: as the policy's facts have it, else from the sealed application."""
    if past.facts.policy is not None:
        return dict(past.facts.policy.request)
    vault, found = keeper
    opened = find(settings.audit, entry.id, vault).personal
    if opened is None:
        found.erased += 1
        return None
    found.opened += 1
    return {name: opened[name] for name in (*ALWAYS, *BUREAU) if name in opened}
