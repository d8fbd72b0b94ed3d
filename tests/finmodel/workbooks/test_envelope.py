"""What is sent as a workbook is told for what it is, before anything of it is parsed."""

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.errors import BadInput, FinmodelError, NotFound
from finmodel.workbooks import envelope
from finmodel.workbooks.cells import read_sheet
from finmodel.workbooks.envelope import unpack
from tests.finmodel.script_sheets import GOOD, write

CSV = "场景,意图,话术\n还款,还款日,您的还款日请在App查看。\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def archive(**parts):
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", zipfile.ZIP_DEFLATED) as made:
        for name, part in parts.items():
            made.writestr(name, part)
    return room.getvalue()


def refused(folder, data):
    path = folder / "sent.xlsx"
    path.write_bytes(data)
    with pytest.raises(BadInput) as told:
        unpack(path)
    return str(told.value)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (CSV.encode("gb18030"), "it is text, as a CSV is, in GBK under another name; open it in"),
        (CSV.encode("utf-8-sig"), "it is text, as a CSV is, in UTF-8"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "it is a web page or XML"),
        (OLE + "Workbook".encode("utf-16-le"), "a workbook of the old kind (.xls)"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "it is locked with a password; take the"),
        (b"", "the file is empty"),
        (bytes(range(256)), "it is no workbook"),
        (b"PK\x03\x04 and no more", "it is cut short or damaged"),
        (archive(a="b"), "it is an archive, and no workbook"),
        (archive(mimetype="application/vnd.oasis.opendocument.spreadsheet"), "(.ods)"),
        (archive(**{"xl/workbook.bin": "x"}), "a binary workbook (.xlsb)"),
        (archive(**{"xl/vbaProject.bin": "x"}), "it holds macros"),
        (archive(**{"[Content_Types].xml": "<Types"}), "[Content_Types].xml is no XML"),
    ],
)
def test_what_is_no_workbook_is_told_in_a_sentence(tmp_path, data, part):
    told = refused(tmp_path, data)
    assert told.startswith("sent.xlsx: ")
    assert part in told
    assert "; " in told


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_that_would_unfold_without_end_are_not_unfolded(tmp_path, encoding):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    part = f'<?xml version="1.0"?><!DOCTYPE t [<!ENTITY l0 "ha">{laughs}]><t>&l8;</t>'
    told = refused(tmp_path, archive(**{"[Content_Types].xml": part.encode(encoding)}))
    assert "[Content_Types].xml defines a document type" in told


def test_what_unpacks_to_too_much_is_refused_unread(tmp_path, monkeypatch):
    bomb = archive(**{"[Content_Types].xml": "<Types/>", "xl/a.xml": bytes(40 << 20)})
    assert len(bomb) < 100_000
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("a part was unpacked"))
    assert "it unpacks to 40 MiB in 2 parts; at most 32 MiB" in refused(tmp_path, bomb)


def test_an_archive_that_lies_about_its_size_yields_no_more_than_it_said(tmp_path):
    data = archive(**{"[Content_Types].xml": "<Types>" + " " * 100_000 + "</Types>"})
    size = (100_015).to_bytes(4, "little")
    assert size in data
    told = refused(tmp_path, data.replace(size, (9).to_bytes(4, "little")))
    assert "cut short or damaged" in told


def test_a_large_file_and_many_parts_are_refused(tmp_path):
    assert "larger than 4 MiB" in refused(tmp_path, b"PK" + bytes(envelope.LARGEST))
    many = archive(**{f"p{number}": "" for number in range(envelope.MOST_PARTS + 1)})
    assert "in 501 parts" in refused(tmp_path, many)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        unpack(tmp_path / "none.xlsx")
    with pytest.raises(BadInput, match="it is a folder"):
        unpack(tmp_path)


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sent")
    return folder, write(folder / "good.xlsx", GOOD, GOOD).read_bytes()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_workbook_is_read_or_refused_and_never_a_traceback(sent, data):
    folder, good = sent
    at = data.draw(st.integers(0, len(good) - 1))
    length = data.draw(st.integers(1, 40))
    noise = data.draw(st.binary(max_size=length))
    path = folder / "damaged.xlsx"
    path.write_bytes(good[:at] + noise + good[at + length :])
    with suppress(FinmodelError):
        assert read_sheet(path, "话术").lines
