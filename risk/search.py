"""Which hyper-parameters a search tries, and whether what it found is more than chance.

A recipe's parameters and a seed go in, other parameters come out; labels and log-odds of two ways
of teaching go in, a gain with its error comes out. Pure: it teaches nothing and reads nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import yaml
from msgspec.structs import asdict, replace
from scipy.special import ndtr

from finmodel.errors import BadInput
from finmodel.recipe_parts import Params
from finmodel.records import Float64s, Int64s

DEEPEST = 4
"""Shallow trees give reasons that a person can follow; a deeper recipe keeps its own depth."""
MOST_TRIALS = 1_000
SURE = 0.05
"""A gain is more than chance where chance would give one so great to one search in twenty."""


@dataclass(frozen=True, slots=True)
class Gain:
    """AUC of one way of teaching over another's, on the same rows."""

    auc: float
    error: float
    """Standard error, by the rows that judge."""
    chance: float
    """How likely the best of so many trials gains as much, were none better than the recipe's."""

    @property
    def more_than_chance(self) -> bool:
        """Whether it may be believed."""
        return self.auc > 0.0 and self.chance < SURE


def require_trials(trials: int, seed: int) -> None:
    """BadInput where a search of so many trials makes no sense."""
    if not 1 <= trials <= MOST_TRIALS:
        raise BadInput(
            f"{trials} trials", where="--trials", remedy=f"give between 1 and {MOST_TRIALS:,}"
        )
    if seed < 0:
        raise BadInput(f"seed {seed} is below 0", where="--seed", remedy="give 0 or more")


def proposed(own: Params, trial: int, seed: int) -> Params:
    """The parameters of a trial; trial 0 is the recipe's own.

    Random search (Bergstra & Bengio, JMLR 2012). Each trial has a stream of its own, so a longer
    search begins with a shorter one's. Seed, threads, bins and early stopping stay the recipe's.

    >>> own = Params(rounds=300)
    >>> proposed(own, 0, seed=7) == own, proposed(own, 3, seed=7) == proposed(own, 3, seed=7)
    (True, True)
    """
    if trial == 0:
        return own
    random = np.random.default_rng([seed, trial])
    depth = int(random.integers(2, deepest(own) + 1))
    # Early stopping finds the number of trees; without it, it is searched for.
    rounds = round(own.rounds * _between(random, 0.5, 2.0))
    return replace(
        own,
        rounds=own.rounds if own.early_stopping else min(max(rounds, 10), 10_000),
        learning_rate=_between(random, 0.01, 0.12),
        max_depth=depth,
        num_leaves=int(random.integers(3, min(2**depth, 31) + 1)),
        min_data_in_leaf=round(_between(random, 20, 400)),
        feature_fraction=float(random.integers(3, 21)) / 20.0,
        bagging_fraction=float(random.integers(10, 21)) / 20.0,
        bagging_freq=1,
        lambda_l1=_between(random, 0.01, 10.0) if random.random() < 0.5 else 0.0,
        lambda_l2=_between(random, 0.1, 100.0),
        min_gain_to_split=_between(random, 0.001, 1.0) if random.random() < 0.25 else 0.0,
        extra_trees=bool(random.random() < 0.25),
    )


def deepest(own: Params) -> int:
    """How deep trees of a search may be.

    >>> [deepest(Params(max_depth=depth)) for depth in (-1, 3, 4, 6)]
    [4, 4, 4, 6]
    """
    return max(DEEPEST, own.max_depth)


def gain_over(
    labels: Float64s, pair: tuple[Float64s, Float64s], parts: Sequence[Int64s], trials: int
) -> Gain:
    """What the second of `pair`, (n,) scores each, gains in AUC over the first.

    AUCs are taken within `parts`, places of rows that one model judged, and averaged. DeLong's
    error of a difference on the same rows (Biometrics 1988), one-sided, times the number of
    `trials` that the best was chosen from (Bonferroni): the winner of many draws flatters itself.
    """
    gains, variances = [], []
    for rows in parts:
        bad = labels[rows] == 1.0
        first, second = (_placements(bad, scores[rows]) for scores in pair)
        of_bads, of_goods = second[0] - first[0], second[1] - first[1]
        gains.append(float(of_bads.mean()))
        variances.append(_error2(of_bads) + _error2(of_goods))
    gain = float(np.mean(gains))
    error = math.sqrt(sum(variances)) / len(parts)
    alone = float(ndtr(-gain / error)) if error > 0.0 else float(gain <= 0.0)
    return Gain(gain, error, min(1.0, alone * max(trials, 1)))


def pasted(params: Params, own: Params) -> str:
    """The `params:` block of a recipe; what is LightGBM's own default and was not said is left out.

    >>> print(pasted(Params(rounds=90, max_depth=3), Params()), end="")
    params:
      rounds: 90
      learning_rate: 0.03
      num_leaves: 15
      max_depth: 3
      min_data_in_leaf: 80
      seed: 1
      threads: 2
    """
    usual = asdict(Params())
    always = {"rounds", "learning_rate", "num_leaves", "max_depth", "min_data_in_leaf"}
    always |= {"seed", "threads"} | {name for name, v in asdict(own).items() if v != usual[name]}
    told = {n: v for n, v in asdict(params).items() if n in always or v != usual[n]}
    return str(yaml.safe_dump({"params": told}, sort_keys=False))


def _between(random: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform, to three digits: what is pasted is what was tried."""
    return float(f"{math.exp(random.uniform(math.log(low), math.log(high))):.3g}")


def _placements(bad: npt.NDArray[np.bool_], scores: Float64s) -> tuple[Float64s, Float64s]:
    """Of each bad the share of goods below it, of each good the share of bads above; ties half."""
    bads, goods = scores[bad], scores[~bad]
    return _below(np.sort(goods), bads), 1.0 - _below(np.sort(bads), goods)


def _below(ordered: Float64s, scores: Float64s) -> Float64s:
    both = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return both / (2.0 * len(ordered))


def _error2(differences: Float64s) -> float:
    return float(differences.var(ddof=1)) / len(differences) if len(differences) > 1 else 0.0
