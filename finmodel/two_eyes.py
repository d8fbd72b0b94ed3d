"""Two pairs of eyes: whoever made a version, or judged a case first, is not the second to say yes.

What is to be served or was judged, and who approves, come in; nothing goes out, or Refused with
what to do. The demo's people count among themselves alone. Pure.
"""

from __future__ import annotations

from typing import Protocol

from finmodel.errors import Refused
from finmodel.records import Person


class Trained(Protocol):
    """What is to be promoted: a model's manifest, or what is known of an adapter."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def version(self) -> int:
        """Which of that name."""

    @property
    def trained_by(self) -> str:
        """Who made it."""

    @property
    def demo(self) -> bool:
        """Whether the demo's people did."""


def require_two_eyes(made: Trained, approver: Person, *, demo: bool) -> None:
    """Refused where its maker approves it, or where the demo's people made what is no demo's."""
    if made.trained_by == approver.name:
        raise Refused(
            f"{approver.name} trained it",
            where=f"{made.name} version {made.version}",
            remedy="ask another validator: two pairs of eyes",
        )
    if made.demo and not demo:
        raise of_the_demo(made.name, made.version)


def require_another(first: str, second: Person, where: str) -> None:
    """Refused where the second person is the first."""
    if second.name == first:
        raise Refused(
            f"{first} gave the first verdict",
            where=where,
            remedy="leave it to somebody else: two pairs of eyes",
        )


def of_the_demo(name: str, version: int) -> Refused:
    """What is said of a version of the demo's people outside the demo."""
    return Refused(
        "it was trained or approved by the demo's people",
        where=f"{name} version {version}",
        remedy="train it again as yourself, and have it approved",
    )
