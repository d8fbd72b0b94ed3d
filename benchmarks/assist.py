"""Suggestions on conversations of families that nothing was learnt from: `finmodel bench assist`.

The simulated lender's held-out conversations are gone through turn by turn: before each reply an
agent is shown what the platform suggests, by scripts alone. The agent's own final text is what the
simulator wrote, which saw no suggestion. Counted are whether the right script is among the three,
what of the final text need not be typed, and whether every figure rests on the ledger. Whoever is
not verified asks with all their facts at hand, and nothing of them may be told; nor anything of one
customer to another, whatever an engine says that repeats others' records (`_assist_leaks.py`). Then
the service is started as `finmodel assist serve` does it and asked over HTTP: `script_p95_ms` until
scripts stand with an agent, `first_token_…` until an engine has written its first token in a
conversation under way, of which the customer wrote at most 60 tokens since, and `first_sentence_…`
until the guards have let the first sentence pass: with the tiny base for 8 agents whose customers
write in the same moment, and with the real one for one and for two. `matching_auc` and `pairs_…`
are of real questions, where they are at hand, as `finmodel bench matching` tells them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _assist_http import Waited, script_ms, serving, under_way
from _assist_judge import Turn, grounded, is_right, saved, told_too_early
from _assist_leaks import Repeater, leaks
from _report import note, print_report
from matching import CONVERSATIONS, SEED, as_good, pair_figures

from finmodel.assistant.facts import Facts
from finmodel.assistant.scripts import State
from finmodel.assistant.suggesting.asking import Asking, open_words
from finmodel.assistant.suggesting.shelf import shipped_shelf
from finmodel.assistant.suggesting.suggest import suggest
from finmodel.certainty import wilson
from finmodel.conversations import Message, tokens_about
from finmodel.lender.talk.conversations import Written, write
from finmodel.lender.talk.intent_weights import lessons
from finmodel.settings import Settings

QUESTIONS, WRITTEN, FEW = 200, 96, 20
"""Asked by scripts alone, of the tiny base, and of the real one by one agent, and by two."""
NEW = 60
"""Tokens, about, that a customer wrote since the last reply."""
PAUSE_S = 15.0
"""From an agent's reply to the customer's next message: simulated customers take 28 s, the quickest
quarter 9 s. What went before comes whole here, not message by message, and is read meanwhile."""


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
        "unverified_script_requests": len(unknown),
        "unverified_script_values": sum(told_too_early(*pair) for pair in unknown),
        "script_in_process_p50_ms": float(np.percentile(took, 50)),
        "script_in_process_p95_ms": float(np.percentile(took, 95)),
        "turns": len(given),
    }  # fmt: skip


def told_to_others(requests: int) -> dict[str, int]:
    """What of anybody's record reached somebody else, in so many requests; and the unverified.

    Half of the requests are answered by an engine that says again what it reads: of that not even
    a word may be another's. The other half, and the unverified, by one that knows every record: it
    may say again a word that nothing masks (`foreign_words_of_engine`), never a value.
    """
    found = {}
    for name, count, remembers, unverified in (
        ("reads", requests // 2, False, 0.0),
        ("remembers", requests - requests // 2, True, 0.0),
        ("unverified", int(requests * 1.1), True, 0.95),
    ):
        note(f"{count:,} requests of an engine that repeats: {name}")
        with tempfile.TemporaryDirectory() as aside:
            reply = Repeater(remembers).reply
            found[name] = leaks(count, reply, unverified, Path(aside) / "home")
    every = found.values()
    return {
        "foreign_requests": sum(one["requests"] for one in every),
        "foreign_left_midway": sum(one["left"] for one in every),
        "foreign_sentences": sum(one["sentences"] for one in every),
        "foreign_values": sum(one["foreign"] for one in every) + found["reads"]["words"],
        "foreign_words_of_engine": found["remembers"]["words"] + found["unverified"]["words"],
        "unverified_requests": found["unverified"]["unverified"],
        "unverified_values": found["unverified"]["told"],
    }


def over_http(base: str) -> dict[str, float | None]:
    """What an agent waits for, by scripts alone and with a writer."""
    bases = Settings.from_env().bases
    given = [
        one for one in turns("test") if one.asking.identity == "verified" and one.asking.messages
    ]
    talks = list(_one_of_each(filter(_is_under_way, given)))
    found: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory() as aside:
        with serving(Path(aside) / "scripts", bases) as service:
            found["script_p95_ms"] = _p95(script_ms(service, given[:QUESTIONS]))
        with serving(Path(aside) / "tiny", bases, "tiny") as service:
            told = under_way(service, talks[:WRITTEN], 8, PAUSE_S)
            found |= _of("first_{}_p95_ms", told) | {"tiny_prompt_kept": _kept(told)}
        real = dict.fromkeys([*_of("first_{}_1b_p95_ms", []), *_of("first_{}_1b_two_p95_ms", [])])
        if not (bases / base).exists():
            note(f"{base} is not on the shelf: finmodel base get {base}")
            return found | real
        with serving(Path(aside) / "real", bases, base) as service:
            told = under_way(service, talks[:FEW], 1, PAUSE_S)
            found |= _of("first_{}_1b_p95_ms", told)
            found |= {"real_prompt_tokens": _mean(told), "real_prompt_kept": _kept(told)}
            two = under_way(service, talks[FEW : 2 * FEW], 2, PAUSE_S)
            found |= _of("first_{}_1b_two_p95_ms", two)
    return found


def _is_under_way(turn: Turn) -> bool:
    """An agent has answered before, and the customer wrote few words since."""
    messages = turn.asking.messages
    since = open_words(messages)
    answered = any(one.who == "agent" for one in messages)
    return answered and 0 < sum(tokens_about(one.text) for one in since) <= NEW


def _one_of_each(given: Iterable[Turn]) -> Iterator[Turn]:
    """One turn of each conversation, early or late: no two agents are in one conversation."""
    talks = groupby(given, key=lambda turn: turn.asking.conversation)
    for number, (_, group) in enumerate(talks):
        every = list(group)
        yield every[number % len(every)]


def _of(name: str, told: list[Waited]) -> dict[str, float | None]:
    """Of first tokens and of first sentences, by a name with a place for which."""
    sentences = [one.sentence for one in told if one.sentence is not None]
    return {
        name.format("token"): _p95([one.token for one in told]),
        name.format("sentence"): _p95(sentences),
    }


def _mean(told: list[Waited]) -> float | None:
    return float(np.mean([one.tokens for one in told])) if told else None


def _kept(told: list[Waited]) -> float | None:
    """The share of prompts that had been read before."""
    return sum(one.kept for one in told) / sum(one.tokens for one in told) if told else None


def _p95(took: list[float]) -> float | None:
    return float(np.percentile(took, 95)) if took else None


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--base", default="qwen2.5-coder-1.5b", help="the real base, on the shelf")
    words.add_argument("--requests", type=int, default=10_000, help="that might tell of others")
    told = words.parse_args()
    figures = measure() | told_to_others(told.requests) | over_http(told.base)
    print_report("assist", figures | pair_figures(Settings.from_env()))


if __name__ == "__main__":
    main()
