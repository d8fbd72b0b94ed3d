"""Rows of a lender's file that were not used: each by its number, with the reason, as a CSV beside.

Refusals by row come in, records and a file go out. No value of a row is repeated but its
application's id where a person is told it in a shell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from finmodel.durable import replace_file, require_writable
from finmodel.errors import BadInput
from finmodel.table_files import is_csv, lines_of

SHOWN = 1000
"""So many refused rows are told one by one; the CSV has all."""
ENDING = ".not_used.csv"
NOTHING_NEW = "nothing changed: all that could be used was loaded before"
_HEADER = ("row", "line", "reason")


@dataclass(frozen=True, slots=True)
class Written:
    """How a CSV is written; what is empty was not said."""

    separator: str = ""
    encoding: str = ""

    @classmethod
    def told(cls, separator: str | None, encoding: str | None) -> Self:
        """As a shell says it, where a tab is hard to type: `\\t` is one, too."""
        sign = "\t" if separator == r"\t" else separator
        if sign is not None and len(sign) != 1:
            raise BadInput(
                f"{separator!r} is not one character",
                where="--separator",
                remedy=r"give one, such as ';' or '\t'",
            )
        return cls(sign or "", encoding or "")


NOT_SAID = Written()


@dataclass(frozen=True, slots=True)
class NotUsed:
    """A row that was not used."""

    row: int
    """Counted from 1, header and blank lines not counted."""
    line: int | None
    """Of a CSV, as a person counts: the header's is 1, blank ones count. None of a Parquet file."""
    application_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """How a file is to be loaded."""

    mapping: Path | None = None
    """The lender's names for what we call otherwise."""
    not_used: Path | None = None
    """Where rows that are not used are listed; beside the file if not said."""
    dry_run: bool = False
    """Only say what would be loaded."""


PLAINLY = Asked()


def not_used(
    refused: Mapping[int, str], file: Path, written: Written, ids: Sequence[str] = ()
) -> list[NotUsed]:
    """Every row that is not used, in the file's order; `ids` of all rows, where they are known."""
    lines = lines_of(file, written.separator, written.encoding) if refused and is_csv(file) else []
    return [
        NotUsed(
            row=row + 1,
            line=lines[row] if row < len(lines) else None,
            application_id=ids[row] if ids else "",
            reason=refused[row],
        )
        for row in sorted(refused)
    ]


def list_beside(rows: Sequence[NotUsed], file: Path, asked: Asked) -> str:
    """Write them as a CSV, and its name; none where there are none.

    BadInput where it cannot be written: then nothing was loaded, and nothing is lost in silence.
    """
    path = place_beside(file, asked.not_used)
    return listed(_HEADER, [(one.row, one.line, one.reason) for one in rows], path)


def place_beside(file: Path, named: Path | None) -> Path:
    """Where they are listed: as somebody said, else beside the file."""
    return named or file.with_name(f"{file.name}{ENDING}")


def listed(header: Sequence[str], rows: Sequence[Sequence[object]], path: Path) -> str:
    """Write a CSV of rows under a header, and its name; none where there are no rows.

    What an earlier load listed there is not left standing.
    """
    if not rows and not path.exists():
        return ""
    require_writable(path)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(header)
    lines.writerows(rows)
    replace_file(path, text.getvalue().encode("utf-8-sig"))  # so that Excel knows it
    return str(path) if rows else ""


def require_some(rows: int, used: int, refused: int, file: Path, of: str = "rows") -> None:
    """BadInput where no row of the file is kept, now or before."""
    if refused and not used:
        raise BadInput(
            f"none of its {rows:,} {of} could be used",
            where=str(file),
            remedy="mend them: each has its reason above",
        )


def said_of(new: int, known: int, asked: Asked) -> str:
    """What a person is to know of a load beside its numbers."""
    if asked.dry_run:
        return "nothing was loaded: this was a dry run"
    if not new and known:
        return NOTHING_NEW
    return ""
