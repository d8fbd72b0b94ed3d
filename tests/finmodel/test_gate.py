"""Verdicts: each threshold alone can stop a model, and not-a-number never passes."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest

from finmodel.gate import (
    NO_OUT_OF_TIME,
    REPORTED,
    CardThresholds,
    Evidence,
    Figures,
    Itself,
    Population,
    SwapSet,
    Thresholds,
    Why,
    failures,
    judge,
)

NEEDS = Thresholds(auc=0.75, ks=0.4, brier=0.15)
GOOD = Evidence(
    figures=Figures(0.78, 0.44, 0.133, 1.01, 0.02),
    sample="2 × 5 folds",
    out_of_time=False,
    parity=0.0,
    parity_rows=2001,
    monotone_breaks=0,
    itself=Itself(0.8, 0.45, 0.13, 0.01),
)


def _with(**changed: float) -> Evidence:
    return replace(GOOD, figures=replace(GOOD.figures, **changed))


def _itself(**changed: float) -> Evidence:
    assert GOOD.itself is not None
    return replace(GOOD, itself=replace(GOOD.itself, **changed))


def test_a_good_model_passes_and_says_what_it_was_not_asked():
    verdict = judge(NEEDS, GOOD)
    assert verdict.passed
    assert verdict.notes == (NO_OUT_OF_TIME,)
    assert verdict.sample == "2 × 5 folds"


def test_out_of_time_evidence_needs_no_note():
    assert judge(NEEDS, replace(GOOD, out_of_time=True)).notes == ()


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        (_with(auc=0.749), "auc"),
        (_with(ks=0.399), "ks"),
        (_with(brier=0.151), "brier"),
        (_with(calibration_slope=0.89), "calibration slope"),
        (_with(calibration_slope=1.11), "calibration slope"),
        (_with(calibration_intercept=-0.2), "calibration intercept"),
        (_with(auc=math.nan), "auc"),
        (_with(calibration_slope=math.nan), "calibration slope"),
        (replace(GOOD, parity=2e-12), "parity with MLflow"),
        (replace(GOOD, parity=math.nan), "parity with MLflow"),
        (replace(GOOD, monotone_breaks=1), "monotone breaks"),
        (_itself(auc=0.5), "auc of the model itself"),
        (_itself(ks=0.1), "ks of the model itself"),
        (_itself(brier=0.2), "brier of the model itself"),
        (_itself(shift=2.3), "shift of probabilities of the model itself"),
        (_itself(shift=math.nan), "shift of probabilities of the model itself"),
    ],
)
def test_one_figure_is_enough_to_fail(evidence, name):
    verdict = judge(NEEDS, evidence)
    assert not verdict.passed
    assert [check.name for check in verdict.checks if not check.passed] == [name]
    assert failures(verdict).startswith(name)


SWAP = SwapSet(3, 800, 60, 50, 90, 0.12, 0.10)
POPULATION = Population(0.4, (("sex", 0.9), ("age", 0.7)), 0.12, SWAP)
AROUND = replace(GOOD, population=POPULATION, out_of_time=True)


def test_what_the_recipe_asks_nothing_of_is_told_and_stops_nothing():
    verdict = judge(NEEDS, AROUND)
    told = {check.name: check.value for check in verdict.checks if check.needs == REPORTED}
    assert verdict.passed
    assert told == pytest.approx(
        {
            "gini": 0.56,
            "latency ms": 0.4,
            "approval ratio by sex": 0.9,
            "approval ratio by age": 0.7,
            "psi of scores": 0.12,
            "bad rate swapped in over out": 0.02,
        }
    )
    assert verdict.notes == (
        "swap set against version 3: 60 in (bad 12.0%), 50 out (bad 10.0%), 800 by both, "
        "90 by neither",
    )


@pytest.mark.parametrize(
    ("needs", "name"),
    [
        ({"gini": 0.57}, "gini"),
        ({"latency_ms": 0.3}, "latency ms"),
        ({"approval_ratio": 0.8}, "approval ratio by age"),
        ({"psi": 0.1}, "psi of scores"),
        ({"swap_bad_rate": 0.01}, "bad rate swapped in over out"),
    ],
)
def test_each_of_them_stops_a_model_where_the_recipe_says_so(needs, name):
    verdict = judge(msgspec.structs.replace(NEEDS, **needs), AROUND)
    assert not verdict.passed
    assert failures(verdict).startswith(name)
    enough = {"gini": 0.5, "latency_ms": 1, "approval_ratio": 0.7, "psi": 0.2, "swap_bad_rate": 0.1}
    assert judge(msgspec.structs.replace(NEEDS, **enough), AROUND).passed


def test_without_an_out_of_time_part_there_is_no_psi_and_no_swap_set():
    alone = replace(GOOD, population=Population(0.4))
    names = [check.name for check in judge(NEEDS, alone).checks]
    assert "latency ms" in names
    assert not {"psi of scores", "bad rate swapped in over out"} & set(names)


ALL = {"psi": 0.1, "approval_ratio": 0.8, "swap_bad_rate": 0.0}
ASKED = msgspec.structs.replace(NEEDS, **ALL)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("why", [Why.NO_OUT_OF_TIME, Why.OTHER_FEATURES, Why.NO_ATTRIBUTE])
def test_a_threshold_that_was_not_asked_stands_in_the_verdict(name, why):
    bare = replace(GOOD, out_of_time=True, population=Population(0.4, unmeasured=((name, why),)))
    verdict = judge(msgspec.structs.replace(NEEDS, **{name: ALL[name]}), bare)
    assert (verdict.passed, verdict.notes) == (True, (f"{name}: not available, {why}",))
    assert judge(NEEDS, bare).notes == ()


def test_thresholds_of_what_nobody_measured_are_told():
    verdict = judge(ASKED, replace(GOOD, out_of_time=True))
    assert verdict.notes == tuple(
        f"{name}: not available, not measured"
        for name in ("psi", "approval_ratio", "swap_bad_rate")
    )


def test_where_nobody_is_approved_no_group_is_treated_alike():
    nobody = replace(AROUND, population=Population(0.4, (("sex", None),), 0.05))
    note = "approval_ratio by sex: not available, nobody is approved"
    verdict = judge(ASKED, nobody)
    assert (verdict.passed, verdict.notes) == (False, (note,))
    assert failures(verdict) == "approval ratio by sex not available (needs ≥ 0.8)"
    told = judge(NEEDS, nobody)
    assert (told.passed, told.notes) == (True, (note,))
    assert "approval ratio by sex" not in [check.name for check in told.checks]


@pytest.mark.parametrize(
    ("rates", "passed", "whys"),
    [
        ((None, None), True, [Why.NOBODY_IN, Why.NOBODY_OUT]),
        ((None, 0.2), True, [Why.NOBODY_IN]),
        ((0.1, None), False, [Why.NOBODY_OUT]),
        ((0.1, 0.2), True, []),
    ],
)
def test_a_swap_set_of_nobody_has_no_bad_rate(rates, passed, whys):
    """Who only adds people cannot show that they are no worse than those who go."""
    swap = SwapSet(3, 800, 60, 50, 90, *rates)
    ratios = (("sex", 0.9),)
    verdict = judge(ASKED, replace(AROUND, population=Population(0.4, ratios, 0.05, swap)))
    assert verdict.passed == passed
    assert verdict.notes[1:] == tuple(f"swap_bad_rate: not available, {why}" for why in whys)
    assert verdict.notes[0].count("bad not available") == len(whys)
    told = judge(NEEDS, replace(AROUND, population=Population(0.4, ratios, 0.05, swap)))
    assert (told.passed, len(told.notes)) == (True, 1)


WITH_CARD = replace(GOOD, card=Figures(0.76, 0.41, 0.137, 1.02, -0.01))


def test_a_scorecard_is_told_and_stops_nothing_where_the_recipe_asks_nothing_of_it():
    verdict = judge(NEEDS, WITH_CARD)
    of_card = {c.name: c.value for c in verdict.checks if c.name.startswith("scorecard ")}
    assert (verdict.passed, verdict.notes) == (True, (NO_OUT_OF_TIME,))
    assert of_card == {
        "scorecard auc": 0.76,
        "scorecard ks": 0.41,
        "scorecard brier": 0.137,
        "scorecard calibration slope": 1.02,
        "scorecard calibration intercept": -0.01,
    }
    assert not [c for c in judge(NEEDS, GOOD).checks if c.name.startswith("scorecard ")]


@pytest.mark.parametrize(
    ("needs", "name"),
    [
        ({"auc": 0.77}, "scorecard auc"),
        ({"ks": 0.42}, "scorecard ks"),
        ({"brier": 0.13}, "scorecard brier"),
        ({"calibration_slope": (0.9, 1.0)}, "scorecard calibration slope"),
        ({"calibration_intercept": (0.0, 0.1)}, "scorecard calibration intercept"),
    ],
)
def test_a_card_too_weak_to_stand_in_stops_its_model(needs, name):
    asked = msgspec.structs.replace(NEEDS, scorecard=CardThresholds(**needs))
    verdict = judge(asked, WITH_CARD)
    assert not verdict.passed
    assert [check.name for check in verdict.checks if not check.passed] == [name]
    nowhere = replace(WITH_CARD, card=Figures(*[math.nan] * 5))
    assert not judge(asked, nowhere).passed


@pytest.mark.parametrize("population", [None, Population(0.4)])
def test_thresholds_of_a_card_that_there_is_not_are_told(population):
    asked = msgspec.structs.replace(NEEDS, scorecard=CardThresholds(auc=0.7))
    verdict = judge(asked, replace(GOOD, out_of_time=True, population=population))
    note = "scorecard: not available, no scorecard was trained with it"
    assert (verdict.passed, verdict.notes) == (True, (note,))
