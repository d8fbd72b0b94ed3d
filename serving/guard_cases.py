"""`finmodel guards cases` and `check-cases`: a lender's own false alarms, and which are told still.

A home's cases come in, what today's guards make of them goes out. Nothing is logged.
"""

from __future__ import annotations

from dataclasses import dataclass

import typer

from finmodel.errors import Damaged
from serving.operators import Json, settings
from serving.screen import emit


@dataclass(frozen=True, slots=True)
class Listed:
    """A case, for a shell."""

    id: str
    rule: str
    at: str
    by: str
    before: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What today's guards make of all cases."""

    cases: int
    still_told: int
    passed: int
    told: list[Listed]
    """Those in which the rule is still found."""


def cases(json: Json = False) -> None:
    """List this home's false alarms: masked words that a rule should let pass (docs/quality.md)."""
    emit(_listed(), json)


def check_cases(json: Json = False) -> None:
    """Ask today's guards of every case, and list those that are told still.

    Exit code 4 where one is.
    """
    found = checked()
    emit(found, json)
    if found.still_told:
        raise typer.Exit(Damaged.exit_code)


def checked() -> Checked:
    """The cases of these settings, asked of the guards."""
    from finmodel.assistant.guards.cases import rules_told

    every = _listed()
    told = [one for one in every if one.rule in rules_told(one.text, one.before)]
    return Checked(len(every), len(told), len(every) - len(told), told)


def _listed() -> list[Listed]:
    from finmodel.clock import CHINA
    from finmodel.guard_cases import GuardCases

    every = GuardCases(settings().guard_cases).every()
    return [
        Listed(
            one.id, one.rule, one.at.astimezone(CHINA).isoformat(timespec="seconds"), one.by,
            one.before, one.text,
        )
        for one in every
    ]  # fmt: skip
