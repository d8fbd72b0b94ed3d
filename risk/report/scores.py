"""Tables of scores against outcomes: bands with lift and capture, and the curves of KS and ROC.

Labels and scores come in, tables of a report go out. Knows no model.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from finmodel.records import Float64s
from risk.report.record import Cell, Chart, Heading, Table

BANDS, STEPS = 10, 50


def score_bands(
    who: str, labels: Float64s, points: Float64s, aside: Float64s | None = None
) -> Table:
    """Rows by bands of points, the riskiest first; edges are the tenths, as whole points.

    Where all scores are equal there is one band. `aside` are the points of the indeterminate: they
    are counted beside the others, and in no share and no rate.
    """
    edges = band_edges(points)
    order = np.searchsorted(edges, points, side="right")
    count = np.bincount(order, minlength=len(edges) + 1)
    bads = np.bincount(order, weights=labels, minlength=len(edges) + 1)
    beside = None
    if aside is not None:
        beside = np.bincount(np.searchsorted(edges, aside, side="right"), minlength=len(edges) + 1)
    rows: list[tuple[Cell, ...]] = []
    names = _names(edges)
    total, rate = len(points), float(labels.mean())
    seen = np.cumsum(bads) / bads.sum()
    goods = np.cumsum(count - bads) / (count - bads).sum()
    for place, name in enumerate(names):
        if not count[place]:
            continue
        here = float(bads[place] / count[place])
        rows.append(
            (
                name,
                int(count[place]),
                float(count[place] / total),
                int(bads[place]),
                here,
                here / rate,
                float(seen[place]),
                float(goods[place]),
                float(seen[place] - goods[place]),
                *(() if beside is None else (int(beside[place]),)),
            )
        )
    headings = (
        Heading("分数段", "Band"),
        Heading("样本数", "Rows", "count"),
        Heading("占比", "Share", "percent"),
        Heading("坏", "Bad", "count"),
        Heading("坏账率", "Bad rate", "percent"),
        Heading("提升度", "Lift", "points"),
        Heading("累计坏占比", "Bads so far", "percent"),
        Heading("累计好占比", "Goods so far", "percent"),
        Heading("KS", "", "percent"),
        *(() if beside is None else (Heading("不确定", "Indeterminate", "count"),)),
    )
    chart = Chart("bars", f"{who} 评分分布 Score bands", 0, (2,), (4,))
    return Table(f"{who} 评分分布 Score bands", headings, tuple(rows), (chart,))


def band_edges(points: Float64s) -> Float64s:
    """Inner edges of at most ten bands of about one size, as whole points.

    >>> band_edges(np.arange(500.0, 600.0))[:3].tolist(), band_edges(np.full(9, 555.0)).tolist()
    ([510.0, 520.0, 530.0], [])
    """
    tenths = np.unique(np.rint(np.quantile(points, np.linspace(0, 1, BANDS + 1)[1:-1])))
    inner: Float64s = tenths[(tenths > points.min()) & (tenths <= points.max())]
    return inner


def curve(who: str, labels: Float64s, log_odds: Float64s) -> Table:
    """Shares of bads and goods among the riskiest rows: the KS curve, and with it the ROC curve."""
    order = np.argsort(-log_odds, kind="stable")
    bad = labels[order]
    bads = np.append(0.0, np.cumsum(bad) / bad.sum())
    goods = np.append(0.0, np.cumsum(1 - bad) / (1 - bad).sum())
    places = np.unique(np.linspace(0, len(bad), STEPS + 1).astype(np.int64))
    rows = tuple(
        (
            float(place / len(bad)),
            float(bads[place]),
            float(goods[place]),
            float(bads[place] - goods[place]),
        )
        for place in places
    )
    headings = (
        Heading("最差人群占比", "Riskiest share", "percent"),
        Heading("累计坏占比", "Bads", "percent"),
        Heading("累计好占比", "Goods", "percent"),
        Heading("差", "Difference", "percent"),
    )
    charts = (
        Chart("lines", f"{who} KS 曲线 KS curve", 0, (1, 2, 3)),
        Chart("curve", f"{who} ROC 曲线 ROC curve", 2, (1,)),
    )
    return Table(f"{who} KS 与 ROC 曲线 Curves", headings, rows, charts)


def _names(edges: Float64s) -> list[str]:
    if not len(edges):
        return ["全部 all"]
    inner = [f"[{a:g}, {b:g})" for a, b in pairwise(edges)]
    return [f"< {edges[0]:g}", *inner, f"≥ {edges[-1]:g}"]
