"""The model document in the five stages that a Chinese regulator asks for, out of stored facts.

Facts of a version come in; sheets of notes and tables go out: 开发 测试 评审 监测 退出, as
银保监会令2020年第9号《商业银行互联网贷款管理暂行办法》 names them. What is not known says 未记录 or
不可用. Pure.
"""

from __future__ import annotations

from typing import Final

from risk.document.development import development
from risk.document.facts import Facts
from risk.document.running import monitoring, retirement
from risk.document.testing import measured, review
from risk.document.words import when
from risk.report.record import Report

REGULATION: Final = "《商业银行互联网贷款管理暂行办法》（银保监会令2020年第9号）"
HEADING: Final = ("模型文档", "Model document")


def document_of(facts: Facts, no_light: str = "") -> Report:
    """The document: one sheet for each stage; `no_light` says why monitoring could not answer."""
    return Report(
        name=facts.name,
        sheets=(
            development(facts),
            measured(facts),
            review(facts),
            monitoring(facts, no_light),
            retirement(facts),
        ),
    )


def title_of(facts: Facts) -> str:
    """Name, version, and when the document was made."""
    return f"{facts.name} v{facts.version} · 生成于 {when(facts.now)} · {REGULATION}"
