"""监测 Monitoring and 退出 Retirement: how the model is watched, what was seen, and how it ends.

Facts of a version come in, two sheets go out. The plan is what the platform's light looks at; who
looks, and how often, is stored nowhere and says 未记录. Pure.
"""

from __future__ import annotations

from finmodel.clock import parse_time
from finmodel.drift import FEWEST, SHIFTED
from risk.document.development import pairs
from risk.document.facts import Facts
from risk.document.words import UNAVAILABLE, UNRECORDED, told, when
from risk.monitor.light import (
    CHANCE,
    GREAT_AUC,
    GREAT_MEAN,
    GREAT_RATIO,
    LEAST_AUC,
    LEAST_MEAN,
    LEAST_PSI,
    LEAST_RATIO,
)
from risk.monitor.panels import Header
from risk.monitor.sheets import STATUSES
from risk.report.record import Heading, Sheet, Table

_ALIASES = {"champion": "冠军（champion）", "challenger": "挑战者（challenger）"}


def monitoring(facts: Facts, no_light: str = "") -> Sheet:
    """The plan, the light if it was ever asked for, and the alerts on this version."""
    notes = [f"监测负责人：{_owners(facts)}", f"监测频率：{UNRECORDED}", _reference(facts)]
    tables = [_plan()]
    if no_light:
        notes.append(f"本次红绿灯：{UNAVAILABLE}（{no_light}）")
    if facts.light is not None:
        light = facts.light.light
        notes.append(f"最近一次红绿灯：{STATUSES[light.colour]}，{light.zh}")
        tables += [_window(facts.light), _signals(facts.light)]
    else:
        notes.append(f"最近一次红绿灯：{UNRECORDED}（finmodel document --light 可计算）")
    if facts.alerts:
        tables.append(_alerts(facts))
    else:
        notes.append("预警：无记录")
    return Sheet("监测", "Monitoring", tuple(notes), tuple(tables))


def retirement(facts: Facts) -> Sheet:
    """Whether it is served, and how, when, why and by whom it was ended."""
    served = "、".join(_ALIASES.get(one, one) for one in facts.served_as)
    retired = facts.retired
    rows = [
        ("当前服务", served or "未在服务"),
        ("状态", "已退出" if retired else "未退出"),
        ("退出条件", UNRECORDED),
        ("可回放的导出", "已保留" if facts.exported else "无（从未导出或已移走）"),
    ]
    if retired is not None:
        rows += [
            ("退出时间", when(parse_time(retired.at))),
            ("退出人", retired.by),
            ("退出理由", retired.reason),
            ("审计条目", retired.audit_entry),
        ]
    return Sheet("退出", "Retirement", (), (pairs("退出", rows),))


def _owners(facts: Facts) -> str:
    owners = tuple(dict.fromkeys(one.owner for one in facts.alerts if one.owner))
    return f"{UNRECORDED}；预警负责人 {told(owners)}" if owners else UNRECORDED


def _reference(facts: Facts) -> str:
    if facts.has_reference:
        return "比较基准：训练时保存的开发样本分布（reference.json）"
    return f"比较基准：开发样本分布{UNRECORDED}，监测以首批决策代替"


def _plan() -> Table:
    headings = (
        Heading("信号", "Signal"),
        Heading("比较", "Compares"),
        Heading("黄灯", "Amber"),
        Heading("红灯", "Red"),
    )
    rows = (
        ("psi", "评分分布与开发样本", f"超出噪声且 ≥ {LEAST_PSI:g}", f"≥ {SHIFTED:g}"),
        ("mean", "平均分与开发样本（标准差）", f"≥ {LEAST_MEAN:g}", f"≥ {GREAT_MEAN:g}"),
        ("csi", "变动最大的变量（Bonferroni）", f"超出噪声且 ≥ {LEAST_PSI:g}", "不单独亮红灯"),
        ("auc", "成熟样本 AUC 的下降", f"≥ {LEAST_AUC:g}", f"≥ {GREAT_AUC:g}"),
        ("calibration", "实际坏账与预测之比", f"{LEAST_RATIO:g} 倍", f"{GREAT_RATIO:g} 倍"),
        ("scores", "线上分数与重算分数", "—", "任何差异"),
    )
    title = f"监测计划：finmodel monitor；偶然亮灯概率每项 {CHANCE:.2%}，少于 {FEWEST} 笔为灰灯"
    return Table(title, headings, rows)


def _window(header: Header) -> Table:
    rows = [
        ("窗口", f"{when(parse_time(header.start))} 至 {when(parse_time(header.end))}"),
        ("决策数", told(header.n)),
        ("表现期与坏的定义", f"{header.window_days} 天，逾期 ≥ {header.bad_dpd} 天"),
        ("已成熟", told(header.matured)),
        ("其中坏", told(header.bads)),
        ("比较基准", header.reference),
    ]
    return pairs("最近一次监测", rows)


def _signals(header: Header) -> Table:
    headings = (
        Heading("信号", "Signal"),
        Heading("灯", "Colour"),
        Heading("样本数", "n", "count"),
        Heading("数值", "Value"),
        Heading("界限", "Limit"),
        Heading("说明", "What"),
    )
    rows = tuple(
        (one.name, STATUSES[one.colour], one.n, _figure(one.value), _figure(one.limit), one.zh)
        for one in header.light.signals
    )
    return Table("红绿灯各项", headings, rows)


def _figure(value: float | None) -> str:
    return UNAVAILABLE if value is None else told(float(value))


def _alerts(facts: Facts) -> Table:
    headings = (
        Heading("时间", "Raised"),
        Heading("信号", "Signal"),
        Heading("灯", "Colour"),
        Heading("说明", "What"),
        Heading("负责人", "Owner"),
        Heading("确认", "Acknowledged"),
        Heading("处理意见", "Note"),
    )
    rows = tuple(
        (
            when(parse_time(one.raised_at)),
            one.signal,
            STATUSES[one.colour],
            one.zh,
            told(one.owner),
            "；".join(f"{said.by} 于 {when(parse_time(said.at))}" for said in one.acknowledgements)
            or "尚未确认",
            told("；".join(said.note for said in one.acknowledgements)),
        )
        for one in facts.alerts
    )
    return Table("预警", headings, rows)
