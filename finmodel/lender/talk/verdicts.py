"""What simulated agents made of suggestions: some right, some nearly, some for another matter.

Conversations and a seed come in, a verdict on a suggestion for each approved reply goes out, the
same for a seed. What was sent is always what stands in the conversation. A suggestion that was
edited away is sloppy in tone or leaves something out; a rejected one answers another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from random import Random
from typing import Final

from finmodel.assistant.scripts import Script, load_scripts
from finmodel.assistant.written_numbers import figures_in
from finmodel.conversations import Conversation, Message
from finmodel.lender.talk.held_out import held_out
from finmodel.verdicts import Choice, Verdict

_CHOICES: Final[tuple[Choice, ...]] = (
    *("accepted",) * 4,
    *("edited",) * 4,
    *("rejected",) * 2,
)
_BEFORE: Final = ("亲，", "嗯嗯，", "这个我也不太清楚，应该是这样：", "哎呀，")
_BEHIND: Final = ("哦~", "，就这样吧。", "，您自己看看就知道了。", "，别的我也帮不了您。")


def judge(conversations: Iterable[Conversation], seed: int = 0) -> Iterator[Verdict]:
    """A verdict for each approved reply that answers somebody."""
    for one in conversations:
        for before, said in pairwise(one.messages):
            if said.who == "agent" and said.script and before.who != "agent":
                yield _verdict(one, before, said, Random(f"{seed} {one.id} {said.id}"))


def _verdict(one: Conversation, before: Message, said: Message, chance: Random) -> Verdict:
    sent = said.slotted or said.text
    choice = chance.choice(_CHOICES)
    suggestion = {
        "accepted": lambda: sent,
        "edited": lambda: _sloppy(sent, chance),
        "rejected": lambda: _other(said.script, chance),
    }[choice]()
    return Verdict(
        id=f"{one.id}-{said.id}",
        conversation=one.id,
        after=before.id,
        at=said.at,
        verdict=choice,
        suggestion=suggestion,
        sent="" if choice == "accepted" else sent,
        agent=one.agent,
        reason="答非所问" if choice == "rejected" else "",
    )


def _sloppy(text: str, chance: Random) -> str:
    """The text with something left out, or said as nobody should."""
    head, stop, last = text.rstrip("。").rpartition("。")
    if stop and last and chance.random() < 0.5:
        return f"{head}。"
    if chance.random() < 0.5:
        return f"{chance.choice(_BEFORE)}{text}"
    return f"{text.rstrip('。')}{chance.choice(_BEHIND)}"


def _other(script: str, chance: Random) -> str:
    """An approved text of another matter: none kept for tests, none with figures of its own."""
    intent = load_scripts()[script].intent
    return chance.choice([one.text for one in _may_be_shown() if one.intent != intent])


@cache
def _may_be_shown() -> tuple[Script, ...]:
    every = load_scripts().values()
    return tuple(one for one in every if one.id not in held_out() and not figures_in(one.text))
