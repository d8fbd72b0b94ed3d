"""开发 Development: what the model is made of, as its recipe, manifest and report keep it.

Facts of a version come in, one sheet goes out. What is not known says 未记录. Pure.
"""

from __future__ import annotations

from hashlib import sha256

from risk.document.facts import Facts
from risk.document.words import OBSERVATIONS, UNAVAILABLE, UNRECORDED, told
from risk.labels.rule import LabelRule
from risk.recipe import Recipe, Source
from risk.report.record import Heading, Sheet, Table

Pairs = list[tuple[str, str]]


def pairs(title: str, rows: Pairs) -> Table:
    """A table of what and its content."""
    return Table(title, (Heading("项目", "Item"), Heading("内容", "Content")), tuple(rows))


def sheet_tables(facts: Facts, zh: str) -> tuple[Table, ...]:
    """Tables of one sheet of the report that was kept with the version."""
    sheets = facts.report.sheets if facts.report else ()
    return next((one.tables for one in sheets if one.zh == zh), ())


def development(facts: Facts) -> Sheet:
    """Identity, data, label, samples, features and the recipe as it was written."""
    notes, tables = [], [_identity(facts), _data(facts), _label(facts)]
    samples = sheet_tables(facts, "样本概况")[:1]
    tables += samples
    if not samples:
        notes.append(f"样本概况：{UNRECORDED}")
    if facts.cohorts:
        tables.append(_cohorts(facts))
    else:
        notes.append(f"按月批次（cohort）：{UNRECORDED}")
    tables.append(_method(facts))
    if facts.manifest is not None:
        tables.append(_features(facts))
    if not facts.recipe_text:
        notes.append(f"配方：{UNRECORDED}")
    elif facts.recipe is None:
        notes.append(f"配方解读{UNAVAILABLE}：本程序已不能读取该配方，原文见下")
    return Sheet("开发", "Development", tuple(notes), tuple(tables), facts.recipe_text)


def _identity(facts: Facts) -> Table:
    manifest, tags = facts.manifest, facts.tags
    demo = manifest.demo if manifest else tags.get("demo") == "true"
    rows = [
        ("模型", facts.name),
        ("版本", str(facts.version)),
        ("评分卡类型", told(manifest.card if manifest else tags.get("card"))),
        ("决策点", told(manifest.decision_point if manifest else tags.get("decision_point"))),
        ("训练人", told(manifest.trained_by if manifest else tags.get("trained_by"))),
        ("MLflow 运行", told(facts.run_id)),
        ("LightGBM 版本", told(manifest.lightgbm_version if manifest else tags.get("lightgbm"))),
        ("模型文件 SHA-256", told(manifest.digests.model if manifest else None)),
        ("评分卡 SHA-256", told(manifest.card_sha256 if manifest else None)),
        ("演示数据", "是，不得用于真实客户" if demo else "否"),
    ]
    if "import.format" in tags:
        brought = f"{tags['import.format']}：{tags['import.file']}"
        rows += [("导入自", brought), ("导入文件 SHA-256", told(tags.get("import.sha256")))]
        rows += [("文件中的 WOE", tags["import.woe"])] if "import.woe" in tags else []
    return pairs("模型", rows)


def _data(facts: Facts) -> Table:
    manifest, recipe = facts.manifest, facts.recipe
    service = manifest.service if manifest else facts.tags.get("feast.feature_service", "")
    if not service and recipe is not None and recipe.source.table is not None:
        service = "无：直接取自数据表"
    rows = [
        ("数据来源", _source(recipe.source) if recipe else UNRECORDED),
        ("特征服务", told(service)),
        ("数据 SHA-256", told(manifest.data_hash if manifest else facts.tags.get("data_hash"))),
        ("特征数", told(len(manifest.features) if manifest else None)),
        ("特征口径 SHA-256", told(manifest.digests.schema if manifest else None)),
        ("仅用于公平性检视、不得入模的列", _audit_only(recipe)),
    ]
    return pairs("数据与特征", rows)


def _audit_only(recipe: Recipe | None) -> str:
    if recipe is None:
        return UNRECORDED
    return told(recipe.audit_only) if recipe.audit_only else "无"


def _source(source: Source) -> str:
    if source.table is not None:
        return f"数据表 {source.table.path}"
    if source.lender is not None:
        one = source.lender
        return f"模拟机构：{one.customers:,} 位客户，{one.start} 起 {one.days} 天，种子 {one.seed}"
    return f"样本清单 {source.spine if isinstance(source.spine, str) else told(_path(source))}"


def _path(source: Source) -> str | None:
    return None if source.spine is None or isinstance(source.spine, str) else source.spine.path


def _label(facts: Facts) -> Table:
    recipe = facts.recipe
    if recipe is None:
        named = facts.manifest.label if facts.manifest else None
        return pairs("标签", [("坏的定义", told(named))])
    rule = recipe.label
    if not isinstance(rule, LabelRule):
        return pairs(
            "标签", [("坏的定义", f"数据列 {rule}，1 为坏"), ("观察点与表现期", UNRECORDED)]
        )
    first, last = rule.cohorts.first, rule.cohorts.last
    rows = [
        ("观察点", OBSERVATIONS[rule.observation]),
        ("表现期", f"{rule.window} 个月"),
        ("坏的定义", rule.bad),
        ("不确定样本（不参与训练）", rule.indeterminate or "无"),
        ("剔除", told(rule.exclude) if rule.exclude else "无"),
        ("批次", f"{first or '最早'} 至 {last or '最晚'}"),
        ("时区", rule.calendar),
    ]
    return pairs("标签", rows)


def _cohorts(facts: Facts) -> Table:
    headings = (
        Heading("批次", "Cohort"),
        Heading("观察", "Observed", "count"),
        Heading("好", "Good", "count"),
        Heading("坏", "Bad", "count"),
        Heading("不确定", "Indeterminate", "count"),
        Heading("剔除", "Excluded", "count"),
        Heading("未成熟", "Not mature", "count"),
        Heading("坏账率", "Bad rate"),
    )
    rows = tuple(
        (
            one.cohort,
            one.observed,
            one.good,
            one.bad,
            one.indeterminate,
            one.excluded,
            one.not_mature,
            UNAVAILABLE if one.bad_rate is None else f"{one.bad_rate:.2%}",
        )
        for one in facts.cohorts or ()
    )
    return Table("按月批次", headings, rows)


def _method(facts: Facts) -> Table:
    recipe, manifest = facts.recipe, facts.manifest
    rows: Pairs = [
        ("算法", "LightGBM 梯度提升树" + ("；另训练 WOE 评分卡" if _has_card(recipe) else "")),
        ("配方 SHA-256", _digest(facts.recipe_text)),
        ("单调约束", _monotone(facts)),
    ]
    if manifest is not None:
        one, scale, policy = manifest.calibration, manifest.scaling, manifest.policy
        rows.append(("校准", f"{one.method}：斜率 {one.slope:g}，截距 {one.intercept:g}"))
        if policy is not None:  # a marketing model has neither points nor cut-offs
            points = f"好坏比 {scale.base_odds:g}:1 为 {scale.base_points:g} 分，PDO {scale.pdo:g}"
            cuts = f"{policy.approve_points:g} 分及以上通过，{policy.refer_points:g} 分及以上转人工"
            rows += [("分数刻度", points), ("切点", f"{cuts}，以下拒绝")]
    return pairs("方法", rows)


def _has_card(recipe: Recipe | None) -> bool:
    return recipe is not None and recipe.scorecard is not None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest() if text else UNRECORDED


def _monotone(facts: Facts) -> str:
    if facts.manifest is None:
        return UNRECORDED
    signs = {1: "越大风险越高", -1: "越大风险越低"}
    told_of = [f"{name}（{signs[sign]}）" for name, sign in facts.manifest.monotone.items()]
    return "、".join(told_of) or "未声明"


def _features(facts: Facts) -> Table:
    headings = (
        Heading("原因码", "Code"),
        Heading("说明", "Reason"),
        Heading("特征数", "Features", "count"),
        Heading("特征", "Names"),
    )
    reasons = facts.manifest.reasons if facts.manifest else ()
    rows = tuple((one.code, one.zh, len(one.features), told(one.features)) for one in reasons)
    return Table("入模特征（按原因码）", headings, rows)
