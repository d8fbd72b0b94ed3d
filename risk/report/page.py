"""A report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

A report comes in, the page's text goes out, the same tables as the workbook's. Pure.
"""

from __future__ import annotations

from html import escape

from risk.report.drawing import drawing
from risk.report.record import Cell, Form, Report, Sheet, Table

LONG = 40
"""A table of more rows is folded away until it is asked for."""
STYLE = """
:root{color-scheme:light;--ink:#1f3a5f;--line:#d5dde7}
body{font:14px/1.6 "Noto Sans CJK SC","Microsoft YaHei","PingFang SC",system-ui,sans-serif;
color:#222;max-width:1180px;margin:0 auto;padding:24px}
h1,h2,h3{color:var(--ink);line-height:1.3}h2{border-bottom:2px solid var(--ink);margin-top:48px}
h2 small,h1 small{font-weight:400;color:#667;font-size:.6em}
nav{display:flex;flex-wrap:wrap;gap:4px 16px}a{color:var(--ink)}p{margin:4px 0;color:#555}
.table{overflow-x:auto}
table{border-collapse:collapse;margin:8px 0;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{background:#e8eef5}.l{text-align:left}.charts{display:flex;flex-wrap:wrap;gap:16px}
svg{width:520px;max-width:100%;font-size:11px;fill:#444}.t{font-size:13px;text-anchor:middle;
font-weight:600}.n{text-anchor:end;font-size:10px}pre{background:#f5f7fa;padding:12px;
overflow-x:auto;font:12px/1.5 Consolas,Menlo,monospace}
@media print{nav{display:none}h2{break-before:page}table,svg{break-inside:avoid}}
"""


def page(
    report: Report,
    title: str,
    heading: tuple[str, str] = ("模型报告", "Model report"),
    style: str = STYLE,
) -> str:
    """The page; `title` names the model and its version, `heading` what it is of them."""
    links = "".join(f'<a href="#{escape(one.zh)}">{escape(one.zh)}</a>' for one in report.sheets)
    sections = "".join(_section(sheet) for sheet in report.sheets)
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f"<h1>{heading[0]} <small>{heading[1]}</small> · {escape(title)}</h1>"
        f"<nav>{links}</nav>{sections}</body></html>\n"
    )


def cell_text(cell: Cell, form: Form) -> str:
    """A cell as people read it; nothing where there is nothing.

    >>> cell_text(0.1234, "percent"), cell_text(30000, "count"), cell_text(None, "number")
    ('12.34%', '30,000', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    forms = {"count": ",.0f", "number": ".4f", "percent": ".2%", "points": ".2f", "small": ".1e"}
    return format(cell, forms.get(form, ""))


def _section(sheet: Sheet) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in sheet.notes)
    tables = "".join(_table(table) for table in sheet.tables)
    code = f"<pre>{escape(sheet.text)}</pre>" if sheet.text else ""
    return (
        f'<section id="{escape(sheet.zh)}"><h2>{escape(sheet.zh)} <small>{escape(sheet.en)}'
        f"</small></h2>{notes}{tables}{code}</section>"
    )


def _table(table: Table) -> str:
    heads = "".join(
        f"<th{_side(heading.form)}>{escape(heading.both.strip())}</th>"
        for heading in table.headings
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_side(heading.form)}>{escape(cell_text(cell, heading.form))}</td>"
            for cell, heading in zip(row, table.headings, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    charts = "".join(drawing(table, chart) for chart in table.charts)
    pictures = f'<div class="charts">{charts}</div>' if charts else ""
    body = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    shown = f'<div class="table">{body}</div>'
    if len(table.rows) > LONG:
        shown = f"<details><summary>{len(table.rows)} 行 rows</summary>{shown}</details>"
    return f"<h3>{escape(table.title)}</h3>{pictures}{shown}"


def _side(form: Form) -> str:
    return ' class="l"' if form == "text" else ""
