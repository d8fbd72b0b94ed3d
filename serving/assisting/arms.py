"""Two writers side by side: which of them writes in a conversation, the same one to its end.

Two writers and a share come in; for a conversation's id one of them goes out with its name. It is
chosen by chance that the id seeds, whoever the customer is and however the scripts rank, so that
what becomes of their suggestions can be compared. What they write is not known here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from serving.assisting.writing import Writing


@dataclass(frozen=True, slots=True)
class Arm:
    """A writer, and what settings call it; empty where there is none."""

    name: str
    writing: Writing


@dataclass(frozen=True, slots=True)
class Arms:
    """The writer, and the one it is compared with."""

    first: Arm
    second: Arm | None = None
    share: float = 0.5
    """Of the conversations, the second's."""

    def of(self, conversation: str) -> Arm:
        """Who writes in a conversation."""
        if self.second is not None and chance_of(conversation) < self.share:
            return self.second
        return self.first


def chance_of(conversation: str) -> float:
    """A number from 0 to 1, spread evenly over conversations' ids and the same each time.

    >>> chance_of("c1") == chance_of("c1"), sum(chance_of(f"c{n}") < 0.3 for n in range(1_000))
    (True, 303)
    """
    digest = hashlib.sha256(f"writer {conversation}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
