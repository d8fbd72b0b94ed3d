"""What suggestions are worth in one turn of a held-out conversation: right, spared, true, silent.

What was asked, the reply that the simulator wrote, and what was suggested come in; shares and
counts go out. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from fine_tune.lessons import distance
from finmodel.assistant.grounding import ground
from finmodel.assistant.script_rules import PUBLIC_SLOTS
from finmodel.assistant.suggesting.answers import Suggested
from finmodel.assistant.suggesting.asking import Asking
from finmodel.assistant.written_numbers import figures_in
from finmodel.conversations import Message


@dataclass(frozen=True, slots=True)
class Turn:
    """What is asked before a reply, the reply itself, and the scripts that are right in it."""

    asking: Asking
    reply: Message
    right: frozenset[str]


def saved(turn: Turn, told: Suggested) -> float:
    """The part of the final text that the best of the right suggestions spares; 0 without one."""
    right = (one.text for one in told.suggestions if one.script in turn.right)
    return max((distance.saved(text, turn.reply.text) for text in right), default=0.0)


def is_right(turn: Turn, told: Suggested) -> bool:
    """Whether a right script is among the three."""
    return any(one.script in turn.right for one in told.suggestions)


def grounded(turn: Turn, told: Suggested) -> tuple[int, int]:
    """How many figures were suggested, and how many of them rest on the customer's facts."""
    found = [
        one
        for shown in told.suggestions
        for one in ground(shown.text, turn.asking.facts, today=turn.asking.day).findings
    ]
    return len(found), sum(one.verdict == "grounded" for one in found)


def told_too_early(turn: Turn, told: Suggested) -> int:
    """Figures, or slots of the customer's own, that somebody who is not verified was suggested."""
    every = [*told.suggestions, *([told.verification] if told.verification else [])]
    own = [
        number
        for shown in every
        for sentence in shown.sentences
        for number in sentence.numbers
        if number.slot not in PUBLIC_SLOTS
    ]
    public = [fact.shown for name, fact in turn.asking.facts.items() if name in PUBLIC_SLOTS]
    texts = [shown.text for shown in every]
    for value in public:
        texts = [text.replace(value, "") for text in texts]
    return len(own) + sum(len(figures_in(text)) for text in texts)
