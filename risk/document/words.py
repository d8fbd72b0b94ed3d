"""What a model document calls things in Chinese: checks, acts, signals, parts of a label rule.

Names as the platform stores them come in, words that a reviewer reads go out; a name that has no
word stays as it is. Pure.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from finmodel.gate import LATENCY, NO_OUT_OF_TIME, NOT_AVAILABLE, REPORTED, Why
from finmodel.manifest import Check

UNRECORDED: Final = "未记录"
UNAVAILABLE: Final = "不可用"
_BEIJING: Final = ZoneInfo("Asia/Shanghai")
_ITSELF: Final = " of the model itself"
_GROUP: Final = "approval ratio by "
_CARD: Final = "scorecard "
_CHECKS: Final = {
    "auc": "AUC",
    "ks": "KS",
    "gini": "Gini",
    "brier": "Brier",
    "calibration slope": "校准斜率",
    "calibration intercept": "校准截距",
    "parity with MLflow": "导出评分器与 MLflow 模型的最大概率差",
    "monotone breaks": "违反单调方向的次数",
    LATENCY: "单笔评分与贡献耗时中位数（毫秒）",
    "psi of scores": "评分 PSI（开发样本对跨期样本）",
    "bad rate swapped in over out": "换入坏账率减换出坏账率",
    "shift of probabilities": "平均概率的对数几率偏移",
}
ACTS: Final = {
    "gate": "准入评审（自动门控）",
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


def check_name(name: str) -> str:
    """A gate's check in Chinese.

    >>> check_name("auc of the model itself"), check_name("approval ratio by sex")
    ('模型自身 AUC', '按 sex 分组的最低通过率之比')
    >>> check_name("scorecard calibration slope")
    '评分卡校准斜率'
    """
    if name.startswith(_CARD):
        return f"评分卡{check_name(name.removeprefix(_CARD))}"
    if name.startswith(_GROUP):
        return f"按 {name.removeprefix(_GROUP)} 分组的最低通过率之比"
    if name.endswith(_ITSELF):
        return f"模型自身 {check_name(name.removesuffix(_ITSELF))}"
    return _CHECKS.get(name, name)


def needs(text: str) -> str:
    """A threshold in Chinese.

    >>> needs("0.9 to 1.1"), needs("reported"), needs("≥ 0.78")
    ('0.9 至 1.1', '仅报告，不设门槛', '≥ 0.78')
    """
    return "仅报告，不设门槛" if text == REPORTED else text.replace(" to ", " 至 ")


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


def conclusion(check: Check) -> str:
    """Whether a check was passed; 仅报告 of one that could stop nothing.

    >>> conclusion(Check("gini", 0.1, REPORTED, True)), conclusion(Check("ks", 0.1, "≥ 0.4", False))
    ('仅报告', '未通过')
    """
    if check.needs == REPORTED:
        return "仅报告"
    return "通过" if check.passed else "未通过"


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
