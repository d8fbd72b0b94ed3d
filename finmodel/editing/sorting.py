"""The rows of a workbook, sorted: what is new, what changes a script, and what may not stand.

Rows come in with what is published and what waits; drafts to be made go out, and rejected rows with
their numbers. A row that says what is said already changes nothing. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct

from finmodel.assistant.scripts import Script
from finmodel.editing.draft import Draft, require_good, require_own, same
from finmodel.editing.rows import Row, Wanted, id_of, wanted_of
from finmodel.errors import BadInput, NotFound
from finmodel.progress import Progress, silent

_DIGITS: Final = 9
"""Of an id's number that is counted on from."""
_EMPTY_IT: Final = "leave the id empty: it gets the next number"


class Made(Struct, frozen=True):
    """A row that makes a draft."""

    row: int
    script: Script


class Rejected(Struct, frozen=True):
    """A row that makes none."""

    row: int
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What rows are held against."""

    published: Mapping[str, Script]
    drafts: Mapping[str, Draft]
    author: str
    """Who brings the rows."""
    today: date
    """In China."""


@dataclass(slots=True)
class Sorted:
    """What becomes of each row."""

    added: list[Made] = field(default_factory=list)
    changed: list[Made] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    """Rows that say what is published."""
    waiting: list[int] = field(default_factory=list)
    """Rows that say what was drafted before."""
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def made(self) -> list[Script]:
        """The scripts to be drafted."""
        return [one.script for one in (*self.added, *self.changed)]


def sort_rows(
    rows: Sequence[Row], epoch: date, standing: Standing, progress: Progress = silent
) -> Sorted:
    """Each row by what becomes of it; one that is wrong takes no other with it."""
    found, names = Sorted(), _Names(rows, standing)
    twice = _twice(rows)
    for done, row in enumerate(rows, start=1):
        name = id_of(row)
        try:
            if name in twice:
                numbers = ", ".join(map(str, twice[name]))
                raise BadInput(
                    f"id {name[:40]!r} stands in rows {numbers}", remedy="keep one of them"
                )
            wanted = wanted_of(row, epoch)
            name = wanted.id or names.known(wanted)
            _put(found, row.number, wanted, name or names.next(wanted.intent), standing, names)
        except (BadInput, NotFound) as error:
            found.rejected.append(Rejected(row.number, name[:40], _reason(error)))
        progress("rows read", done, len(rows))
    return found


def _put(
    found: Sorted, number: int, wanted: Wanted, name: str, standing: Standing, names: _Names
) -> None:
    published, draft = standing.published.get(name), standing.drafts.get(name)
    script = wanted.script(name, published)
    if published is not None and same(published, script):
        names.take(script, number)
        found.unchanged.append(number)
    elif draft and draft.script and same(draft.script, wanted.script(name, draft.script)):
        names.take(script, number)
        found.waiting.append(number)
    else:
        _require_its_own(wanted, script, standing)
        names.require_new(script)
        require_good(_whole(script), "", standing.today)
        names.take(script, number)
        (found.changed if published else found.added).append(Made(number, script))


def _require_its_own(wanted: Wanted, script: Script, standing: Standing) -> None:
    """BadInput where it would take the place of what its editor did not see."""
    published, draft = standing.published.get(script.id), standing.drafts.get(script.id)
    if script.id.rpartition("-")[0] != script.intent:
        what = f"id {script.id[:40]!r} is none of intent {script.intent}"
        remedy = f"write {script.intent}- and a number, or {_EMPTY_IT}"
        raise BadInput(what, remedy=remedy)
    if published and wanted.version not in (None, published.version):
        what = f"it was version {wanted.version}, and version {published.version} is published now"
        raise BadInput(what, remedy="export the scripts again, and change that row")
    require_own(draft, standing.author)


def _whole(script: Script) -> Script:
    """The same script, held against the limits of each field."""
    try:
        return msgspec.convert(msgspec.to_builtins(script), Script)
    except msgspec.ValidationError as error:
        remedy = "see docs/scripts.md"
        if "`$.id`" in str(error):
            remedy = _EMPTY_IT
        raise BadInput(str(error)[:1].lower() + str(error)[1:], remedy=remedy) from error


class _Names:
    """Ids, and what is said under each: published, drafted, and in rows so far."""

    def __init__(self, rows: Iterable[Row], standing: Standing) -> None:
        self._said: dict[object, str] = {}
        self._words: dict[tuple[str, str], str] = {}
        """Whoever it is said to: for sheets that do not tell."""
        self._row: dict[str, int] = {}
        drafted = (one.script for one in standing.drafts.values() if one.script)
        every = [*standing.published.values(), *drafted]
        for one in every:
            self._said.setdefault(_key(one), one.id)
            self._words.setdefault((one.intent, one.text), one.id)
        self._numbers: dict[str, int] = defaultdict(int)
        for name in (*(one.id for one in every), *map(id_of, rows)):
            self._count(name)

    def known(self, wanted: Wanted) -> str:
        """The id under which the same is said already; empty where it is not."""
        if wanted.unsaid & {"needs", "account"}:
            return self._words.get((wanted.intent, wanted.text), "")
        return self._said.get(_key(wanted), "")

    def next(self, intent: str) -> str:
        """An id that nothing has or had; another one once it is taken."""
        return f"{intent}-{self._numbers[intent] + 1}"

    def require_new(self, script: Script) -> None:
        """BadInput where the same is said to the same people under another id."""
        other = self._said.get(_key(script), script.id)
        if other != script.id:
            place = f"row {self._row[other]}" if other in self._row else "it"
            raise BadInput(f"{other} says the same", remedy=f"change {place}, or take this row out")

    def take(self, script: Script, number: int) -> None:
        """Note what a row says; BadInput where a row before it is of the same script."""
        if script.id in self._row:
            what = f"it says the same as row {self._row[script.id]}"
            raise BadInput(what, remedy="keep one of them")
        self._row[script.id] = number
        self._said[_key(script)] = script.id
        self._words[script.intent, script.text] = script.id
        self._count(script.id)

    def _count(self, name: str) -> None:
        intent, _, number = name.rpartition("-")
        if number.isdecimal() and len(number) <= _DIGITS:
            self._numbers[intent] = max(self._numbers[intent], int(number))


def _key(one: Script | Wanted) -> object:
    """What is said, and to whom."""
    return one.intent, one.needs, frozenset(one.account), one.text


def _twice(rows: Iterable[Row]) -> dict[str, list[int]]:
    """Ids that stand in several rows, with these."""
    found: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if name := id_of(row):
            found[name].append(row.number)
    return {name: numbers for name, numbers in found.items() if len(numbers) > 1}


def _reason(error: BadInput) -> str:
    """A sentence without the place, which the row's number tells."""
    return str(error).removeprefix(": ")
