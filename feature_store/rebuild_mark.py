"""What a store says of itself while it is rebuilt: that it is not whole, and until when.

A mark in bytes lies beside the catalog; whoever reads features looks at it and refuses. It says how
far each partition must be counted again, and whether what only the archive holds is still to come.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from finmodel.errors import Damaged, NotReady

REBUILD = b"rebuild"
"""Under what the mark is stored."""


class Target(NamedTuple):
    """How far a partition is to be counted."""

    topic: str
    number: int
    """What tells a topic from a later one of the same name."""
    partition: int
    offset: int


class Rebuild(msgspec.Struct, frozen=True):
    """A store that lost what it had counted, on its way back to it."""

    targets: tuple[Target, ...]
    archive: bool = True
    """Whether the archive's events and the batch views are still to come."""

    def encoded(self) -> bytes:
        """As it is stored.

        >>> mark = Rebuild((Target("app.login.v1", 7, 0, 50),))
        >>> parsed(mark.encoded()) == mark
        True
        """
        return msgspec.json.encode(self)


def parsed(mark: bytes | memoryview | None) -> Rebuild | None:
    """A mark out of bytes; None where there is none, Damaged if it is none of ours."""
    if not mark:
        return None
    try:
        return msgspec.json.decode(mark, type=Rebuild)
    except msgspec.DecodeError as error:
        raise Damaged(
            "its mark of being rebuilt cannot be read",
            where="feature store",
            remedy="run feast teardown and feast apply, then materialise",
        ) from error


def refuse_if(mark: bytes | memoryview | None, where: str) -> None:
    """NotReady, for whoever reads features, where the store bears a mark."""
    if mark:
        raise NotReady(
            "it lost what it had counted and is being rebuilt",
            where=where,
            remedy="wait: `finmodel stream` rebuilds it from archive and log, and says when it has",
        )
