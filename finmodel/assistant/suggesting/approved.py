"""Approved scripts as suggestions: the likeliest, and its other wordings, with facts in the slots.

What the ranker offers, what may be told and a day come in; up to three suggestions go out. Every
sentence names the script and its version, every figure its source. What is not grounded is not
offered. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Final

from finmodel.assistant.facts import Facts, Filled
from finmodel.assistant.grounding import ground
from finmodel.assistant.matching.ranking import COUNT, Offer, Ranked
from finmodel.assistant.script_rules import PUBLIC_SLOTS
from finmodel.assistant.scripts import Script, Scripts
from finmodel.assistant.sentences import sentences
from finmodel.assistant.suggesting.answers import Met, Number, Origin, Sentence, Suggestion
from finmodel.assistant.suggesting.asking import Told
from finmodel.assistant.suggesting.routing import Routed, with_its_script

WORDING: Final = 0.1
"""What another wording of an intent is worth beside the next intent, 0 to 1.

Tried on validation conversations: the more it is, the less often the right intent is among the
three; the less it is, the fewer characters are saved (at a half of this, four fifths and little
more intents)."""
_VERIFY_WITHIN: Final = 10
"""Verification is one of the three where its intent is among so many."""
_LEAST: Final = 0.02
"""A script whose intent is less likely is no answer."""


def approved(
    ranked: Ranked, scripts: Scripts, told: Told, day: date, routed: Routed | None = None
) -> tuple[list[Suggestion], Suggestion | None, list[Met]]:
    """Up to three suggestions, the one that asks for verification beside them, and what was met.

    Beside a refusal stands none that tells of the customer: it may not be they who write.
    """
    refused = routed is not None and routed.routing == "refuse"
    worth = (one for one in _worth(ranked, scripts, told, day) if not (refused and _tells(one)))
    chosen = list(islice(worth, COUNT))
    chosen = with_its_script(chosen, routed, scripts, told.state, day)
    verify = ranked.verification
    beside = verify
    if verify is not None and any(one.script.id == verify.id for one in chosen):
        beside = None
    elif verify is not None and ranked.asked_to_verify < _VERIFY_WITHIN:
        chosen, beside = [*chosen[: COUNT - 1], Offer(verify, 0.0)], None
    met: list[Met] = []
    found = [one for offer in chosen if (one := _suggestion(offer, told.facts, day, met))]
    if beside is None:
        return found, None, met
    return found, _suggestion(Offer(beside, 0.0), told.facts, day, met), met


def _tells(offer: Offer) -> bool:
    """Whether a script tells of a customer: a value, or how an account stands."""
    return bool(offer.script.account) or not PUBLIC_SLOTS.issuperset(offer.script.slots)


def _worth(ranked: Ranked, scripts: Scripts, told: Told, day: date) -> Iterator[Offer]:
    """The likeliest script first; then by what each is worth, wordings or the next intents."""
    worth: list[tuple[float, int, Offer]] = []
    for offer in ranked.offers:
        if offer.score < _LEAST:
            continue
        worth.append((offer.score, -len(worth), offer))
        for other in scripts.as_good(offer.script, told.state, day, told.facts):
            if other.id != offer.script.id:
                again = Offer(other, offer.score)
                worth.append((offer.score * WORDING, -len(worth), again))
    worth.sort(key=lambda one: one[:2], reverse=True)
    return (offer for *_, offer in worth)


def _suggestion(offer: Offer, facts: Facts, day: date, met: list[Met]) -> Suggestion | None:
    script = offer.script
    if facts.missing(script.text):
        return None
    told = ground(facts.fill(script.text).text, facts, sources=(script.text,), today=day).told
    if told:
        met.append(Met("number", 0, "dropped", script.id))
        return None
    return Suggestion(
        kind="script",
        sentences=tuple(_sentences(script, facts)),
        score=offer.score or None,
        script=script.id,
        version=script.version,
    )


def _sentences(script: Script, facts: Facts) -> Iterable[Sentence]:
    origin = Origin("script", script.id, script.version)
    for begin, end in sentences(script.text):
        slotted = script.text[begin:end]
        filled = facts.fill(slotted)
        yield Sentence(filled.text, slotted, origin, numbers_of(filled))


def numbers_of(filled: Filled) -> tuple[Number, ...]:
    """The figures of a filled text, each with its source.

    >>> facts = Facts.of_plain({"amount_due": 805260})
    >>> numbers_of(facts.fill("应还{amount_due}。"))[0].source
    'ledger: unpaid of the current instalment + overdue_total'
    """
    return tuple(Number(u.fact.slot.name, u.start, u.end, u.fact.source) for u in filled.uses)
