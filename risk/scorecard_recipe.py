"""What a recipe says of its scorecard: bins, edits by hand, and what a variable must hold.

Plain frozen records; knows no data. Whether the variables exist is seen when the data are read.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np


class ScorecardSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the scorecard is made; every key has a default."""

    max_bins: int = 6
    """Bins of ordinary values at most; special and missing values have theirs besides."""
    min_bin_share: float = 0.05
    """Least share of all rows in a bin of ordinary values."""
    special_values: dict[str, tuple[float, ...]] = {}
    """Numbers with bins of their own, by variable; under `all`, in every numeric one."""
    cuts: dict[str, tuple[float, ...]] = {}
    """Bins by hand: the numbers at which a new bin begins; `[]` for one bin."""
    groups: dict[str, tuple[tuple[str, ...], ...]] = {}
    """Bins by hand of a categorical: lists of categories."""
    exclude: dict[str, str] = {}
    """Variables left out, each with the reason that the report gives."""
    missing_max: float = 0.95
    mode_max: float = 0.95
    """Largest share of one value."""
    iv_min: float = 0.02
    psi_max: float = 0.25
    """Of the variable's bins, from the training part to the validation part."""
    correlation_max: float = 0.7
    """Of two variables' WOE; the one with less IV goes."""
    p_max: float = 0.05
    vif_max: float = 10.0
    decimals: int = 2
    """Of the points."""

    def __post_init__(self) -> None:
        if not 2 <= self.max_bins <= 20:
            raise ValueError("max_bins must be between 2 and 20")
        if not 0.0 < self.min_bin_share <= 0.5:
            raise ValueError("min_bin_share must be above 0 and at most 0.5")
        if not 0 <= self.decimals <= 6:
            raise ValueError("decimals must be between 0 and 6")
        _require_bins(self)

    def specials_of(self, name: str) -> tuple[float, ...]:
        """Special values of one numeric variable.

        >>> spec = ScorecardSpec(special_values={"all": (-9999.0,), "income": (-1.0,)})
        >>> spec.specials_of("income")
        (-9999.0, -1.0)
        """
        both = self.special_values.get("all", ()) + self.special_values.get(name, ())
        return tuple(dict.fromkeys(both))


def _require_bins(spec: ScorecardSpec) -> None:
    for name, cuts in spec.cuts.items():
        if any(np.float32(later) <= np.float32(earlier) for earlier, later in pairwise(cuts)):
            raise ValueError(f"cuts of {name} must ascend, each once (as single precision)")
    for name in spec.special_values:
        special = spec.specials_of(name)
        if len({np.float32(value) for value in special}) < len(special):
            told = ", ".join(f"{value:.17g}" for value in special)
            raise ValueError(f"special_values of {name}: two of {told} are one in single precision")
    for name, groups in spec.groups.items():
        named = [category for group in groups for category in group]
        if not groups or not all(groups) or len(named) != len(set(named)):
            raise ValueError(f"groups of {name}: each category in exactly one, and none empty")
