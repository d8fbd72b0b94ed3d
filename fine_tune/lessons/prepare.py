"""Conversations as lessons: who consented, masked, once each, and split so that no test leaks.

Conversations come in; lessons by split go out, with what was left out and why, and a digest of all
that is learnt. Nothing is learnt of a customer who did not consent, and nobody's personal data
leaves here unmasked. Knows no tokenizer and no model.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args

import msgspec

from fine_tune.lessons.figures import has_figure
from fine_tune.lessons.near import Near
from fine_tune.lessons.samples import Lesson, Reply
from fine_tune.lessons.varied import ALL, varied
from fine_tune.lessons.verdicts import ByConversation, Judged, by_conversation, judged_replies
from finmodel.assistant.briefing import briefing, told_again
from finmodel.assistant.scripts import load_scripts
from finmodel.assistant.template import Message, Role
from finmodel.conversations import Conversation, Identity, Split
from finmodel.conversations import Message as Said
from finmodel.errors import BadInput
from finmodel.verdicts import Verdict

Mask = Callable[[Sequence[str]], Sequence[str]]
"""The texts of one conversation, their personal data masked alike throughout."""
SPLITS: Final = tuple(one for one in get_args(Split) if one)
_TENTHS: Final = {8: "validation", 9: "test"}
"""Customers by the tenth that their name falls into; all others train."""
_UNWILLING: Final = "no consent to training"
_KNOWN: Final = "others show the same, and only a share is learnt"
_LATEST: Final = 0.8
"""Whoever validates or tests does so with conversations of after this part of all of them."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Lessons, and what became of the rest."""

    lessons: Mapping[str, tuple[Lesson, ...]]
    """By split."""
    left_out: Mapping[str, int]
    """Conversations or replies by the reason why nothing is learnt of them."""
    customers: frozenset[str]
    """Whose conversations train."""
    digest: str
    """SHA-256 over all lessons."""


def prepare(
    conversations: Iterable[Conversation],
    mask: Mask,
    verdicts: Iterable[Verdict] = (),
    needed: str = "train",
    share: float = ALL,
) -> Prepared:
    """Lessons of conversations; BadInput where the split that is needed has none.

    BadInput too where two splits share somebody. Agents' verdicts are of these conversations: what
    holds for one holds for them. `share` of what could train does: what shows most of the rare.
    """
    left_out: Counter[str] = Counter()
    conversations = tuple(conversations)
    judged = by_conversation(verdicts, conversations)
    willing = []
    for one in conversations:
        if one.consent_to_training:
            willing.append(one)
        else:
            left_out[_UNWILLING] += 1
            left_out["a verdict without consent to training"] += len(judged.get(one.id, ()))
    lessons: dict[str, list[Lesson]] = {name: [] for name in SPLITS}
    near = Near()
    customers: dict[str, set[str]] = {name: set() for name in SPLITS}
    # Tests are read first: what trains must not be near to what tests.
    placed = sorted(
        _placed(willing, left_out), key=lambda pair: SPLITS.index(pair[0]), reverse=True
    )
    for split, one in placed:
        lesson = _lesson(one, split, mask, left_out, judged)
        if lesson is None:
            left_out["no reply that can be learnt"] += 1
        elif near.seen(" ".join(message.text for message in lesson.messages[1:])):
            left_out["near to another conversation"] += 1
        else:
            lessons[split].append(lesson)
            customers[split].add(one.customer)
    _require_apart(customers, willing)
    kept = _of_share(lessons["train"], share, left_out)
    lessons["train"] = kept
    if not lessons[needed]:
        raise BadInput(
            f"no conversation is left to {needed} on",
            where="; ".join(f"{count} × {why}" for why, count in (+left_out).items()),
            remedy=_remedy(needed, left_out),
        )
    whole = {name: tuple(found) for name, found in lessons.items()}
    trained = _customers(willing, kept)
    return Prepared(whole, dict(+left_out), trained, _digest(whole))


def _of_share(lessons: Sequence[Lesson], share: float, left_out: Counter[str]) -> list[Lesson]:
    intents = {name: one.intent for name, one in load_scripts().items()}
    kept = varied(lessons, share, intents)
    left_out[_KNOWN] += len(lessons) - len(kept)
    return kept


def _customers(conversations: Iterable[Conversation], lessons: Iterable[Lesson]) -> frozenset[str]:
    ids = {one.id for one in lessons}
    return frozenset(one.customer for one in conversations if one.id in ids)


def _remedy(needed: str, left_out: Mapping[str, int]) -> str:
    if needed != "train":
        return f'bring more, or some with `"split": "{needed}"`'
    if left_out.get(_UNWILLING):
        return "bring more conversations whose customers consented to training"
    return "bring more conversations"


def _placed(
    willing: Sequence[Conversation], left_out: Counter[str]
) -> Iterable[tuple[str, Conversation]]:
    """Each conversation with its split: its own, else by customer and by time."""
    since = _since(sorted(one.started for one in willing if not one.split))
    for one in willing:
        split = one.split or _TENTHS.get(_tenth(one.customer), "train")
        early = since is not None and not one.split and one.started < since
        if split != "train" and early:
            left_out["before the time from which its customer tests"] += 1
        else:
            yield split, one


def _since(started: Sequence[datetime]) -> datetime | None:
    return started[int(len(started) * _LATEST)] if started else None


def _tenth(customer: str) -> int:
    return hashlib.sha256(f"split {customer}".encode()).digest()[0] % 10


def _lesson(
    one: Conversation, split: str, mask: Mask, left_out: Counter[str], judged: ByConversation
) -> Lesson | None:
    verdicts = judged.get(one.id, ())
    count = len(one.messages)
    shown = [text for verdict in verdicts for text in (verdict.suggestion, verdict.preferred)]
    every = mask([*(said.slotted or said.text for said in one.messages), *shown])
    texts, pairs = every[:count], iter(every[count:])
    identity: Identity = one.messages[0].identity
    messages = [Message("system", briefing(one.account, identity))]
    replies: list[Reply] = []
    places: dict[str, int] = {}
    for said, text in zip(one.messages, texts, strict=True):
        if said.identity != identity:
            identity = said.identity
            messages.append(Message("system", told_again(one.account, identity)))
        if said.who == "agent":
            if _can_be_learnt(said, text, messages):
                replies.append(Reply(len(messages), text, script=said.script))
            else:
                left_out["a reply with figures that are no slots, or to nobody"] += 1
        messages.append(Message(_ROLES[said.who], text))
        places[said.id] = len(messages)
    if verdicts:
        of_verdicts = [Judged(places[v.after], v, next(pairs), next(pairs)) for v in verdicts]
        replies = judged_replies(messages, replies, of_verdicts, left_out)
        if split != "train":  # what is held out is judged alike, whatever was made of it
            replies = [msgspec.structs.replace(reply, weight=1.0) for reply in replies]
    if not replies:
        return None
    return Lesson(one.id, tuple(messages), tuple(replies), split)


_ROLES: Final[Mapping[str, Role]] = {"customer": "user", "agent": "assistant", "system": "system"}


def _can_be_learnt(said: Said, text: str, before: Sequence[Message]) -> bool:
    """Whether a reply answers a customer and makes no figure of its own."""
    asked = any(message.role == "user" for message in before)
    return asked and not has_figure(_beside_script(said.script, text))


def _beside_script(script: str, text: str) -> str:
    """What of a reply is not the approved text that it says it is: that one may hold figures."""
    scripts = load_scripts()
    return text.replace(scripts[script].text, "", 1) if script in scripts else text


def _require_apart(
    customers: Mapping[str, set[str]], conversations: Sequence[Conversation]
) -> None:
    """Nobody, and no family of phrasings, may stand in two splits."""
    families: dict[str, set[str]] = {name: set() for name in SPLITS}
    for one in conversations:
        if one.split:
            families[one.split] |= {said.family for said in one.messages if said.family}
    for what, by_split in (("customer", customers), ("family of phrasings", families)):
        for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
            if shared := by_split[first] & by_split[second]:
                raise BadInput(
                    f"{what} {min(shared)!r} stands in {first} and in {second}",
                    where="split",
                    remedy="give all of its conversations one split, or leave the split out",
                )


def _digest(lessons: Mapping[str, tuple[Lesson, ...]]) -> str:
    whole = hashlib.sha256()
    for split in sorted(lessons):
        for lesson in lessons[split]:
            whole.update(msgspec.json.encode(lesson) + b"\n")
    return whole.hexdigest()
