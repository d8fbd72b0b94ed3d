"""The number guard: which figures of a text are facts, and which nobody has vouched for.

A text, the facts of this customer and approved sources come in; a `Finding` for each figure goes
out: grounded, misnamed (a fact, but of another name: the principal said as what is due), or
ungrounded, with what it was compared with. Findings hold a customer's values: no log may get them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from finmodel.assistant.facts import Fact, Facts
from finmodel.assistant.same_figure import says
from finmodel.assistant.slot_words import slots_named
from finmodel.assistant.written_numbers import Figure, figures_in
from finmodel.plain_text import plain

Verdict: TypeAlias = Literal["grounded", "misnamed", "ungrounded"]
Key: TypeAlias = tuple[object, ...]
_SHOWN: Final = 6
_OF_KIND: Final = {
    "number": ("money", "count"),
    "code": ("text", "money"),
    **dict.fromkeys(("phone", "clock", "tail"), ("text",)),
}


class Finding(Struct, frozen=True):
    """What is known of one figure."""

    figure: Figure
    verdict: Verdict
    slot: str = ""
    """The fact that it equals."""
    source: str = ""
    """That fact's source, or `approved text`."""
    compared: tuple[str, ...] = ()
    """For one that is told: facts that it might have meant, as `slot=shown`, the nearest first."""


class Grounding(Struct, frozen=True):
    """All figures of a text."""

    findings: tuple[Finding, ...]

    @property
    def told(self) -> tuple[Finding, ...]:
        """Those that must not go out as they stand."""
        return tuple(one for one in self.findings if one.verdict != "grounded")


def ground(
    text: str, facts: Facts, *, sources: Iterable[str] = (), today: date | None = None
) -> Grounding:
    """What each figure of a text rests on.

    A figure is grounded where it equals a fact under its kind and unit, or stands with the same
    kind and unit in an approved source. `today` is needed for 本月 and 下月.

    >>> facts = Facts.of_plain({"amount_due": 805260, "principal_outstanding": 800000})
    >>> for one in ground("本期应还8,000.00元，其中本金8000元，利息52.6元", facts).findings:
    ...     print(one.figure.text, one.verdict, one.slot, one.compared)
    8,000.00元 misnamed principal_outstanding ('amount_due=8,052.60元',)
    8000元 grounded principal_outstanding ()
    52.6元 ungrounded  ('principal_outstanding=8,000.00元', 'amount_due=8,052.60元')
    """
    figures = figures_in(text)
    approved = {_key(figure) for source in sources for figure in figures_in(source)}
    fee = facts.get("total_fee")
    fees = fee is None or fee.value != 0
    named = _names(text, figures)
    found = []
    for figure, names in zip(figures, named, strict=True):
        equal = _verbatim(figure, text, facts) or [
            fact
            for fact in facts.values()
            if figure.value is not None and says(figure, fact, today, fees)
        ]
        found.append(_finding(figure, equal, names, _key(figure) in approved, facts))
    return Grounding(tuple(found))


def _finding(
    figure: Figure, equal: list[Fact], names: frozenset[str] | None, approved: bool, facts: Facts
) -> Finding:
    meant = [fact for fact in equal if names is None or fact.slot.name in names]
    if meant:
        return Finding(figure, "grounded", meant[0].slot.name, meant[0].source)
    if approved:
        return Finding(figure, "grounded", source="approved text")
    compared = _compared(figure, names, facts)
    if equal:
        return Finding(figure, "misnamed", equal[0].slot.name, equal[0].source, compared)
    return Finding(figure, "ungrounded", compared=compared)


def _names(text: str, figures: list[Figure]) -> list[frozenset[str] | None]:
    """What the text calls each figure."""
    seen, places = plain(text)
    at = {place: index for index, place in enumerate(places)}
    return [
        slots_named(figure.kind, figure.unit, seen, at[figure.start], at[figure.end - 1] + 1)
        for figure in figures
    ]


def _verbatim(figure: Figure, text: str, facts: Facts) -> list[Fact]:
    """The text facts, such as a product's name, that the figure stands in."""
    found = []
    for fact in facts.values():
        if fact.slot.kind != "text" or str(fact.value).isdecimal():
            continue
        begin = text.find(str(fact.value), max(figure.end - len(str(fact.value)), 0))
        if 0 <= begin <= figure.start:
            found.append(fact)
    return found


def _key(figure: Figure) -> Key:
    return figure.kind, figure.value, figure.unit


def _compared(figure: Figure, names: frozenset[str] | None, facts: Facts) -> tuple[str, ...]:
    kinds = _OF_KIND.get(figure.kind, (figure.kind,))
    near = [fact for fact in facts.values() if fact.slot.kind in kinds]
    named = [fact for fact in near if names and fact.slot.name in names]
    ranked = sorted(named or near, key=lambda fact: _distance(figure, fact))
    return tuple(f"{fact.slot.name}={fact.shown}" for fact in ranked[:_SHOWN])


def _distance(figure: Figure, fact: Fact) -> Fraction:
    value = figure.value
    if not isinstance(value, Fraction) or not isinstance(fact.value, int | Fraction):
        return Fraction(0)
    scale = 100 if figure.kind == "number" and fact.slot.kind == "money" else 1
    return abs(value * scale - fact.value)
