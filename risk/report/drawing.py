"""A chart of a report's table as SVG, drawn here: the page needs no library and no internet.

A table and what is to be drawn of it come in, markup goes out. Pure.
"""

from __future__ import annotations

from html import escape

from risk.report.record import Cell, Chart, Table

WIDE, HIGH, LEFT, TOP, RIGHT, BOTTOM = 520, 280, 52, 30, 52, 64
INK, BARS, LINES = "#1f3a5f", "#9db7d5", ("#c8553d", "#2e7d6b", "#7a6f5d")


def drawing(table: Table, chart: Chart) -> str:
    """The SVG of one chart; a table without rows has none."""
    if not table.rows:
        return ""
    parts = [f'<text x="{WIDE / 2:.0f}" y="18" class="t">{escape(chart.title)}</text>', _frame()]
    if chart.kind == "curve":
        parts += _curve(table, chart)
    else:
        parts += _along(table, chart)
    parts += _legend(table, chart)
    body = "".join(parts)
    label = escape(chart.title, quote=True)
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{label}">{body}</svg>'


def _along(table: Table, chart: Chart) -> list[str]:
    """Bars or lines, a place for each row; what stands over bars has its scale on the right."""
    count, parts = len(table.rows), []
    step = (WIDE - LEFT - RIGHT) / count
    middles = [LEFT + step * (place + 0.5) for place in range(count)]
    most = _most(table, chart.y)
    parts += _scale(most, LEFT - 6, "end")
    for number, column in enumerate(chart.y):
        values = [_number(row[column]) for row in table.rows]
        if chart.kind == "bars":
            parts += _bars(values, middles, step, most)
        else:
            parts.append(_line(values, middles, most, LINES[number % len(LINES)]))
    if chart.over:
        high = _most(table, chart.over)
        parts += _scale(high, WIDE - RIGHT + 6, "start")
        for number, column in enumerate(chart.over):
            values = [_number(row[column]) for row in table.rows]
            parts.append(_line(values, middles, high, LINES[number % len(LINES)]))
    return parts + _names(table, chart.x, middles)


def _curve(table: Table, chart: Chart) -> list[str]:
    xs = [_number(row[chart.x]) for row in table.rows]
    across = [LEFT + (WIDE - LEFT - RIGHT) * (x or 0.0) for x in xs]
    parts = _scale(1.0, LEFT - 6, "end")
    parts.append(_line([0.0, 1.0], [LEFT, WIDE - RIGHT], 1.0, "#bbbbbb"))
    for number, column in enumerate(chart.y):
        values = [_number(row[column]) for row in table.rows]
        parts.append(_line(values, across, 1.0, LINES[number % len(LINES)]))
    return parts


def _bars(values: list[float | None], middles: list[float], step: float, most: float) -> list[str]:
    return [
        f'<rect x="{x - step * 0.36:.1f}" y="{_height(value, most):.1f}" width="{step * 0.72:.1f}"'
        f' height="{HIGH - BOTTOM - _height(value, most):.1f}" fill="{BARS}"/>'
        for value, x in zip(values, middles, strict=True)
        if value is not None
    ]


def _line(values: list[float | None], xs: list[float], most: float, colour: str) -> str:
    points = " ".join(
        f"{x:.1f},{_height(value, most):.1f}"
        for value, x in zip(values, xs, strict=True)
        if value is not None
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _names(table: Table, x: int, middles: list[float]) -> list[str]:
    every = max(1, len(middles) // 11 + (len(middles) > 11))
    parts = []
    for place in range(0, len(middles), every):
        cell, across, down = table.rows[place][x], middles[place], HIGH - BOTTOM + 14
        name = f"{cell:.0%}" if isinstance(cell, float) else str(cell)
        short = name if len(name) <= 14 else name[:13] + "…"
        turned = f"rotate(-24 {across:.0f} {down})"
        parts.append(
            f'<text x="{across:.0f}" y="{down}" transform="{turned}" class="n">'
            f"{escape(short)}<title>{escape(name)}</title></text>"
        )
    return parts


def _scale(most: float, x: float, anchor: str) -> list[str]:
    return [
        f'<text x="{x:.0f}" y="{_height(most * part, most) + 4:.1f}" text-anchor="{anchor}">'
        f"{most * part:.0%}</text>"
        for part in (0.0, 0.5, 1.0)
    ]


def _legend(table: Table, chart: Chart) -> list[str]:
    shown = [(column, BARS) for column in chart.y] if chart.kind == "bars" else []
    lines = chart.over if chart.kind == "bars" else chart.y
    shown += [(column, LINES[number % len(LINES)]) for number, column in enumerate(lines)]
    width = (WIDE - LEFT - RIGHT) / len(shown)
    return [
        f'<rect x="{LEFT + width * place:.0f}" y="{HIGH - 16}" width="10" height="10"'
        f' fill="{colour}"/><text x="{LEFT + width * place + 14:.0f}" y="{HIGH - 7}">'
        f"{escape(table.headings[column].both.strip())}</text>"
        for place, (column, colour) in enumerate(shown)
    ]


def _frame() -> str:
    low, right = HIGH - BOTTOM, WIDE - RIGHT
    return f'<path d="M{LEFT} {TOP}V{low}H{right}" fill="none" stroke="#999"/>'


def _height(value: float | None, most: float) -> float:
    return HIGH - BOTTOM - (HIGH - BOTTOM - TOP) * (value or 0.0) / most


def _most(table: Table, columns: tuple[int, ...]) -> float:
    """The top of a scale: the greatest value, or 1 where there is none above 0."""
    seen = [_number(row[column]) or 0.0 for row in table.rows for column in columns]
    return max(seen) or 1.0


def _number(cell: Cell) -> float | None:
    return None if cell is None or isinstance(cell, str) else float(cell)
