"""What a supervisor asks of findings and is answered, as frozen records.

Words in them are masked. None shows what it holds in a representation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from finmodel.conversations import Scenario, Who
from finmodel.finding_book import Origin, Ruling, State
from finmodel.privacy.marked import Marked

MOST: Final = 200
"""Findings that are shown at once."""


class FindingsRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which findings; what is empty is not asked for."""

    state: State | Literal[""] = "open"
    rule: str = ""
    agent: str = ""
    scenario: Scenario | Literal[""] = ""
    most: Annotated[int, Meta(ge=1, le=MOST)] = 30


class ExportRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, as a file for Excel."""

    form: Literal["csv", "xlsx"] = "csv"
    state: State | Literal[""] = ""
    rule: str = ""
    agent: str = ""
    scenario: Scenario | Literal[""] = ""


class RulingRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a supervisor makes of a finding; a later one stands in place of an earlier one."""

    ruling: Ruling
    note: Annotated[str, Meta(max_length=500)] = ""

    def __repr__(self) -> str:
        return f"RulingRequest({self.ruling})"


class RuleName(Struct, frozen=True):
    """What a rule is called."""

    rule: str
    zh: str
    en: str


class FindingSeen(Struct, frozen=True, kw_only=True):
    """A finding as a supervisor sees it."""

    id: str
    rule: str
    severity: str
    finder: str
    origin: Origin
    agent: str
    scenario: Scenario
    at: datetime
    state: State
    by: str
    judged_at: datetime | None
    words: Marked
    """In the list what is near the stretch, of one finding the whole message."""

    def __repr__(self) -> str:
        return f"FindingSeen({self.id})"


class Findings(Struct, frozen=True, kw_only=True):
    """The gravest first, then the oldest."""

    findings: tuple[FindingSeen, ...]
    more: bool
    rules: tuple[RuleName, ...]
    """Of which there are findings, judged or not; so are agents and scenarios."""
    agents: tuple[str, ...]
    scenarios: tuple[str, ...]
    examined: int
    """Messages of agents in the last 30 days that the guards have read."""
    hit: int
    """Of them, in which they found something."""


class Turn(Struct, frozen=True):
    """A message near the one that was found in."""

    who: Who
    at: datetime
    text: str
    here: bool

    def __repr__(self) -> str:
        return f"Turn({self.who})"


class InContext(Struct, frozen=True, kw_only=True):
    """One finding, and what was said around it."""

    finding: FindingSeen
    name: RuleName
    rewrite: str
    """What the rule would have said instead; empty where it has to be said anew."""
    note: str
    turns: tuple[Turn, ...]

    def __repr__(self) -> str:
        return f"InContext({self.finding.id})"


class Ruled(Struct, frozen=True, kw_only=True):
    """What became of a verdict."""

    state: State
    new: bool
    """False where the same was said before."""
    case: bool
    """Whether it is a case of the guards now: a false alarm whose masked words are told by
    themselves, without facts, person and hour."""


class CaseSeen(Struct, frozen=True, kw_only=True):
    """A false alarm as a case of the guards, its words masked."""

    id: str
    rule: str
    text: str
    before: str
    by: str
    at: datetime
    told: bool
    """Whether today's guards still find the rule in it."""

    def __repr__(self) -> str:
        return f"CaseSeen({self.id})"


class Cases(Struct, frozen=True, kw_only=True):
    """The latest cases, the latest first."""

    cases: tuple[CaseSeen, ...]
    more: bool
    rules: tuple[RuleName, ...]
