"""A model as the second judge of a sentence, behind rules and classifier: which rule it breaks.

An engine that is asked and a sentence come in; a rule's name goes out, or none. It answers with a
number and nothing else, held to it by a grammar where the engine can be. Which engine it is, and
what follows from its answer, is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from finmodel.assistant.engines.engine import Asked, Engine, write
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.assistant.template import Message
from finmodel.errors import NotReady

SECONDS: Final = 5.0
"""A judge that says nothing for so long is none."""
_MOST: Final = 4
"""Tokens of an answer."""
_ANSWER: Final = re.compile(r"\s*(\d{1,2})")
_ASKS: Final = (
    "你是消费金融公司的合规质检。客服不得说以下内容：\n{rules}\n"
    "只回答一个数字：客服这句话违反哪一条就写它的编号，都没有违反就写0。"
)


@dataclass(frozen=True, slots=True)
class Judge:
    """An engine that judges."""

    engine: Engine
    adapter: str = ""
    seconds: float = SECONDS

    def rule_of(self, sentence: str) -> str | None:
        """The rule that a sentence breaks, in the model's opinion; None where it breaks none.

        NotReady where the model gave no answer: then nobody has judged.
        """
        asked = Asked(
            (Message("system", _told()), Message("user", f"客服：{sentence}")),
            adapter=self.adapter,
            most=_MOST,
            seconds=self.seconds,
            stop=("\n",),
            grammar=_grammar() if self.engine.grammars else "",
        )
        answer = _ANSWER.match(write(self.engine, asked))
        number = int(answer[1]) if answer else -1
        if not 0 <= number <= len(judged()):
            raise NotReady(
                "the judge gave no number of a rule",
                where=self.engine.name,
                remedy="name a larger model, or leave FINMODEL_JUDGE empty",
            )
        return None if number == 0 else judged()[number - 1]


@cache
def judged() -> tuple[str, ...]:
    """The rules that it is asked about: all but signs that nobody reads."""
    return tuple(name for name in rules() if name != "control")


@cache
def _told() -> str:
    lines = [f"{number} {rules()[name].zh}" for number, name in enumerate(judged(), 1)]
    return _ASKS.format(rules="\n".join(lines))


@cache
def _grammar() -> str:
    """Zero or a rule's number, as GBNF."""
    numbers = (f'"{number}"' for number in range(len(judged()) + 1))
    return f"root ::= {' | '.join(numbers)}"
