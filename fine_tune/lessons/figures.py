"""Figures that somebody wrote by hand: what is never learnt, since the model places slots. Pure."""

from __future__ import annotations

import re
from typing import Final

from finmodel.assistant.written_numbers import figures_in

_DIGIT: Final = re.compile(r"\d")


def has_figure(text: str) -> bool:
    """Whether somebody wrote a figure, in whatever numerals, or a placeholder of a masked one.

    >>> [has_figure(text) for text in ("请还五百元", "请还５００元", "[手机号1]", "请还{due}")]
    [True, True, True, False]
    """
    return bool(_DIGIT.search(text) or figures_in(text))
