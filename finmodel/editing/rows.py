"""A row of a workbook as what an editor wants said, and a script as such a row.

Cells come in, `Wanted`s go out, or a sentence about the cell that is no such thing: a day may be a
date, a text or a number of days. Whether it may be said is not known here. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from msgspec import structs

from finmodel.assistant.intents import SCENARIOS, intent_named
from finmodel.assistant.script_rules import PUBLIC_SLOTS
from finmodel.assistant.scripts import Script
from finmodel.assistant.slots import places, slot_named
from finmodel.conversations import Account, Identity
from finmodel.editing.columns import (
    ACCOUNTS,
    COLUMNS,
    NEEDS,
    REQUIRED,
    column_of,
    intent_words,
    key_of,
)
from finmodel.errors import BadInput
from finmodel.workbooks.cells import Cell, Line, Odd

_PARTED: Final = re.compile(r"[,，、;；\s]+")
_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d\d)(\d\d)")
_MAY_LACK: Final = frozenset({"needs", "account", "valid_to"})
_FIRST, _LAST = date(2000, 1, 1), date(2099, 12, 31)
_LONGEST: Final = 2_000
"""Characters of a cell that is read."""


class Wanted(NamedTuple):
    """What a row asks for."""

    id: str
    """Empty for a new script."""
    version: int | None
    """That it was exported with; None where the column is empty."""
    intent: str
    text: str
    needs: Identity
    account: tuple[Account, ...]
    valid_from: date
    valid_to: date | None
    reviewer: str
    unsaid: frozenset[str] = frozenset()
    """Of needs, account and valid_to those for which the sheet has no column."""

    def script(self, name: str, before: Script | None) -> Script:
        """The same as a script, the next version of `before`; what is unsaid stays as it was."""
        found = Script(
            id=name,
            version=1 + (before.version if before else 0),
            intent=self.intent,
            text=self.text,
            reviewer=self.reviewer,
            needs=self.needs,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            account=self.account,
        )
        if before is None:
            return found
        return structs.replace(found, **{one: getattr(before, one) for one in self.unsaid})


class Row(NamedTuple):
    """One row below the header, its cells by their columns."""

    number: int
    """As the sheet shows it."""
    cells: Mapping[str, Cell]


def rows_of(lines: Sequence[Line], where: str) -> tuple[list[Row], list[str]]:
    """Rows below the header, and the headers of columns that are not read."""
    header = lines[0]
    named = {at: column_of(one) for at, one in enumerate(header.cells) if isinstance(one, str)}
    columns = {at: name for at, name in named.items() if name}
    for name in columns.values():
        if list(columns.values()).count(name) > 1:
            what = f"column {name} ({COLUMNS[name][0]}) stands twice"
            raise BadInput(what, where=where, remedy="take one out")
    if missing := [name for name in REQUIRED if name not in columns.values()]:
        what = f"row {header.number} names no column {missing[0]} ({COLUMNS[missing[0]][0]})"
        remedy = f"begin with a row of headers: {', '.join(one[0] for one in COLUMNS.values())}"
        raise BadInput(what, where=where, remedy=remedy)
    if len(lines) == 1:
        raise BadInput("no script stands below the header", where=where, remedy="write one a row")
    unread = [_printable(str(header.cells[at])) for at, name in named.items() if not name]
    return list(_below(lines[1:], columns)), unread


def _printable(said: str) -> str:
    """A header on one line, without what would steer a terminal."""
    return "".join(one if one.isprintable() else "�" for one in said)[:40]


def _below(lines: Sequence[Line], columns: Mapping[int, str]) -> Iterator[Row]:
    for line in lines:
        cells = {name: line.cells[at] for at, name in columns.items()}
        if any(cell is not None for cell in cells.values()):
            yield Row(line.number, cells)


def row_of(script: Script) -> dict[str, str | int | date | None]:
    """A script's cells by their columns, in an editor's words."""
    return {
        "id": script.id,
        "version": script.version,
        "scenario": SCENARIOS[script.scenario],
        "intent": intent_words()[script.intent],
        "needs": NEEDS[script.needs],
        "account": "、".join(ACCOUNTS[one] for one in script.account),
        "text": script.text,
        "slots": ", ".join(script.slots),
        "valid_from": script.valid_from,
        "valid_to": script.valid_to,
        "reviewer": script.reviewer,
    }


def wanted_of(row: Row, epoch: date) -> Wanted:
    """What a row asks for; BadInput, without its place, for the first cell that cannot be read."""
    text, intent = _text(row), _intent(row)
    _require_slots(row, text)
    return Wanted(
        id=_said(row, "id"),
        version=_version(row),
        intent=intent,
        text=text,
        needs=_needs(row, text),
        account=_accounts(row),
        valid_from=_required_day(row, epoch),
        valid_to=_day(row, "valid_to", epoch),
        reviewer=_required(row, "reviewer"),
        unsaid=_MAY_LACK - row.cells.keys(),
    )


def id_of(row: Row) -> str:
    """The id that stands in a row; empty where none can be read."""
    cell = row.cells.get("id")
    return cell if isinstance(cell, str) else ""


def day_of(cell: Cell, epoch: date) -> date | None:
    """A day out of a cell; None of an empty one, ValueError where it is none.

    >>> epoch = date(1899, 12, 30)
    >>> [str(day_of(one, epoch)) for one in ("2026年3月1日", "2026/3/1", "20260301", 46082)]
    ['2026-03-01', '2026-03-01', '2026-03-01', '2026-03-01']
    """
    if cell is None or isinstance(cell, date):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        if (_FIRST - epoch).days <= cell <= (_LAST - epoch).days:
            return epoch + timedelta(days=cell)
        cell = str(cell)
    if not isinstance(cell, str) or not (found := _DAY.fullmatch(cell.strip())):
        raise ValueError("no day")
    year, month, day_ = (int(one) for one in found.groups() if one is not None)
    return date(year, month, day_)


def _said(row: Row, column: str) -> str:
    """A cell as text; numbers as they are written."""
    cell = row.cells.get(column)
    if isinstance(cell, Odd):
        remedy = "paste it as a value" if "formula" in cell.what else "write it as text"
        raise BadInput(f"{_named(column)} holds {cell.what}", remedy=remedy)
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    said = "" if cell is None else str(cell).strip()
    if len(said) > _LONGEST:
        what = f"{_named(column)} has {len(said):,} characters"
        raise BadInput(what, remedy="shorten it")
    if any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in said):
        what = f"{_named(column)} holds a line break or a sign that nobody sees"
        raise BadInput(what, remedy="write it in one line")
    return said


def _required(row: Row, column: str) -> str:
    said = _said(row, column)
    if not said:
        raise BadInput(f"{_named(column)} is empty", remedy="fill it in")
    return said


def _text(row: Row) -> str:
    if not isinstance(row.cells.get("text"), str | Odd | None):
        raise BadInput(f"{_named('text')} is no text", remedy="write what to say")
    return _required(row, "text")


def _version(row: Row) -> int | None:
    said = _said(row, "version")
    if said and not said.isdecimal():
        raise BadInput(
            f"{_named('version')} is {said[:40]!r}", remedy="leave it as it was exported"
        )
    return int(said) if said else None


def _intent(row: Row) -> str:
    name = key_of(_required(row, "intent"), intent_words(), "intent")
    given = _said(row, "scenario")
    if given and key_of(given, SCENARIOS, "scenario") != intent_named(name).scenario:
        its = SCENARIOS[intent_named(name).scenario]
        what = f"intent {intent_words()[name]} is of scenario {its}, not {given}"
        raise BadInput(what, remedy="mend one of them")
    return name


def _require_slots(row: Row, text: str) -> None:
    """Where the column is filled in, it names what stands in the text."""
    given = {
        one.strip("{}｛｝") for one in _PARTED.split(_said(row, "slots")) if one.strip("{}｛｝")
    }
    for one in sorted(given):
        slot_named(one)
    there = {name for name, _, _ in places(text)}
    if given and given != there:
        named, stand = ", ".join(sorted(given)), ", ".join(sorted(there)) or "none"
        what = f"{_named('slots')} names {named}, and in the text stands {stand}"
        raise BadInput(what, remedy="mend one of them, or leave the column empty")


def _needs(row: Row, text: str) -> Identity:
    """Who may be told; where nobody said, the verified what tells of a customer."""
    given = _said(row, "needs")
    if given:
        return key_of("none" if given == "未核验" else given, NEEDS, "identity")
    told = {name for name, _, _ in places(text)} - PUBLIC_SLOTS
    return "verified" if told or _said(row, "account") else "none"


def _accounts(row: Row) -> tuple[Account, ...]:
    given = [one for one in _PARTED.split(_said(row, "account")) if one]
    named = {key_of(one, ACCOUNTS, "account") for one in given}
    return tuple(one for one in ACCOUNTS if one in named)


def _required_day(row: Row, epoch: date) -> date:
    day = _day(row, "valid_from", epoch)
    if day is None:
        raise BadInput(f"{_named('valid_from')} is empty", remedy="write a day, as 2026-03-01")
    return day


def _day(row: Row, column: str, epoch: date) -> date | None:
    _said(row, column)
    try:
        return day_of(row.cells.get(column), epoch)
    except ValueError as error:
        what = f"{_named(column)} is {str(row.cells.get(column))[:40]!r}, and no day"
        raise BadInput(what, remedy="write 2026-03-01, or a date of the workbook") from error


def _named(column: str) -> str:
    return f"{column} ({COLUMNS[column][0]})"
