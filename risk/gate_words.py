"""What the gate says, in Chinese: its checks, thresholds and conclusions.

Names as a verdict stores them come in, words that a reviewer reads go out; a name that has no word
stays as it is. Pure.
"""

from __future__ import annotations

from typing import Final

from finmodel.gate import LATENCY, REPORTED
from finmodel.manifest import Check

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


def conclusion(check: Check) -> str:
    """Whether a check was passed; 仅报告 of one that could stop nothing.

    >>> conclusion(Check("gini", 0.1, REPORTED, True)), conclusion(Check("ks", 0.1, "≥ 0.4", False))
    ('仅报告', '未通过')
    """
    if check.needs == REPORTED:
        return "仅报告"
    return "通过" if check.passed else "未通过"
