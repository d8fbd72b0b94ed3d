"""How far one text is from another, in edits: what an agent would have to type. Pure."""

from __future__ import annotations

import numpy as np


def distance(first: str, second: str) -> float:
    """Levenshtein's distance over the longer one's length; 0 where both are empty.

    >>> distance("本期应还", "本期应缴")
    0.25
    """
    if not first and not second:
        return 0.0
    if len(first) > len(second):  # each sign of the first is a turn of the loop
        first, second = second, first
    row = np.arange(len(second) + 1)
    target = np.array(list(second), "U1")
    for place, sign in enumerate(first, start=1):
        changed = row[:-1] + (target != sign) if len(second) else row[:0]
        best = np.minimum(changed, row[1:] + 1)
        # What is inserted: each cell at most one more than the cell before it.
        line = np.concatenate([[place], best]) - np.arange(len(second) + 1)
        row = np.minimum.accumulate(line) + np.arange(len(second) + 1)
    return float(row[-1]) / max(len(first), len(second))


def saved(offered: str, sent: str) -> float:
    """What part of a text that was sent another spares: 1 − edits over its length.

    0 where to mend it is more than to write it: nobody would choose it.

    >>> saved("本期应缴", "本期应还"), saved("您好吗", "请"), saved("您好", "")
    (0.75, 0.0, 0.0)
    """
    if not sent:
        return 0.0
    edits = distance(offered, sent) * max(len(offered), len(sent))
    return max(0.0, 1.0 - edits / len(sent))
