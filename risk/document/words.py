"""What a model document calls things in Chinese: acts, notes, signals, parts of a label rule.

Names as the platform stores them come in, words that a reviewer reads go out; a name that has no
word stays as it is. Pure.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from finmodel.gate import NO_OUT_OF_TIME, NOT_AVAILABLE, Why

UNRECORDED: Final = "未记录"
UNAVAILABLE: Final = "不可用"
_BEIJING: Final = ZoneInfo("Asia/Shanghai")
ACTS: Final = {
    "gate": "准入评审（自动门控）",
    "import": "导入",
    "waiver": "豁免",
    "promotion": "批准并上线",
    "rollback": "回退",
    "withdrawal": "撤下挑战者",
    "retirement": "退出",
}
OBSERVATIONS: Final = {
    "first_drawdown": "首次支用时",
    "month_end": "月末（每位客户抽取一个月）",
    "row": "每行自身的时间",
}
_THRESHOLDS: Final = {
    "psi": "评分 PSI（psi）",
    "latency_ms": "单笔耗时（latency_ms）",
    "approval_ratio": "通过率之比（approval_ratio）",
    "swap_bad_rate": "换入换出坏账率之差（swap_bad_rate）",
    "scorecard": "评分卡门槛（scorecard）",
}
_WHY: Final = {
    Why.NO_OUT_OF_TIME: "无跨期样本",
    Why.NO_CHAMPION: "尚无现行冠军模型",
    Why.OTHER_FEATURES: "冠军模型使用的特征不同",
    Why.NOBODY_IN: "没有换入的样本",
    Why.NOBODY_OUT: "没有换出的样本",
    Why.NOBODY_APPROVED: "没有任何样本通过",
    Why.NO_ATTRIBUTE: "配方未声明仅供审计的属性",
    Why.ONE_GROUP: "不足两个样本数达到 100 的组",
    Why.NOT_MEASURED: "未测量",
    Why.NO_CARD: "未随模型训练评分卡",
}
_UNASKED = re.compile(rf"(\w+)(?: by (.+))?: {NOT_AVAILABLE}, (.+)")
_SWAP = re.compile(
    r"swap set against version (\d+): (\d+) in \(bad (.+?)\), (\d+) out \(bad (.+?)\), "
    r"(\d+) by both, (\d+) by neither"
)


def note(text: str) -> str:
    """A gate's note in Chinese.

    >>> note("out-of-time: not available")
    '跨期样本（out-of-time）不可用：全部样本为同一观察时点，无跨期验证'
    >>> note("psi: not available, no out-of-time part")
    '评分 PSI（psi）不可用，未检查：无跨期样本'
    """
    if text == NO_OUT_OF_TIME:
        return f"跨期样本（out-of-time）{UNAVAILABLE}：全部样本为同一观察时点，无跨期验证"
    if unasked := _UNASKED.fullmatch(text):
        return _unasked(*unasked.groups())
    swap = _SWAP.fullmatch(text.replace(NOT_AVAILABLE, UNAVAILABLE))
    if swap is None:
        return text
    champion, count_in, bad_in, count_out, bad_out, both, neither = swap.groups()
    return (
        f"与第 {champion} 版比较的换入换出：换入 {count_in}（坏账率 {bad_in}），"
        f"换出 {count_out}（坏账率 {bad_out}），两者均通过 {both}，两者均不通过 {neither}"
    )


def _unasked(threshold: str, attribute: str | None, why: str) -> str:
    grouped = f"按 {attribute} 分组的" if attribute else ""
    reason = _WHY.get(Why(why)) if why in {one.value for one in Why} else why
    return f"{grouped}{_THRESHOLDS.get(threshold, threshold)}{UNAVAILABLE}，未检查：{reason}"


def when(time: datetime) -> str:
    """A time as Beijing tells it.

    >>> from datetime import UTC
    >>> when(datetime(2026, 3, 1, 16, tzinfo=UTC))
    '2026-03-02 00:00:00 +08:00'
    """
    return f"{time.astimezone(_BEIJING):%Y-%m-%d %H:%M:%S} +08:00"


def told(value: object) -> str:
    """A value as text; 未记录 where there is none.

    >>> told(0.78125), told(""), told(("a", "b")), told(30000)
    ('0.7812', '未记录', 'a、b', '30,000')
    """
    if value is None or value in ("", ()):
        return UNRECORDED
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) >= 0.0001 or value == 0.0 else f"{value:.1e}"
    if isinstance(value, tuple):
        return "、".join(str(one) for one in value)
    return str(value)
