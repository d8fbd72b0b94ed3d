"""Hints for an agent beside a conversation: of risk and of offers, and which role may see which.

Hints that another system made come in, those that somebody may see go out, each with where it comes
from and when it was made. Nothing is computed here: what was not brought is not known. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from finmodel.conversations import Moment, Name

Kind: TypeAlias = Literal["risk", "offer"]
Words: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
SEEN_BY: Final[Mapping[Kind, frozenset[str]]] = {
    "risk": frozenset({"underwriter", "supervisor"}),
    "offer": frozenset({"agent", "supervisor"}),
}
"""Any of these roles sees hints of a kind: what is thought of a customer's risk is not for every
agent, who might tell it."""


class Hint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sentence about a customer; shows nothing of itself."""

    kind: Kind
    chinese: Words
    english: Words
    source: Name
    """Who made it: a decision's id, a campaign's name."""
    at: Moment
    """When."""

    def __repr__(self) -> str:
        return f"Hint({self.kind})"


def seen_by(hints: Iterable[Hint], roles: Collection[str]) -> tuple[Hint, ...]:
    """The hints that somebody of these roles may see, the newest first.

    >>> from datetime import UTC, datetime
    >>> risk = Hint(kind="risk", chinese="评分偏低", english="a low score", source="d1",
    ...     at=datetime(2026, 6, 3, tzinfo=UTC))
    >>> seen_by([risk], {"agent"}), seen_by([risk], {"agent", "underwriter"})
    ((), (Hint(risk),))
    """
    may = [one for one in hints if SEEN_BY[one.kind] & set(roles)]
    return tuple(sorted(may, key=lambda one: one.at, reverse=True))
