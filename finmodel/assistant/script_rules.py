"""What the text of an approved script may say: numbers only as slots, rates only with their year's.

A text and who may read it come in; the first rule that is broken goes out with its remedy, or
nothing. Which files scripts stand in is not known here. Pure.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from finmodel.assistant.slots import SLOTS, places, slot_named
from finmodel.assistant.written_numbers import figures_in
from finmodel.conversations import Identity
from finmodel.errors import NotFound

PUBLIC_SLOTS: Final = frozenset({"hotline", "service_hours", "lender_name"})
"""Slots that tell of the lender; every other one tells of a customer."""
LONGEST: Final = 200
"""Characters; a reply is read on a telephone."""

_DIGIT: Final = re.compile(r"\d|[０-９①-⑳]")
_BRACE: Final = re.compile(r"[{}｛｝]")


class Broken(NamedTuple):
    """A rule that a text breaks, and how to mend it."""

    what: str
    remedy: str


def broken_rule(text: str, needs: Identity) -> Broken | None:
    """The first rule that a script's text breaks.

    >>> broken_rule("本期应还{amount_due}。", "verified")
    >>> broken_rule("本期应还{amount_due}。", "basic").what
    '{amount_due} tells of a customer who is not verified'
    >>> broken_rule("利息为每天五块钱。", "none").what
    "a number stands in the text: '五块钱'"
    """
    return next(iter(broken_rules(text, needs).values()), None)


def broken_rules(text: str, needs: Identity) -> dict[str, Broken]:
    """Every rule that a text breaks, by its name.

    >>> list(broken_rules("利率很低，本期应还{amount_due}。", "none"))
    ['rate', 'identity']
    """
    found = {
        "slot": _unknown_slot(text),
        "brace": _unfinished_slot(text),
        "number": _written_number(text),
        "rate": _rate_without_year(text),
        "length": _too_long(text),
        "identity": _seen_too_early(text, needs),
    }
    return {name: broken for name, broken in found.items() if broken is not None}


def _unknown_slot(text: str) -> Broken | None:
    for name, _, _ in places(text):
        try:
            slot_named(name)
        except NotFound as error:
            return Broken(f"{error.where} is no slot", error.remedy)
    return None


def _unfinished_slot(text: str) -> Broken | None:
    if _BRACE.search(_without_slots(text)):
        return Broken("a brace stands alone in the text", "write a slot as {amount_due}")
    return None


def _written_number(text: str) -> Broken | None:
    bare = _without_slots(text)
    written = [one.text for one in figures_in(bare)] or _DIGIT.findall(bare)
    if not written:
        return None
    remedy = "put a slot in its place, or say it without a number"
    return Broken(f"a number stands in the text: {written[0]!r}", remedy)


def _rate_without_year(text: str) -> Broken | None:
    rates = [name for name, _, _ in places(text) if name in SLOTS and SLOTS[name].kind == "rate"]
    if rates and "apr_simple" not in rates:
        return Broken(
            f"{{{rates[0]}}} stands without the annualised rate", "add {apr_simple} to the text"
        )
    if (rates or "利率" in text) and "年化利率（单利）" not in text:
        return Broken("a rate is named, the annualised one is not", "write 年化利率（单利）")
    return None


def _too_long(text: str) -> Broken | None:
    if not text.strip():
        return Broken("the text is empty", "write what to say")
    if len(text) > LONGEST:
        return Broken(f"the text has {len(text)} characters", f"write at most {LONGEST}")
    return None


def _seen_too_early(text: str, needs: Identity) -> Broken | None:
    told = [name for name, _, _ in places(text) if name not in PUBLIC_SLOTS]
    if told and needs != "verified":
        return Broken(
            f"{{{told[0]}}} tells of a customer who is not verified", "write `needs: verified`"
        )
    return None


def _without_slots(text: str) -> str:
    spans = [(start, end) for _, start, end in places(text)]
    for start, end in reversed(spans):
        text = f"{text[:start]}\ufffc{text[end:]}"
    return text
