"""测试 Testing and 评审 Review: what was measured, what the gate asked, and who let it pass.

Facts of a version come in, two sheets go out. Names and times are the audit log's. Pure.
"""

from __future__ import annotations

from typing import Any

import msgspec

from finmodel.audit import Entry
from finmodel.gate import NO_OUT_OF_TIME
from finmodel.manifest import Check, Verdict
from finmodel.registry import MOVES
from risk.document.development import pairs, sheet_tables
from risk.document.facts import Facts, last_gate
from risk.document.words import (
    ACTS,
    UNAVAILABLE,
    UNRECORDED,
    note,
    told,
    when,
)
from risk.gate_words import check_name, conclusion, needs
from risk.report.record import Cell, Heading, Sheet, Table

_AWAY = {
    "promotion": "（本版本被替换）",
    "rollback": "（本版本被替换）",
    "withdrawal": "（本版本被撤下）",
}
_NEVER_GATED = "门控结论：未记录（该版本从未经过门控）"


def measured(facts: Facts) -> Sheet:
    """The comparison of both scorers, every check with its threshold, proofs and groups."""
    verdict = verdict_of(facts)
    notes = [] if verdict else [_NEVER_GATED]
    if verdict:
        notes.append(f"评估样本：{verdict.sample}")
        notes += [note(one) for one in verdict.notes]
    tables = [*_comparison(facts)]
    if not tables:
        notes.append(f"LightGBM 与评分卡比较：{UNRECORDED}")
    if verdict:
        tables += [_checks(verdict), _proofs(facts, verdict)]
    if facts.groups:
        tables.append(_groups(facts))
    else:
        notes.append(f"分组检视（通过率、坏账率）：{UNRECORDED}")
    return Sheet("测试", "Testing", tuple(notes), tuple(tables))


def review(facts: Facts) -> Sheet:
    """The verdict, who approved or waived it when, and every act in order of time."""
    verdict, gate = verdict_of(facts), last_gate(facts.acts)
    concluded = UNRECORDED
    if verdict and gate is not None:
        failed = tuple(check_name(one.name) for one in verdict.checks if not one.passed)
        concluded = "通过" if gate["passed"] else f"未通过：{told(failed)}"
    rows = [
        ("门控结论", concluded),
        ("训练人", told(gate["trained_by"] if gate else facts.tags.get("trained_by"))),
        ("批准", _approvals(facts)),
        ("豁免", _waivers(facts, verdict)),
    ]
    found = "已通读审计日志全文" if facts.whole_log else "按版本标签与签名指针所指的审计条目"
    notes = (f"人员与时间取自审计日志（{found}），逐条核对校验值。",)
    return Sheet("评审", "Review", notes, (pairs("评审结论", rows), _acts(facts)))


def verdict_of(facts: Facts) -> Verdict | None:
    """The last gate's verdict as the audit log has it."""
    gate = last_gate(facts.acts)
    return None if gate is None else msgspec.convert(gate["verdict"], Verdict)


def _comparison(facts: Facts) -> tuple[Table, ...]:
    """The first table of the report's performance sheet: each figure of each scorer."""
    found = sheet_tables(facts, "模型表现")[:1]
    return tuple(
        msgspec.structs.replace(one, title=f"评分卡与 LightGBM 比较：{one.title}", charts=())
        if len(one.headings) > 2
        else msgspec.structs.replace(one, title=f"LightGBM（未训练评分卡）：{one.title}", charts=())
        for one in found
    )


def _checks(verdict: Verdict) -> Table:
    headings = (
        Heading("检查项", "Check"),
        Heading("结果", "Value"),
        Heading("门槛", "Threshold"),
        Heading("结论", "Verdict"),
    )
    rows = tuple(
        (
            check_name(one.name),
            UNAVAILABLE if one.value is None else told(one.value),
            needs(one.needs),
            conclusion(one),
        )
        for one in verdict.checks
    )
    return Table("门控各项与门槛", headings, rows)


def _proofs(facts: Facts, verdict: Verdict) -> Table:
    known = {one.name: one for one in verdict.checks}
    rows = [("一致性（parity）", _parity(facts, known)), ("单调性", _monotony(facts, known))]
    return pairs("一致性与单调性", rows)


def _parity(facts: Facts, known: dict[str, Check]) -> str:
    check = known.get("parity with MLflow")
    if check is None:
        return UNRECORDED
    rows = f"至多 {facts.recipe.gate.parity_rows:,} 行" if facts.recipe else f"行数{UNRECORDED}"
    return f"导出评分器与 MLflow 模型在{rows}上的最大概率差为 {told(check.value)}（{check.needs}）"


def _monotony(facts: Facts, known: dict[str, Check]) -> str:
    check = known.get("monotone breaks")
    if check is not None:
        return f"逐格检查，违反声明方向 {check.value:.0f} 次（{check.needs}）"
    declares_none = facts.manifest is not None and not facts.manifest.monotone
    return "未声明单调方向，不适用" if declares_none else UNRECORDED


def _groups(facts: Facts) -> Table:
    headings = (
        Heading("属性", "Attribute"),
        Heading("组", "Group"),
        Heading("样本数", "Rows", "count"),
        Heading("坏账率", "Bad rate", "percent"),
        Heading("平均违约概率", "Mean PD", "percent"),
        Heading("通过率", "Approval", "percent"),
        Heading("拒绝率", "Decline", "percent"),
        Heading("通过率之比", "Approval ratio", "number"),
        Heading("AUC", "AUC"),
    )
    rows = tuple(
        (
            one.attribute,
            one.group,
            one.rows,
            one.bad_rate,
            one.mean_pd,
            one.approval_rate,
            one.decline_rate,
            UNAVAILABLE if one.approval_ratio is None else one.approval_ratio,
            UNAVAILABLE if one.auc is None else f"{one.auc:.4f}",
        )
        for one in facts.groups or ()
    )
    return Table("分组检视", headings, rows)


def _approvals(facts: Facts) -> str:
    """Promotions of this version; the one that it made way for is another's."""
    found = [
        f"{one.body['by']} 于 {when(one.time)} 批准为 {one.body['alias']}"
        for one in facts.acts
        if one.kind == "promotion" and one.body["version"] == facts.version
    ]
    return "；".join(found) or f"{UNRECORDED}（尚未批准）"


def _waivers(facts: Facts, verdict: Verdict | None) -> str:
    found = [
        f"{one.body['approver']} 于 {when(one.time)} 豁免 {note(one.body['waived'])}。理由："
        f"{one.body['reason']}"
        for one in facts.acts
        if one.kind == "waiver"
    ]
    if found:
        return "；".join(found)
    needed = verdict is not None and NO_OUT_OF_TIME in verdict.notes
    return f"{UNRECORDED}（无跨期样本，上线前须有豁免）" if needed else "无"


def _acts(facts: Facts) -> Table:
    headings = (
        Heading("时间", "Time"),
        Heading("事项", "Act"),
        Heading("人员", "By"),
        Heading("说明", "What"),
        Heading("演示", "Demo"),
        Heading("审计条目", "Audit entry"),
    )
    return Table("审计记录", headings, tuple(_act(facts, one) for one in facts.acts))


def _act(facts: Facts, one: Entry) -> tuple[Cell, ...]:
    body = one.body
    by = body.get("by") or body.get("approver")
    demo = told(body["demo"]) if "demo" in body else UNRECORDED
    return (when(one.time), ACTS[one.kind], told(by), _what(facts, one.kind, body), demo, one.id)


def _what(facts: Facts, kind: str, body: dict[str, Any]) -> str:
    if kind == "gate":
        return "通过" if body["passed"] else "未通过"
    if kind == "import":
        return f"{body['import.format']}：{body['import.file']}，SHA-256 {body['import.sha256']}"
    if kind in MOVES:
        moved = f"{body['alias']}：{_number(body['from'])} → {_number(body['version'])}"
        away = _AWAY[kind] if body["version"] != facts.version else ""
        return f"{moved}{away}；{body['reason']}"
    return told(body.get("reason"))


def _number(version: int | None) -> str:
    return f"第 {version} 版" if version else "无"
