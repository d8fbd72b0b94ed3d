"""Texts with choices in them: `[a|b]` takes one, `<name>` one of a list, `{name}` is asked for.

A template and a source of chance come in, a text goes out. What the texts are about is not known
here. Pure: the same chance gives the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, TypeAlias, TypeVar

from finmodel.errors import BadInput

Part: TypeAlias = "str | Choice | Place"
Parts: TypeAlias = tuple[Part, ...]
Values: TypeAlias = Callable[[str], str]
"""What stands in the place of a `{name}`."""
Item = TypeVar("Item")
Key = TypeVar("Key")
_TOKEN: Final = re.compile(r"\[([^\[\]]*)\]|<(\w+)>|\{(\w+)\}")
_STRAY: Final = re.compile(r"[\[\]<>{}]")


def pick(items: Sequence[Item], chance: Random) -> Item:
    """One of them, each as likely. Only `random()` is drawn, which no Python version changes."""
    return items[int(chance.random() * len(items))]


def weighted(weights: Mapping[Key, int], chance: Random) -> Key:
    """A key, as likely as its weight among all."""
    draw = chance.random() * sum(weights.values())
    for key, weight in weights.items():
        draw -= weight
        if draw < 0:
            return key
    return key


class Choice(tuple[Parts, ...]):
    """Alternatives."""


class Place(str):
    """A name whose value is asked for."""


class Grammar:
    """Templates over named lists; each is taken apart once.

    >>> grammar = Grammar({"when": ["几号", "哪天"]})
    >>> grammar.say("[请问|]<when>还{what}", Random(1), {"what": "款"}.__getitem__)
    '请问哪天还款'
    """

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = dict(lists)
        self._known: dict[str, Parts] = {}
        self._choices: dict[str, Choice] = {}

    def say(self, template: str, chance: Random, values: Values) -> str:
        """A text of a template; raises `BadInput` for a template that does not hold."""
        said: list[str] = []
        self._say(self.parts(template), chance, values, said)
        return "".join(said)

    def parts(self, template: str) -> Parts:
        """A template taken apart."""
        if (known := self._known.get(template)) is None:
            known = self._known[template] = tuple(self._parts(template))
        return known

    def places(self, template: str) -> frozenset[str]:
        """The names whose values a template may ask for."""
        return frozenset(found[3] for found in _TOKEN.finditer(_opened(template)) if found[3])

    def _say(self, parts: Parts, chance: Random, values: Values, said: list[str]) -> None:
        for part in parts:
            if isinstance(part, Place):
                said.append(values(part))
            elif isinstance(part, Choice):
                self._say(part[int(chance.random() * len(part))], chance, values, said)
            elif part.startswith("<"):
                self._say(pick(self._listed(part[1:-1]), chance), chance, values, said)
            else:
                said.append(part)

    def _parts(self, template: str) -> list[Part]:
        found: list[Part] = []
        at = 0
        for token in _TOKEN.finditer(template):
            found.append(_plain(template[at : token.start()], template))
            at = token.end()
            if token[1] is not None:
                found.append(Choice(self.parts(one) for one in token[1].split("|")))
            elif token[2] is not None:
                found.append(f"<{token[2]}>")
                self._refuse_unknown(token[2], template)
            else:
                found.append(Place(token[3]))
        found.append(_plain(template[at:], template))
        return [one for one in found if one != ""]

    def _listed(self, name: str) -> Choice:
        if (known := self._choices.get(name)) is None:
            known = Choice(self.parts(one) for one in self._lists[name])
            self._choices[name] = known
        return known

    def _refuse_unknown(self, name: str, template: str) -> None:
        if name not in self._lists:
            raise _wrong(template, f"<{name}> is no list", f"name one of {', '.join(self._lists)}")


def _opened(template: str) -> str:
    return re.sub(r"[\[\]|]", " ", template)


def _plain(text: str, template: str) -> str:
    if stray := _STRAY.search(text):
        raise _wrong(template, f"{stray[0]!r} stands alone", "write [a|b], <name> or {name}")
    return text


def _wrong(template: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=f"template {template[:60]!r}", remedy=remedy)
