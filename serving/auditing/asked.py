"""What is asked of the audit log over HTTP, and what comes out: acts, one entry, the chain.

Records only. Nothing personal of a customer is in them: that part of an entry stays sealed.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=2**31)]


class Onward(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the log to go on from, as it came with the page before."""

    segment: Count
    offset: Annotated[int, Meta(ge=0, le=2**62)] | None = None


class ActsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for; what is left out matches all."""

    person: Annotated[str, Meta(max_length=64)] = ""
    kind: Annotated[str, Meta(max_length=64, pattern="^[a-z_]*$")] = ""
    day: date | None = None
    """A day in China."""
    before: Onward | None = None


class Act(Struct, frozen=True):
    """One entry of the log, in short."""

    id: str
    at: datetime
    kind: str
    people: tuple[str, ...]
    """First whoever did it."""
    about: dict[str, str | int | float | bool]
    """A few plain values of it."""
    decision: str = ""
    """The entry of the decision that it is about; empty where it is about none."""


class Acts(Struct, frozen=True):
    """A page of acts, the newest first."""

    acts: tuple[Act, ...]
    onward: Onward | None
    """None where the log's beginning was reached."""


class EntrySeen(Struct, frozen=True):
    """One entry, without what is personal in it."""

    id: str
    at: datetime
    kind: str
    body: dict[str, Any]
    columns: tuple[str, ...]
    """Names of the arrays that it holds."""
    personal: str
    """none, or sealed."""
    decision: str = ""
    """As of an act."""


class Held(Struct, frozen=True):
    """A chain that holds from its first entry to its last."""

    entries: int
    segments: int
    bytes: int
    first: datetime | None
    last: datetime | None
    head: str
    """The last digest, in hex."""
    counts: dict[str, int]
    """Entries of each kind."""


class Checked(Struct, frozen=True):
    """How a check of the chain ended: it holds, or where it does not, and why."""

    held: Held | None = None
    broken: str = ""


class ChainState(Struct, frozen=True):
    """The check under way, or the last one; nothing where none was asked for yet."""

    checking: bool = False
    by: str = ""
    at: datetime | None = None
    seconds: float = 0.0
    """How long it took, or takes until now."""
    held: Held | None = None
    broken: str = ""
