"""The traffic light: what may have moved, each against what chance allows, and the worst of it.

Figures of a window come in, a colour with its reason goes out. A signal lights only where chance
alone would light it about once or twice in a thousand windows, and where what moved is large enough
to matter; all signals together light by chance in less than 1 % of windows (a test simulates it).
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.special import ndtri

from finmodel.certainty import Separation, auc_error, two_sided
from finmodel.drift import FEWEST, SHIFTED, Shift
from risk.monitor.doubts import Doubts
from risk.monitor.panels import NOTES, Colour, Light, Note, Signal

CHANCE: Final = 0.0015
"""How often one signal may light by chance alone; the five together stay below 1 %."""
LEAST_PSI: Final = 0.02
"""PSI that matters: about a seventh of a standard deviation."""
LEAST_MEAN, GREAT_MEAN = 0.1, 0.5
"""Shift of mean points, in standard deviations of the build sample."""
LEAST_AUC, GREAT_AUC = 0.01, 0.05
"""Loss of AUC against the build sample."""
LEAST_RATIO, GREAT_RATIO = 1.1, 1.5
"""Bad rate over promised rate, or the reverse."""
_WORST: Final[tuple[Colour, ...]] = ("grey", "green", "amber", "red")
_WORDS: Final[dict[Colour, tuple[str, str]]] = {
    "grey": ("样本过少，无法判断", "too few decisions to say"),
    "green": ("未见显著变化", "nothing has moved beyond chance"),
    "amber": ("需要关注", "look closer"),
    "red": ("模型可能失效", "the model may not hold"),
}


@dataclass(frozen=True, slots=True)
class Points:
    """Points now and at build."""

    moved: Shift
    mean: float
    mean_build: float
    sd_build: float


@dataclass(frozen=True, slots=True)
class Matured:
    """What became of matured decisions."""

    n: int
    bads: int
    promised: float
    """Sum of their probabilities."""
    promised_variance: float
    """Sum of p (1 - p)."""
    separation: Separation | None
    build: Separation | None
    note: Note = "not_mature"
    """Why there is no separation, where there is none."""
    unpriced: tuple[int, int] = (0, 0)
    """Of n and of the bads: those without a probability, as imported decisions may be."""


def light(
    points: Points,
    variables: tuple[tuple[str, Shift], ...],
    matured: Matured,
    scores: tuple[int | None, int],
    doubts: Doubts = MappingProxyType({}),
) -> Light:
    """All signals of a window, and the worst of them.

    `scores`: so many of so many sampled ones came out otherwise when computed again; None where
    they could not be. What `doubts` name is not judged.
    """
    differing, _ = scores
    signals = tuple(
        _grey(one.name, one.n, *doubts[one.name]) if one.name in doubts else one
        for one in _signals(points, variables, matured, scores)
    )
    told = (
        "；".join(dict.fromkeys(zh for zh, _ in doubts.values())),
        "; ".join(dict.fromkeys(en for _, en in doubts.values())),
    )
    # Without decisions there is nothing that could be green.
    if points.moved.n < FEWEST and not differing:
        return Light("grey", *_WORDS["grey"], signals, *told)
    worst = max((one.colour for one in signals), key=_WORST.index)
    zh, en = told if worst == "grey" and doubts else _WORDS[worst]
    if worst in ("amber", "red"):
        lit = [one for one in signals if one.colour == worst]
        zh = f"{zh}：{'；'.join(one.zh for one in lit)}"
        en = f"{en}: {'; '.join(one.en for one in lit)}"
    return Light(worst, zh, en, signals, *told)


def _signals(
    points: Points,
    variables: tuple[tuple[str, Shift], ...],
    matured: Matured,
    scores: tuple[int | None, int],
) -> tuple[Signal, ...]:
    return (
        _of_points(points.moved),
        _of_mean(points),
        _of_variables(variables),
        _of_auc(matured),
        _of_promise(matured),
        _of_scores(*scores),
    )


def _of_points(moved: Shift) -> Signal:
    if moved.status == "too_few":
        return _grey("psi", moved.n, "评分 PSI 样本过少", "too few decisions for a PSI")
    lit = moved.p_value < CHANCE and moved.psi > max(moved.floor_p99, LEAST_PSI)
    colour: Colour = ("red" if moved.psi >= SHIFTED else "amber") if lit else "green"
    limit = max(moved.floor_p99, LEAST_PSI)
    told = f"PSI {moved.psi:.4f}（界限 {limit:.4f}）", f"PSI {moved.psi:.4f} (limit {limit:.4f})"
    return Signal(
        "psi", colour, moved.n, moved.psi, limit, f"评分分布 {told[0]}", f"score {told[1]}"
    )


def _of_mean(points: Points) -> Signal:
    n, m, sd = points.moved.n, points.moved.m, points.sd_build
    if points.moved.status == "too_few" or sd <= 0.0:
        return _grey("mean", n, "平均分样本过少", "too few decisions for a mean")
    gap = (points.mean - points.mean_build) / sd
    z = gap / np.sqrt(1.0 / n + 1.0 / m)
    lit = two_sided(float(z)) < CHANCE and abs(gap) > LEAST_MEAN
    colour: Colour = ("red" if abs(gap) >= GREAT_MEAN else "amber") if lit else "green"
    return Signal(
        "mean",
        colour,
        n,
        gap,
        LEAST_MEAN,
        f"平均分移动 {gap:+.2f} 个标准差",
        f"mean points moved by {gap:+.2f} sd",
    )


def _of_variables(variables: tuple[tuple[str, Shift], ...]) -> Signal:
    """The most surprising variable, against the chance of any among so many (Bonferroni)."""
    known = [(name, one) for name, one in variables if one.status != "too_few"]
    if not known:
        n = variables[0][1].n if variables else 0
        return _grey("csi", n, "变量样本过少", "too few decisions for variables")
    limit = CHANCE / len(known)
    moved = [
        (name, one)
        for name, one in known
        if one.p_value < limit and one.psi > max(one.floor_p99, LEAST_PSI)
    ]
    if not moved:
        worst = max(known, key=lambda pair: pair[1].psi)[1]
        return Signal(
            "csi",
            "green",
            worst.n,
            worst.psi,
            max(worst.floor_p99, LEAST_PSI),
            "变量分布稳定",
            "no variable moved",
        )
    moved.sort(key=lambda pair: -pair[1].psi)
    name, one = moved[0]
    return Signal(
        "csi",
        "amber",
        one.n,
        one.psi,
        max(one.floor_p99, LEAST_PSI),
        f"{len(moved)} 个变量移动，最大 {name} CSI {one.psi:.4f}",
        f"{len(moved)} variables moved, most of all {name}, CSI {one.psi:.4f}",
    )


def _of_auc(matured: Matured) -> Signal:
    real, build = matured.separation, matured.build
    if real is None:
        return _noted("auc", matured.n, ("AUC", "AUC"), matured.note)
    if build is None:
        return _grey("auc", matured.n, "AUC：建模时未知", "AUC: it is not known at build")
    error = np.hypot(
        auc_error(build.auc, real.bads, real.goods), auc_error(build.auc, build.bads, build.goods)
    )
    lost = build.auc - real.auc
    allowed = max(LEAST_AUC, float(ndtri(1.0 - CHANCE) * error))
    lit = lost > allowed
    colour: Colour = ("red" if lost >= GREAT_AUC else "amber") if lit else "green"
    return Signal(
        "auc",
        colour,
        matured.n,
        real.auc,
        build.auc - allowed,
        f"AUC {real.auc:.4f}（建模 {build.auc:.4f}，界限 {build.auc - allowed:.4f}）",
        f"AUC {real.auc:.4f} (at build {build.auc:.4f}, limit {build.auc - allowed:.4f})",
    )


def _of_promise(matured: Matured) -> Signal:
    n, bads = matured.n - matured.unpriced[0], matured.bads - matured.unpriced[1]
    if not n:
        why: Note = "no_probability" if matured.n else "not_mature"
        return _noted("calibration", matured.n, ("校准", "calibration"), why)
    if min(matured.promised, n - bads) < 5.0:
        return _noted("calibration", n, ("校准", "calibration"), "too_few_bads")
    z = (bads - matured.promised) / np.sqrt(matured.promised_variance)
    ratio = bads / matured.promised
    far = max(ratio, 1.0 / max(ratio, 1e-9))
    lit = two_sided(float(z)) < CHANCE and far > LEAST_RATIO
    colour: Colour = ("red" if far >= GREAT_RATIO else "amber") if lit else "green"
    return Signal(
        "calibration",
        colour,
        n,
        ratio,
        LEAST_RATIO,
        f"实际坏率为预期的 {ratio:.2f} 倍",
        f"{ratio:.2f} times as many bads as promised",
    )


def _of_scores(differing: int | None, checked: int) -> Signal:
    if differing is None or not checked:
        return _grey("scores", checked, "评分未重算", "scores were not computed again")
    colour: Colour = "red" if differing else "green"
    return Signal(
        "scores",
        colour,
        checked,
        float(differing),
        0.0,
        f"{checked} 笔中 {differing} 笔重算不一致",
        f"{differing} of {checked} scores differ when computed again",
    )


def _noted(name: str, n: int, title: tuple[str, str], note: Note) -> Signal:
    zh, en = NOTES[note]
    return _grey(name, n, f"{title[0]}：{zh}", f"{title[1]}: {en}")


def _grey(name: str, n: int, zh: str, en: str) -> Signal:
    return Signal(name, "grey", n, None, None, zh, en)
