"""Which lessons to learn where there is no time for all: those that show most of what is rare.

Lessons and a share of their length come in, the chosen ones go out in their order. Half of what
agents write are greetings, thanks and identity checks, known after a few; hours go elsewhere. Pure.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fine_tune.lessons.samples import Lesson

ALL: Final = 1.0


def varied(lessons: Sequence[Lesson], share: float, intents: Mapping[str, str]) -> list[Lesson]:
    """Lessons of together `share` of all characters, chosen one by one; intents by script.

    Each time the lesson that adds most, for its length, to the sum over scripts and intents of 1 +
    1/2 + ... + 1/n, shown n times: greedy choice under a budget (Lin & Bilmes 2011). One that does
    not fit is passed over for the next that does; where none fits, the best goes alone. What a
    lesson adds can only fall, so that few are counted again (Minoux 1978). A reply of no script is
    a rarity of its own.

    >>> from fine_tune.lessons.samples import Message, Reply
    >>> def said(id: str, script: str) -> Lesson:
    ...     return Lesson(id, (Message("user", "问"),), (Reply(1, "答", script=script),))
    >>> every = [said("1", "bye-1"), said("2", "bye-1"), said("3", "bye-2"), said("4", "rate-1")]
    >>> [one.id for one in varied(every, 0.5, {"bye-1": "bye", "bye-2": "bye", "rate-1": "rate"})]
    ['1', '4']
    """
    if share >= ALL:
        return list(lessons)
    shows = [tuple(_shown(one, intents)) for one in lessons]
    lengths = [_length(one) for one in lessons]
    room = share * sum(lengths)
    shown: Counter[str] = Counter()

    def worth(place: int) -> float:
        return _adds(shows[place], shown) / lengths[place]

    waiting = [(-worth(place), place) for place in range(len(lessons))]
    heapq.heapify(waiting)
    kept: list[int] = []
    passed: list[int] = []
    while waiting:
        told, place = waiting[0]
        if worth(place) < -told:
            heapq.heapreplace(waiting, (-worth(place), place))
            continue
        heapq.heappop(waiting)
        if lengths[place] > room:
            passed.append(place)
            continue
        room -= lengths[place]
        kept.append(place)
        shown.update(shows[place])
    return [lessons[place] for place in sorted(kept or passed[:1])]


def _adds(shows: Sequence[str], shown: Mapping[str, int]) -> float:
    """What is added to the sum: what a lesson shows twice adds less the second time."""
    here = {one: shown.get(one, 0) for one in shows}
    added = 0.0
    for one in shows:
        here[one] += 1
        added += 1 / here[one]
    return added


def _shown(lesson: Lesson, intents: Mapping[str, str]) -> Iterator[str]:
    """What a lesson shows: the script of each reply, and its intent; an own name for no script."""
    for number, one in enumerate(lesson.replies):
        yield f"script {one.script}" if one.script else f"reply {lesson.id} {number}"
        if one.script in intents:
            yield f"intent {intents[one.script]}"


def _length(lesson: Lesson) -> int:
    """Characters: what is learnt, and the history that it stands on."""
    history = max(one.after for one in lesson.replies)
    read = sum(len(one.text) for one in lesson.messages[:history])
    return read + sum(len(one.text) for one in lesson.replies)
