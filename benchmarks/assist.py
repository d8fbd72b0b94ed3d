"""Suggestions on conversations of families that nothing was learnt from: `finmodel bench assist`.

The simulated lender's held-out conversations are gone through turn by turn: before each reply an
agent is shown what the platform suggests, by scripts alone. The agent's own final text is what the
simulator wrote, which saw no suggestion. Counted are whether the right script is among the three,
what of the final text need not be typed, and whether every figure rests on the ledger. Whoever is
not verified asks with all their facts at hand, and nothing of them may be told.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from _assist_judge import Turn, grounded, is_right, saved, told_too_early
from _report import note, print_report
from matching import CONVERSATIONS, SEED, as_good

from finmodel.assistant.facts import Facts
from finmodel.assistant.scripts import State
from finmodel.assistant.suggesting.asking import Asking
from finmodel.assistant.suggesting.shelf import shipped_shelf
from finmodel.assistant.suggesting.suggest import suggest
from finmodel.certainty import wilson
from finmodel.conversations import Message
from finmodel.lender.talk.conversations import Written, write
from finmodel.lender.talk.intent_weights import lessons


def turns(split: str) -> Iterator[Turn]:
    """Every reply of the conversations of a split."""
    for one in write(CONVERSATIONS, SEED):
        if one.conversation.split == split:
            yield from _turns(one)


def _turns(written: Written) -> Iterator[Turn]:
    one = written.conversation
    taught = iter(lessons(written))
    known = frozenset(Facts.of_plain(one.facts))
    facts = written.customer.facts(written.as_of)
    for place, reply in enumerate(one.messages):
        if reply.who != "agent":
            continue
        lesson = next(taught)
        account = lesson.state.account
        before = tuple(_without_what_nobody_knows(said) for said in one.messages[:place])
        asking = Asking(one.id, before, reply.identity, account, facts, lesson.day)
        state = State(reply.identity, one.account)
        yield Turn(asking, reply, as_good(reply, state, lesson, known))


def _without_what_nobody_knows(said: Message) -> Message:
    """A customer's message as it comes in: without its intent and its family."""
    return said if said.who != "customer" else msgspec.structs.replace(said, intent="", family="")


def measure() -> dict[str, Any]:
    """Every figure."""
    shelf = shipped_shelf()
    given = list(turns("test"))
    note(f"{len(given):,} turns of held-out conversations")
    for turn in given[:20]:
        suggest(turn.asking, shelf)
    told = [suggest(turn.asking, shelf) for turn in given]
    pairs = list(zip(given, told, strict=True))
    right = [is_right(*pair) for pair in pairs]
    spared = [saved(*pair) for pair in pairs]
    figures = [grounded(*pair) for pair in pairs]
    unknown = [pair for pair in pairs if pair[0].asking.identity != "verified"]
    took = [one.trace.scripts_ms for one in told]
    low, high = wilson(sum(right), len(right))
    count = sum(of for of, _ in figures)
    return {
        "right_script_at_3": float(np.mean(right)),
        "right_script_at_3_low": low,
        "right_script_at_3_high": high,
        "characters_saved": float(np.mean(spared)),
        "numbers_grounded": sum(rests for _, rests in figures) / count,
        "numbers": count,
        "unverified_requests": len(unknown),
        "unverified_values": sum(told_too_early(*pair) for pair in unknown),
        "script_in_process_p50_ms": float(np.percentile(took, 50)),
        "script_in_process_p95_ms": float(np.percentile(took, 95)),
        "turns": len(given),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.parse_args()
    print_report("assist", measure())


if __name__ == "__main__":
    main()
