"""What one conversation teaches, as tokens: its history once, and from it a branch for each reply.

A `Lesson` (a conversation whose replies are known) comes in; `Sample`s go out: token numbers with
the place of each in its own thread, which tokens are learnt, and what each may look at. A history
that several replies share is computed once; what a reply sees is the same as if it stood alone.
Knows no tokenizer, no torch and no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.assistant.template import Encode, Family, Message, rendered, tokens
from finmodel.errors import BadInput

Int32s = npt.NDArray[np.int32]
Part = TypeVar("Part")
TRUNK: Final = 0
"""The branch of tokens that belong to the history."""


class Reply(msgspec.Struct, frozen=True):
    """A reply that is to be learnt."""

    after: int
    """It follows so many messages."""
    text: str
    """With slots in place of numbers."""
    weight: float = 1.0
    script: str = ""
    instead: tuple[str, ...] = ()
    """Suggestions that were not sent as they were: the text is preferred to each."""


class Lesson(msgspec.Struct, frozen=True):
    """A conversation as it was, and its replies as they should be written."""

    id: str
    messages: tuple[Message, ...]
    """Masked; the agent's words as they were sent."""
    replies: tuple[Reply, ...]
    split: str = "train"


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """n tokens: a trunk, then branches that leave it."""

    token: Int32s
    position: Int32s
    """(n,) place in the token's own thread: trunk up to the fork, then branch."""
    branch: Int32s
    """(n,) TRUNK, or the number of the token's branch, from 1 on."""
    forks: Int32s
    """(branches + 1,) how many tokens of the trunk a branch sees; the trunk sees all before."""
    learnt: npt.NDArray[np.float32]
    """(n,) weight of a token in the loss, 0 where it is not learnt."""
    id: str = ""
    reference: npt.NDArray[np.float64] | None = None
    """(branches,) log-likelihood of what is learnt of each, before anything was learnt."""

    def __len__(self) -> int:
        return len(self.token)

    def visible(self) -> npt.NDArray[np.bool_]:
        """(n, n) whether the token of a row may look at that of a column."""
        row, column = np.arange(len(self))[:, None], np.arange(len(self))[None, :]
        trunk = (self.branch == TRUNK)[None, :] & (column < self.forks[self.branch][:, None])
        mine = self.branch[:, None] == self.branch[None, :]
        found: npt.NDArray[np.bool_] = (column <= row) & (trunk | mine)
        return found


def samples_of(
    lesson: Lesson, family: Family, encode: Encode, length: int, *, shared: bool = True
) -> list[Sample]:
    """The samples of a lesson, each at most `length` tokens; BadInput where one reply is longer.

    A reply that stands in the history just as it is learnt is learnt there, and needs no branch.
    Replies that do not fit beside the others get a sample of their own, with what fits of the
    history: the first message (the instruction) and the latest ones. `shared` False gives each
    reply a sample of its own, which is what others train.
    """
    speaker = Speaker(family, encode)
    history = speaker.history(lesson.messages)
    branches = [
        _branch(lesson, reply, speaker, history)
        for reply in lesson.replies
        if 0 < reply.after <= len(history)
    ]
    together = grouped(branches, lambda group: shared and _size(history, group) <= length)
    return [_sample(lesson, speaker, history, group, length) for group in together]


def grouped(parts: Iterable[Part], fits: Callable[[Sequence[Part]], bool]) -> Iterator[list[Part]]:
    """Parts in their order, together as long as they fit; one alone need not.

    >>> list(grouped([3, 4, 2, 9], lambda group: sum(group) <= 7))
    [[3, 4], [2], [9]]
    """
    group: list[Part] = []
    for one in parts:
        if group and not fits([*group, one]):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class Speaker:
    """A family of models with the tokenizer of one."""

    family: Family
    encode: Encode

    def history(self, messages: Sequence[Message]) -> list[list[int]]:
        """The tokens of each message."""
        return [tokens(one, self.encode) for one in rendered(self.family, messages)]

    def opening(self, before: Message) -> list[int]:
        """What stands before a reply to a message."""
        return tokens([self.family.opening(before.role)], self.encode)

    def reply(self, text: str) -> list[int]:
        """A reply's words and what ends it: all that a model must write by itself."""
        return tokens([self.family.words(text), self.family.closing()], self.encode)

    def within(self, messages: Sequence[Message], room: int, where: str) -> list[list[int]]:
        """The history that fits: its first message (the instruction) and the latest ones.

        BadInput where not even the last message fits beside the first.
        """
        whole = self.history(messages)
        if sum(map(len, whole)) <= room:
            return whole
        left, kept = room - len(whole[0]), len(whole)
        while kept > 1 and left >= len(whole[kept - 1]):
            kept -= 1
            left -= len(whole[kept])
        if kept == len(whole) > 1:
            raise BadInput(
                "its instruction, last message and reply are longer than a sample",
                where=f"conversation {where}",
                remedy="give the recipe a greater `length`, or leave the conversation out",
            )
        # What now follows the instruction is written as what follows one.
        return self.history([messages[0], *messages[kept:]])


@dataclass(frozen=True, slots=True)
class _Branch:
    token: list[int]
    after: int
    """It follows so many messages."""
    opening: int
    """So many tokens before the reply are given, not learnt."""
    weight: float
    follows: bool
    """The history goes on with this very branch."""

    def learnt(self) -> npt.NDArray[np.float64]:
        """(n,) the weight of each token."""
        return np.where(np.arange(len(self.token)) < self.opening, 0.0, self.weight)


def _branch(
    lesson: Lesson, reply: Reply, speaker: Speaker, history: Sequence[list[int]]
) -> _Branch:
    opening = speaker.opening(lesson.messages[reply.after - 1])
    token = [*opening, *speaker.reply(reply.text)]
    follows = reply.after < len(history) and history[reply.after][: len(token)] == token
    return _Branch(token, reply.after, len(opening), reply.weight, follows)


def _size(history: Sequence[list[int]], group: Sequence[_Branch]) -> int:
    """Tokens of a sample: the trunk, the branches that leave it, and the last reply at its end."""
    *before, last = group
    leaving = sum(len(one.token) for one in before if not one.follows)
    return sum(map(len, history[: last.after])) + leaving + len(last.token)


def _sample(
    lesson: Lesson,
    speaker: Speaker,
    history: Sequence[list[int]],
    group: Sequence[_Branch],
    length: int,
) -> Sample:
    *before, last = group
    trunk = history[: last.after]
    if not before and sum(map(len, trunk)) + len(last.token) > length:
        room = length - len(last.token)
        trunk = speaker.within(lesson.messages[: last.after], room, lesson.id)
    begins = np.cumsum([0, *map(len, trunk)])
    token = [np.array([one for message in trunk for one in message] + last.token)]
    whole = len(token[0])
    learnt, position = [np.zeros(whole)], [np.arange(whole)]
    learnt[0][whole - len(last.token) :] = last.learnt()
    branch, forks = [np.zeros(whole)], [whole]
    for one in before:
        fork, size = int(begins[one.after]), len(one.token)
        if one.follows:
            learnt[0][fork : fork + size] = one.learnt()
            continue
        token.append(np.array(one.token))
        position.append(fork + np.arange(size))
        branch.append(np.full(size, len(forks)))
        learnt.append(one.learnt())
        forks.append(fork)
    return Sample(
        token=_column(token),
        position=_column(position),
        branch=_column(branch),
        forks=np.array(forks, np.int32),
        learnt=np.concatenate(learnt).astype(np.float32),
        id=lesson.id,
    )


def _column(parts: Sequence[npt.NDArray[Any]]) -> Int32s:
    return np.concatenate(parts).astype(np.int32)
