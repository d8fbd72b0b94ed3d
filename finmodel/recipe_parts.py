"""What recipes of risk and of marketing say alike: LightGBM's parameters, and a simulated lender.

Typed and frozen parts of a YAML file; knows no file and no model.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from finmodel.lender.simulated import Lender


class SimulatedLender(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulated lender, of a size and a seed: the same events every time."""

    customers: int
    days: int
    seed: int = 0
    start: dt.date = dt.date(2024, 1, 1)

    @property
    def lender(self) -> Lender:
        """The lender itself; BadInput for a size that it cannot have."""
        return Lender(customers=self.customers, days=self.days, seed=self.seed, start=self.start)


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """LightGBM's parameters that a recipe may set, by LightGBM's names; some defaults are ours."""

    rounds: int = 300
    """Trees at most."""
    early_stopping: int | None = None
    """Rounds without gain on the validation part; only where the split is by time."""
    learning_rate: float = 0.03
    num_leaves: int = 15
    max_depth: int = -1
    min_data_in_leaf: int = 80
    feature_fraction: float = 1.0
    bagging_fraction: float = 1.0
    bagging_freq: int = 0
    lambda_l1: float = 0.0
    lambda_l2: float = 0.0
    min_gain_to_split: float = 0.0
    max_bin: int = 255
    extra_trees: bool = False
    seed: int = 1
    threads: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= 10_000:
            raise ValueError("rounds must be between 1 and 10000")

    @property
    def of_trees(self) -> dict[str, Any]:
        """What LightGBM itself is given: all but how many rounds, and when to stop."""
        told = msgspec.structs.asdict(self)
        del told["rounds"], told["early_stopping"]
        told["num_threads"] = told.pop("threads")
        return told
