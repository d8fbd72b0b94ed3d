"""Which parts of a package are the workbook, its sheets and its texts: one answer, or none.

Parts come in, their names go out. An office goes from one part to the next by relationships, a
reader may choose a part by its content type; where the two differ, what was shown to a person is
not what is read, and BadInput is raised. What the parts hold is not known here. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from xml.parsers.expat import ParserCreate

from finmodel.errors import BadInput

Attributes = Mapping[str, str]
_OF_SHEETS: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_OF_MACROS: Final = "application/vnd.ms-excel."
_BOOKS: Final = frozenset(
    f"{of}{kind}.{end}main+xml"
    for of, end in ((_OF_SHEETS, ""), (_OF_MACROS, "macroEnabled."))
    for kind in ("sheet", "template")
)
_TEXTS: Final = f"{_OF_SHEETS}sharedStrings+xml"
_USUAL: Final = "xl/workbook.xml"


class Related(NamedTuple):
    """A part as another one names it."""

    id: str
    kind: str
    """The last word of the relationship's type, such as worksheet."""
    part: str


def workbook_part(parts: Mapping[str, bytes], where: str) -> tuple[str, dict[str, str]]:
    """The workbook's part, and the parts that it names by their ids.

    BadInput where there is none, or where relationships and content types name different ones.
    """
    books = [one.part for one in _related(parts, "") if one.kind == "officeDocument"]
    if not books or books[0] not in parts:
        raise BadInput("it names no workbook inside", where=where, remedy="save it again")
    named = list(_related(parts, books[0]))
    texts = [one.part for one in named if one.kind == "sharedStrings"]
    typed_books, typed_texts = _typed(parts)
    by_id = {one.id: one.part for one in named}
    if books != typed_books or (typed_texts and texts != typed_texts) or len(by_id) < len(named):
        what = "it names several workbooks inside, so that another could be read than is shown"
        raise BadInput(what, where=where, remedy="save it again as .xlsx")
    return books[0], by_id


def elements(part: bytes) -> list[tuple[str, Attributes]]:
    """The elements of a part in their order, without prefixes of namespaces."""
    found: list[tuple[str, Attributes]] = []
    parser = ParserCreate()
    parser.StartElementHandler = lambda tag, told: found.append((tag.rpartition(":")[2], told))
    parser.Parse(part, True)
    return found


def _typed(parts: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    """The parts that are a workbook, and texts of one, by their content types."""
    books, texts, usual = [], [], False
    for tag, told in elements(parts["[Content_Types].xml"]):
        kind, name = told.get("ContentType", ""), told.get("PartName", "").removeprefix("/")
        if tag == "Default":
            usual = usual or kind in _BOOKS  # of some applications, in place of naming the part
        elif kind in _BOOKS:
            books.append(name)
        elif kind == _TEXTS:
            texts.append(name)
    return books or [_USUAL] * usual, texts


def _related(parts: Mapping[str, bytes], part: str) -> Iterator[Related]:
    """What a part names, or the whole package where it is empty."""
    folder, _, name = part.rpartition("/")
    for tag, told in elements(parts.get(f"{folder}/_rels/{name}.rels".lstrip("/"), b"<none/>")):
        if tag == "Relationship":
            target = posixpath.normpath(posixpath.join("/", folder, told.get("Target", "")))
            kind = told.get("Type", "").rpartition("/")[2]
            yield Related(told.get("Id", ""), kind, target.lstrip("/"))
