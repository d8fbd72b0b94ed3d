"""Workbooks of scripts as people send them, written by openpyxl, and as LibreOffice writes them."""

import io
import zipfile
from datetime import date

import openpyxl

from finmodel.editing.draft_file import waiting
from finmodel.editing.published import load_ours, published
from finmodel.editing.publishing import publish
from finmodel.editing.seen import seen_of, seen_of_all
from finmodel.settings import Settings

NOW = "2026-06-03T02:00:00+00:00"
HEADER = ("编号", "版本", "场景", "意图", "话术", "变量", "生效日期", "失效日期", "审核人")
TEXT = "本期账单的还款日是{due_date}，请留意扣款。"
GOOD = (None, None, "还款", "还款日", TEXT, "due_date", date(2026, 7, 1), None, "compliance.he")
"""A new script."""


def row(**changes):
    """The good row, some of its cells changed, by the English names of columns."""
    names = ("id", "version", "scenario", "intent", "text", "slots", "valid_from", "valid_to")
    told = dict(zip((*names, "reviewer"), GOOD, strict=True)) | changes
    return list(told.values())


def write(path, *rows, header=HEADER, sheet="话术", change=None):
    """A workbook; `change` has a hand in it before it is saved."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    if header:
        page.append(header)
    for cells in rows:
        page.append(cells)
    if change:
        change(book, page)
    book.save(path)
    return path


def changed_parts(path, **parts):
    """The workbook with bytes of some parts replaced: `sheet1=(b"old", b"new")`."""
    data = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            stem = name.rpartition("/")[2].partition(".")[0]
            if stem in parts:
                was, now = parts[stem]
                assert was in part
                part = part.replace(was, now)
            new.writestr(name, part)
    return path


def home(folder):
    """A lender's home, with its clock standing."""
    return Settings.from_env({"FINMODEL_HOME": str(folder), "FINMODEL_STANDING_CLOCK": NOW})


def publish_seen(here, person, *ids):
    """Look at drafts, or at all that wait, and publish them."""
    drafts = waiting(here, published(load_ours(here)))
    seen = [f"{name}@{seen_of(drafts[name])}" if name in drafts else name for name in ids]
    return publish(here, seen, person, every="" if ids else seen_of_all(drafts.values()))


OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml."
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="General"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd"/></numFmts><fonts count="1"><font>'
    '<sz val="10"/><name val="Arial"/><family val="2"/><charset val="1"/></font></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1">'
    '<border diagonalUp="false" diagonalDown="false"><left/><right/><top/><bottom/><diagonal/>'
    '</border></borders><cellStyleXfs count="1"><xf numFmtId="164" fontId="0" fillId="0"'
    ' borderId="0" applyProtection="true"><protection locked="true" hidden="false"/></xf>'
    '</cellStyleXfs><cellXfs count="2"><xf numFmtId="164" fontId="0" fillId="0" borderId="0"'
    ' xfId="0"/><xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
BOOK = (
    f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><fileVersion appName="Calc"/>'
    '<workbookPr backupFile="false" showObjects="all" date1904="false"/><workbookProtection/>'
    '<bookViews><workbookView showSheetTabs="true" firstSheet="0" activeTab="0"/></bookViews>'
    '<sheets><sheet name="Sheet1" sheetId="1" state="visible" r:id="rId2"/></sheets>'
    '<calcPr iterateCount="100" refMode="A1" iterate="false" iterateDelta="0.001"/></workbook>'
)


def write_as_libreoffice(path, *rows, header=HEADER):
    """The parts and attributes that LibreOffice 7.4 writes, with a furigana as WPS adds it."""
    texts, lines = [], []
    for number, cells in enumerate((header, *rows), start=1):
        said = "".join(
            _cell(f"{chr(64 + at)}{number}", value, texts) for at, value in enumerate(cells, 1)
        )
        lines.append(
            f'<row r="{number}" customFormat="false" ht="12.8" hidden="false"'
            f' customHeight="false" outlineLevel="0" collapsed="false">{said}</row>'
        )
    sheet = (
        f'<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheetPr filterMode="false">'
        '<pageSetUpPr fitToPage="false"/></sheetPr><dimension ref="A1"/><sheetViews><sheetView'
        ' tabSelected="true" view="normal" workbookViewId="0"/></sheetViews><sheetFormatPr'
        ' defaultColWidth="11.55" defaultRowHeight="12.8" zeroHeight="false"/><cols>'
        '<col collapsed="false" customWidth="false" hidden="false" outlineLevel="0" max="1024"'
        f' min="1" style="0" width="11.54"/></cols><sheetData>{"".join(lines)}</sheetData>'
        "</worksheet>"
    )
    strings = "".join(
        f'<si><t xml:space="preserve">{one}</t><rPh sb="0" eb="1"><t>x</t></rPh></si>'
        for one in texts
    )
    kinds = {"workbook": "sheet.main", "styles": "styles", "sharedStrings": "sharedStrings"}
    types = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{TYPE}{kind}+xml"/>'
        for name, kind in (kinds | {"worksheets/sheet1": "worksheet"}).items()
    )
    parts = {
        "_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/_rels/workbook.xml.rels": _relations(
            {
                "rId1": ("styles", "styles.xml"),
                "rId2": ("worksheet", "worksheets/sheet1.xml"),
                "rId3": ("sharedStrings", "sharedStrings.xml"),
            }
        ),
        "xl/workbook.xml": BOOK,
        "xl/styles.xml": STYLES,
        "xl/worksheets/sheet1.xml": sheet,
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml"'
        f' ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.'
        f'openxmlformats-package.relationships+xml"/>{types}</Types>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, XML + part)
    return path


def _relations(named):
    told = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for name, (kind, target) in named.items()
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{told}</Relationships>'


def _cell(place, value, texts):
    if value is None:
        return f'<c r="{place}" s="0"/>'
    if isinstance(value, date):
        return f'<c r="{place}" s="1" t="n"><v>{(value - date(1899, 12, 30)).days}</v></c>'
    if isinstance(value, int):
        return f'<c r="{place}" s="0" t="n"><v>{value}</v></c>'
    texts.append(value)
    return f'<c r="{place}" s="0" t="s"><v>{len(texts) - 1}</v></c>'
