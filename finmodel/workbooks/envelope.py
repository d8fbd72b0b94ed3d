"""What was sent as a workbook, looked at before anything of it is parsed.

A file, or the bytes of one, comes in; its parts by name go out, all of them XML without a document
type and together of bounded size, or a sentence about what the file is instead. What its sheets
hold is not known here.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

from finmodel.durable import disk_error
from finmodel.errors import BadInput, NotFound

LARGEST: Final = 4 << 20
"""Bytes of a file."""
LARGEST_UNPACKED: Final = 32 << 20
"""Bytes of all its parts, which an archive tells before any is unpacked."""
MOST_PARTS: Final = 500
_AS_XLSX: Final = "open it in Excel, WPS or LibreOffice and save it as .xlsx"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED: Final = "EncryptedPackage".encode("utf-16-le")
_XML: Final = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*<")
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError
)  # fmt: skip


class Sent(NamedTuple):
    """A file that came over the network."""

    name: str
    """As its sender calls it."""
    data: bytes


class Unpacked(NamedTuple):
    """A workbook that may be parsed."""

    data: bytes
    parts: dict[str, bytes]


class _DocumentType(Exception):
    """A part says what its entities stand for: no office writes that."""


def unpack(file: Path | Sent) -> Unpacked:
    """A workbook's bytes and parts; BadInput, in a sentence, for whatever else the file is."""
    data = file.data if isinstance(file, Sent) else _bytes_of(file)
    where = file.name
    if len(data) > LARGEST:
        what = f"it is larger than {LARGEST >> 20} MiB"
        raise BadInput(what, where=where, remedy="take pictures out, or send it in parts")
    if not data.startswith(b"PK"):
        what, remedy = _instead(data)
        raise BadInput(what, where=where, remedy=remedy)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _require_small(archive, where)
            parts = {one.filename: archive.read(one) for one in archive.infolist()}
    except _BROKEN as error:
        what = "it is cut short or damaged"
        raise BadInput(what, where=where, remedy="save or send it again") from error
    _require_workbook(parts, where)
    for name, part in parts.items():
        _require_plain(name, part, where)
    return Unpacked(data, parts)


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFound("no such file", where=str(path), remedy="name a workbook") from error
    except IsADirectoryError as error:
        raise BadInput("it is a folder", where=str(path), remedy="name a workbook in it") from error
    except OSError as error:
        raise disk_error(error, path) from error


def _instead(data: bytes) -> tuple[str, str]:
    """What a file that is no archive is, and what to do."""
    if not data:
        return "the file is empty", "send it again"
    if data.startswith(_OLE):
        if _LOCKED in data:
            return "it is locked with a password", "take the password off and save it again"
        return "it is a workbook of the old kind (.xls)", _AS_XLSX
    for encoding, called in (("utf-8-sig", "UTF-8"), ("gb18030", "GBK")):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _NO_TEXT.search(text):
            kind = "a web page or XML" if text.lstrip().startswith("<") else "text, as a CSV is,"
            return f"it is {kind} in {called} under another name", _AS_XLSX
    return "it is no workbook", _AS_XLSX


def _require_small(archive: zipfile.ZipFile, where: str) -> None:
    every = archive.infolist()
    total = sum(one.file_size for one in every)
    if total > LARGEST_UNPACKED or len(every) > MOST_PARTS:
        what = f"it unpacks to {total / (1 << 20):,.0f} MiB in {len(every):,} parts"
        most = f"at most {LARGEST_UNPACKED >> 20} MiB in {MOST_PARTS} parts are read"
        raise BadInput(what, where=where, remedy=f"{most}: send the rows alone")
    if any(one.flag_bits & 1 for one in every):
        what = "it is an archive that is locked with a password"
        raise BadInput(what, where=where, remedy="take the password off")
    # Names of parts differ by more than large and small letters, or the way of a slash.
    if len({one.filename.replace("\\", "/").lower() for one in every}) < len(every):
        raise BadInput("it holds a part twice", where=where, remedy=_AS_XLSX)


def _require_workbook(parts: dict[str, bytes], where: str) -> None:
    if any(name.endswith("vbaProject.bin") for name in parts):
        raise BadInput("it holds macros", where=where, remedy="save it as .xlsx, without them")
    if any(name.endswith("workbook.bin") for name in parts):
        raise BadInput("it is a binary workbook (.xlsb)", where=where, remedy=_AS_XLSX)
    if b"opendocument" in parts.get("mimetype", b""):
        raise BadInput("it is an OpenDocument file (.ods)", where=where, remedy=_AS_XLSX)
    if "[Content_Types].xml" not in parts:
        raise BadInput("it is an archive, and no workbook", where=where, remedy=_AS_XLSX)


def _require_plain(name: str, part: bytes, where: str) -> None:
    """BadInput where XML is none, or defines entities, which may unfold without end."""
    if not _XML.match(part):
        return
    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_type
    try:
        parser.Parse(part, True)
    except _DocumentType as error:
        what = f"{name} defines a document type, which no office writes"
        raise BadInput(what, where=where, remedy=_AS_XLSX) from error
    except (ExpatError, ValueError, LookupError) as error:
        raise BadInput(f"{name} is no XML", where=where, remedy=_AS_XLSX) from error


def _refuse_type(*_named: object) -> None:
    raise _DocumentType
