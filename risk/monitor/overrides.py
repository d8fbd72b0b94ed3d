"""What people said of cases against what the score said, and what became of those they approved.

Decisions' places and labels, and people's last verdicts, come in; rates by side and counts by code
go out. A verdict on a decision of another model, version, segment or window is left out. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from finmodel.certainty import rate_of, wilson
from finmodel.drift import FEWEST
from finmodel.outcomes import UNKNOWN
from finmodel.records import Int64s
from risk.monitor.panels import CodeRow, Note, OverrideRow, Overrides, VerdictSide
from risk.underwriting.codes import BY_CODE, Says, Verdict, side_of

SIDES: Final[tuple[VerdictSide, ...]] = (
    "high_side",
    "low_side",
    "with_score",
    "between",
    "unscored",
)


class Judged(NamedTuple):
    """A person's last verdict on a decision."""

    place: int
    """Segment × 2³² + offset: where the decision lies in the log."""
    verdict: Verdict
    says: Says
    code: str

    @property
    def side(self) -> VerdictSide:
        """Which row it is of."""
        overrides = side_of(self.says, self.verdict)
        if overrides:
            return "high_side" if overrides == "high" else "low_side"
        if self.says == "refer":
            return "between"
        return "with_score" if self.says else "unscored"


def overrides(place: Int64s, label: npt.NDArray[np.int8], judged: Sequence[Judged]) -> Overrides:
    """The panel of these decisions: (n,) places as `Decisions.place`, labels as `Followed.label`.

    Imported decisions stand first, in the order of their loads; nobody judges them here.
    """
    imported = int(np.count_nonzero(place < 0))
    place, label = place[imported:], label[imported:]
    row = np.searchsorted(place, np.array([one.place for one in judged], np.int64))
    row = row.clip(max=max(len(place) - 1, 0))
    pairs = [
        (one, int(label[at]))
        for one, at in zip(judged, row.tolist(), strict=True)
        if len(place) and place[at] == one.place
    ]
    return Overrides(
        judged=len(pairs),
        rows=tuple(_row(side, pairs) for side in SIDES) if pairs else (),
        codes=_codes([one for one, _ in pairs]),
    )


def _row(side: VerdictSide, pairs: Sequence[tuple[Judged, int]]) -> OverrideRow:
    mine = [(one, label) for one, label in pairs if one.side == side]
    of = sum(_could_be(side, one.says) for one, _ in pairs)
    # Who was declined has no loan to go bad: an outcome that is known all the same tells of one.
    followed = [label for one, label in mine if side == "high_side" or one.verdict == "approve"]
    matured = [label for label in followed if label != UNKNOWN]
    bads, enough = sum(matured), len(matured) >= FEWEST
    low, high = wilson(bads, len(matured)) if enough else (None, None)
    return OverrideRow(
        side=side,
        n=len(mine),
        approved=sum(one.verdict == "approve" for one, _ in mine),
        of=of,
        rate=rate_of(len(mine), of, FEWEST),
        matured=len(matured),
        bads=bads,
        bad_rate=rate_of(bads, len(matured), FEWEST),
        low=low,
        high=high,
        note=_note(len(followed), len(matured)),
    )


def _could_be(side: VerdictSide, says: Says) -> bool:
    """Whether a verdict on a case of which the score says this may be of a side."""
    if side == "high_side":
        return says == "approve"
    if side == "low_side":
        return says == "decline"
    return True


def _note(followed: int, matured: int) -> Note:
    if matured >= FEWEST or not followed:
        return ""
    return "too_few" if matured else "not_mature"


def _codes(judged: Sequence[Judged]) -> tuple[CodeRow, ...]:
    counted = Counter((one.code, one.verdict) for one in judged)
    against = Counter(one.code for one in judged if side_of(one.says, one.verdict))
    ranked = sorted(counted.items(), key=lambda told: (-told[1], told[0]))
    return tuple(
        CodeRow(code, verdict, n, against[code], *_sentences(code)) for (code, verdict), n in ranked
    )


def _sentences(code: str) -> tuple[str, str]:
    known = BY_CODE.get(code)
    return (
        (known.zh, known.en) if known else ("模型或规则的原因", "a reason of the model or a rule")
    )
