"""What suggestions are worth in one turn of a held-out conversation: right, spared, true, silent.

What was asked, the reply that the simulator wrote, and what was suggested come in; shares and
counts go out. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fine_tune.lessons import distance
from finmodel.assistant.facts import Facts
from finmodel.assistant.grounding import ground
from finmodel.assistant.script_rules import PUBLIC_SLOTS
from finmodel.assistant.suggesting.answers import Sentence, Suggested
from finmodel.assistant.suggesting.asking import Asking
from finmodel.assistant.written_numbers import figures_in
from finmodel.conversations import Message
from serving.assisting.asked import SentenceSeen


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
    return sum(own_values(one.sentences, turn.asking.facts) for one in every)


def own_values(said: Sequence[Sentence | SentenceSeen], facts: Facts) -> int:
    """Figures in sentences, and slots of the customer's own, beside what the lender tells all."""
    own = [one for part in said for one in part.numbers if one.slot not in PUBLIC_SLOTS]
    text = "".join(part.text for part in said)
    for value in (fact.shown for name, fact in facts.items() if name in PUBLIC_SLOTS):
        text = text.replace(value, "")
    return len(own) + len(figures_in(text))
