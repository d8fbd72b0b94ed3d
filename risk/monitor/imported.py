"""What a monitor lacks of imported decisions, in a sentence.

A scan and the model's features come in, the sentence in Chinese and English goes out. Panels that
need what was not brought say so where they stand; here it is said once, of all. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from risk.monitor.scan import Scanned

NAMED: Final = 5
"""So many features are named; the others are counted."""


def lacking(scanned: Scanned, features: Sequence[str]) -> tuple[str, str]:
    """What cannot be computed of the imported decisions, in Chinese and English; '' of none."""
    if not scanned.imported:
        return "", ""
    zh = [f"其中 {scanned.imported:,} 笔为导入的历史决策"]
    en = [f"{scanned.imported:,} of them were imported"]
    bare = int(np.isnan(scanned.decisions.probability).sum())
    if bare:
        zh.append(f"{bare:,} 笔未带来违约概率，不计入校准，所在各期无预估")
        en.append(f"{bare:,} came without a probability: not in the calibration, and no estimate "
                  "of their periods")  # fmt: skip
    absent = [name for name in features if name not in scanned.brought]
    if absent or not features:
        named = ", ".join(absent[:NAMED]) + (" …" if len(absent) > NAMED else "")
        zh.append(f"未带来 {len(absent)} 个变量（{named}）" if absent else "未带来任何变量")
        en.append(f"{len(absent)} features were not brought ({named})" if absent
                  else "no feature was brought")  # fmt: skip
    zh.append("特征年龄、贡献、评分重算与挑战者只看本平台的决策")
    en.append("ages of features, contributions, scores computed again and the challenger are of "
              "this platform's own decisions")  # fmt: skip
    return "；".join(zh), "; ".join(en)
