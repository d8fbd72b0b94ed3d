"""What an engine reads before it writes: the masked conversation as in training, within a budget.

What is asked for, what may be told, sources and a budget come in; messages go out, with what of
the turns that no longer fit was carried forward. As long as a conversation fits and no source is
at hand, this is word for word what training reads (fine_tune/lessons/prepare.py). Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, get_args

from msgspec import Struct

from finmodel.assistant.briefing import briefing, told_again
from finmodel.assistant.suggesting.asking import Asking, Told, Tone
from finmodel.assistant.suggesting.recall import Recalled, as_told, recall
from finmodel.assistant.template import Message, Role
from finmodel.conversations import IDENTITIES, Account, Who, tokens_about
from finmodel.privacy.masks import Masks, masked

HISTORY: Final = 3_000
"""About so many tokens are read before a reply, of an engine's 4,096."""
_LONGEST: Final = 2_000
"""Characters of one message that are read: of a longer one its beginning and its end."""
_CARRIED: Final = 10
"""One part in so many of the budget is for what is carried forward."""
_ROLES: Final[dict[Who, Role]] = {"customer": "user", "agent": "assistant", "system": "system"}
_TONES: Final[dict[Tone, str]] = {
    "": "",
    "warm": "语气：亲切，先体谅客户的处境。",
    "brief": "语气：简短，只说要点。",
    "formal": "语气：正式，用书面语。",
}
_HALF_AT_END: Final = re.compile(r"[\w@.+ -]{1,40}\Z", re.ASCII)
_HALF_AT_BEGIN: Final = re.compile(r"\A[\w@.+ -]{1,40}", re.ASCII)
"""What may be half of a number or of an address that was cut in two: masking would miss it."""


class Prompt(Struct, frozen=True):
    """The history that is answered."""

    messages: tuple[Message, ...]
    recalled: tuple[Recalled, ...] = ()
    """What was carried forward out of turns that were left out."""
    left_out: int = 0
    """Turns that did not fit."""

    def __repr__(self) -> str:
        return f"Prompt({len(self.messages)} messages)"  # no log may get a prompt

    @property
    def tokens(self) -> int:
        """About so many, rather more than less."""
        return sum(tokens_about(one.text) for one in self.messages)


def prompt_of(
    asking: Asking, told: Told, sources: Sequence[str] = (), room: int = HISTORY
) -> Prompt:
    """What an engine is asked, of about `room` tokens at most.

    How a customer stands is told where they are verified. Sources and tone stand at the end, so
    that of two turns the later one's prompt goes on where the earlier one's ended.
    """
    given = asking.messages
    texts = masked(_read(asking))
    account = told.state.account if told.state.identity == "verified" else None
    behind = _behind(sources, asking.tone)
    room -= sum(tokens_about(one.text) for one in behind)
    identity = given[0].identity if given else told.state.identity
    history = [(0, Message("system", briefing(account, identity)))]
    for turn, (said, text) in enumerate(zip(given, texts, strict=True), start=1):
        if said.identity != identity:
            identity = said.identity
            history.append((turn, Message("system", told_again(account, identity))))
        history.append((turn, Message(_ROLES[said.who], text)))
    if told.state.identity != identity:
        history.append((len(given), Message("system", told_again(account, told.state.identity))))
    messages = [message for _, message in history]
    kept = recent(messages, room)
    if len(kept) == len(messages):
        return Prompt((*messages, *behind))
    carried = room // _CARRIED
    kept = recent(messages, room - carried)[1:]
    first = history[-len(kept)][0]
    recalled = recall(given[: first - 1], texts[: first - 1], carried)
    opening = Message("system", briefing(account, given[first - 1].identity))
    again = [Message("system", as_told(recalled))] if recalled else []
    return Prompt((opening, *again, *kept, *behind), recalled, first - 1)


def masks_of(asking: Asking) -> Masks:
    """What stands behind the placeholders that an engine reads: for who may see it, and no log."""
    return Masks.of(_read(asking))


def prompt_text() -> str:
    """All that is put to an engine beside what was said and what sources say: one text.

    It is written by the functions that write prompts, with {{names}} for what changes from turn to
    turn, so that a version of it is a version of all of them.

    >>> prompt_text().splitlines()[1], prompt_text().splitlines()[-1]
    ('客户：尚未申请，身份已核实。', '语气：正式，用书面语。')
    """
    told = [briefing(account, "verified") for account in get_args(Account)]
    told += [briefing(None, identity) for identity in IDENTITIES]
    told += [told_again(account, "verified") for account in get_args(Account)]
    told += [told_again(None, identity) for identity in IDENTITIES]
    told += [as_told([Recalled(1, "", "{{said}}")])]
    told += [one.text for tone in _TONES for one in _behind(["{{source}}"], tone)]
    return "\n".join(told)


@lru_cache(maxsize=1)
def prompt_version() -> str:
    """Twelve digits of the SHA-256 of `prompt_text`: a trace names it, and MLflow's registry."""
    return hashlib.sha256(prompt_text().encode()).hexdigest()[:12]


def recent(messages: Sequence[Message], room: int = HISTORY) -> tuple[Message, ...]:
    """The instruction and the latest messages of a history, of about `room` tokens.

    >>> said = [Message("system", "客服"), Message("user", "一二三四"), Message("user", "五六")]
    >>> [one.text for one in recent(said, 5)]
    ['客服', '五六']
    """
    first, *rest = messages
    kept: list[Message] = []
    room -= tokens_about(first.text)
    for message in reversed(rest):
        room -= tokens_about(message.text)
        if room < 0 and kept:
            break
        kept.append(message)
    return first, *reversed(kept)


def _read(asking: Asking) -> list[str]:
    """Every message as it is read, before it is masked."""
    return [_cut(one.slotted or one.text) for one in asking.messages]


def _cut(text: str) -> str:
    """A long message shortened, without the halves of a number that the cut went through."""
    if len(text) <= _LONGEST:
        return text
    head, tail = text[: _LONGEST // 2], text[-_LONGEST // 2 :]
    return f"{_HALF_AT_END.sub('', head)}……{_HALF_AT_BEGIN.sub('', tail)}"


def _behind(sources: Sequence[str], tone: Tone) -> list[Message]:
    lines = [f"资料：{text}" for text in sources]
    lines += [_TONES[tone]] if tone else []
    return [Message("system", "\n".join(lines))] if lines else []
