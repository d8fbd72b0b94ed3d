"""CSV as Excel opens it: in UTF-8 with its mark, and nothing in it that a spreadsheet computes.

Rows of texts and numbers come in, bytes go out. What they are of is not known here. Pure.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

_FORMULA: Final = tuple("=+-@＝＋－＠\t\r\n")
"""What a cell begins with that a spreadsheet would compute."""


def excel_csv(rows: Iterable[Iterable[str | int]]) -> bytes:
    """A file of these rows, the header first; of texts each is `inert`."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerows([inert(one) if isinstance(one, str) else one for one in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def inert(cell: str) -> str:
    """A cell of CSV that no spreadsheet computes.

    >>> inert("=1+1"), inert("您好"), inert("-5%")
    ("'=1+1", '您好', "'-5%")
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
