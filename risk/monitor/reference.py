"""What a model looked like when it was built: what monitoring compares with.

Rows of the build sample come in (features, points and outcomes by models that did not see them), a
record comes out that is kept with the model's run as JSON. No row of a customer is in it. Knows no
file and no registry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.certainty import separation
from finmodel.drift import Bins, bin_counts, bin_of, fit_bins
from finmodel.errors import Damaged
from finmodel.records import Float32s, Float64s

FILE = "reference.json"
"""Its name among the files of a model's run."""
_CHINESE: Final = (
    (r"^build sample: ", "建模样本："),
    (r"^build sample$", "建模样本"),
    (r"^no build sample was kept: the first ([\d,]+) decisions$",
     r"未留存建模样本：以最初 \1 笔决策代替"),
    (r"(\d+ × \d+) folds$", r"\1 折交叉验证"),
    (r"out of time$", "时间外样本"),
    (r"all rows; whether it was built on them is not known here$",
     "全部样本（是否参与过建模未知）"),
)  # fmt: skip
"""How samples are told, in English and in Chinese."""


class FeatureThen(msgspec.Struct, frozen=True):
    """One feature at build."""

    name: str
    bins: Bins
    counts: tuple[int, ...]
    mean: float | None
    """Of values that are neither missing nor a sentinel."""
    contribution: float | None
    """Mean contribution to the raw score; None where contributions were not kept."""


class Reference(msgspec.Struct, frozen=True):
    """A model's build sample in counts."""

    sample: str
    """Which rows it is of, in words."""
    n: int
    bads: int | None
    """None where outcomes of the sample are not known."""
    features: tuple[FeatureThen, ...]
    points: Bins
    """Bands of points: deciles of the build sample, the worst first."""
    points_counts: tuple[int, ...]
    points_bads: tuple[int, ...] | None
    points_mean: float
    points_sd: float
    auc: float | None
    ks: float | None
    window_days: int = 180
    """Days for which a decision is followed, as the recipe's rule has it."""
    bad_dpd: int = 30
    """Days past due from which it is bad, likewise."""


@dataclass(frozen=True, slots=True, eq=False)
class BuildSample:
    """Rows of the build sample."""

    names: tuple[str, ...]
    matrix: Float32s
    """(n, f)"""
    points: Float64s
    """(n,) by a model that did not see the row, where there is one."""
    labels: Float64s | None
    """(n,) 1.0 bad, 0.0 good; None where they are not known."""
    contributions: Float64s | None = None
    """(k, f + 1) of any k of the rows."""


def in_chinese(sample: str) -> str:
    """What a build sample is called, where Chinese is read; what has no Chinese name stays.

    >>> in_chinese("build sample: 1 × 5 folds"), in_chinese("build sample: out of time")
    ('建模样本：1 × 5 折交叉验证', '建模样本：时间外样本')
    >>> in_chinese("no build sample was kept: the first 20,000 decisions")
    '未留存建模样本：以最初 20,000 笔决策代替'
    """
    for pattern, words in _CHINESE:
        sample = re.sub(pattern, words, sample)
    return sample


def reference_of(
    built: BuildSample,
    sample: str,
    sentinels: Mapping[str, tuple[float, ...]] | None = None,
    categoricals: tuple[str, ...] = (),
    bands: int = 10,
) -> Reference:
    """Count a build sample; `sentinels` are numbers that stand for something, by feature."""
    special = sentinels or {}
    given = built.contributions
    means = None if given is None else given.mean(axis=0)
    features = tuple(
        _feature(
            name,
            built.matrix[:, place],
            fit_bins(
                built.matrix[:, place],
                sentinels=special.get(name, ()),
                categorical=name in categoricals,
            ),
            None if means is None else float(means[place]),
        )
        for place, name in enumerate(built.names)
    )
    points = fit_bins(built.points, bands)
    labels = built.labels
    parted = None if labels is None else separation(-built.points, labels)
    return Reference(
        sample=sample,
        n=len(built.points),
        bads=None if labels is None else int(labels.sum()),
        features=features,
        points=points,
        points_counts=_whole(bin_counts(points, built.points)),
        points_bads=None
        if labels is None
        else _whole(np.bincount(bin_of(points, built.points), labels, len(points))),
        points_mean=float(built.points.mean()),
        points_sd=float(built.points.std()),
        auc=parted.auc if parted else None,
        ks=parted.ks if parted else None,
    )


def read_reference(data: bytes, where: str) -> Reference:
    """A record that was kept; Damaged where these bytes are none."""
    try:
        return msgspec.json.decode(data, type=Reference)
    except msgspec.MsgspecError as error:
        raise Damaged(
            "it is not a model's reference", where=where, remedy="train the version again"
        ) from error


def _feature(
    name: str, values: npt.NDArray[np.float32], bins: Bins, contribution: float | None
) -> FeatureThen:
    cells = bin_of(bins, values)
    told = values[cells < bins.missing]
    mean = float(told.mean(dtype=np.float64)) if told.size else None
    counts = np.bincount(cells, minlength=len(bins))
    return FeatureThen(name, bins, _whole(counts), mean, contribution)


def _whole(counts: npt.NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(count) for count in counts)
