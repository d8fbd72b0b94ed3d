"""Who scores where the model cannot: each way down, with its reason, and what then decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finmodel.export import load_export
from risk.policy.versions import load_version
from serving.in_force import in_force
from serving.judgement import Asked, judge
from serving.live import served
from tests.serving.policy_world import decide_by
from tests.serving.small_world import NAME, make_world

REQUEST = {"product": "cash_loan", "channel": "app", "amount_minor": 500_000, "term_months": 12}
FRESH = np.zeros(3, dtype=np.uint8)
ROW = np.zeros((1, 9), dtype=np.float32)


class Card:
    """A scorecard that says the same of everybody."""

    def __init__(self, log_odds: float) -> None:
        self.log_odds = log_odds

    def log_odds_many(self, matrix):
        return np.full(len(matrix), self.log_odds)

    def reasons(self, row, table):
        return ()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("steps"))


def model_with(world, card=None, **policy):
    settings = world.settings
    model = served(load_export(settings.exports / NAME / "1", settings.signing))
    version = decide_by(settings, **policy)
    found = load_version(settings.policies, "drawdown", version, settings.signing)
    force = in_force(found, model.manifest, model.views, None)
    return replace(model, policy=force, card=card)


def judged(model, off=(), row=ROW, **request):
    reasons = dict.fromkeys(off, "it drifts")
    return judge(row, FRESH, model, Asked(REQUEST | request, drawn=0.99, off=reasons))


def way(found) -> list[tuple[str, str]]:
    return [(one.step, one.reason) for one in found.fell_back]


def test_the_model_decides_while_nothing_is_off(world):
    found = judged(model_with(world))
    assert (found.step, found.fell_back) == ("model", ())
    raw = world.boosters[1].predict(ROW, raw_score=True)[0]
    assert found.points == pytest.approx(600 - 20 / np.log(2) * (0.05 + 1.1 * raw + np.log(50)))


def test_a_switched_off_model_gives_way_to_the_scorecard(world):
    found = judged(model_with(world, Card(-np.log(50.0))), off=["model"])
    assert way(found) == [("model", "switched off: it drifts")]
    assert (found.step, found.points) == ("scorecard", pytest.approx(600.0))
    assert found.probability == pytest.approx(1 / 51)
    assert (found.outcome.answer, found.outcome.band) == ("approve", "A")
    assert np.isnan(found.raw)
    assert np.isnan(found.contributions).all()
    assert found.reasons == ()


@pytest.mark.parametrize(
    ("card", "off", "reasons"),
    [
        (None, ["model"], ["switched off: it drifts", "this version has no scorecard"]),
        (Card(np.nan), ["model"], ["switched off: it drifts", "its score is no number"]),
        (Card(0.0), ["model", "scorecard"], ["switched off: it drifts"] * 2),
    ],
)
def test_then_rules_decide_what_they_hit_and_a_person_the_rest(world, card, off, reasons):
    model = model_with(world, card)
    hit = ROW.copy()
    hit[0, 0] = 2.0
    for row, answer, rule in ((ROW, "refer", "no_score"), (hit, "decline", "rule:H1")):
        found = judged(model, off, row)
        assert [reason for _, reason in way(found)] == reasons
        assert (found.step, found.ruling.answer, found.ruling.rule) == ("rules", answer, rule)
        assert np.isnan(found.points)


def test_with_everything_off_every_application_goes_to_a_person(world):
    hit = ROW.copy()
    hit[0, 0] = 2.0
    found = judged(model_with(world), ["model", "scorecard", "rules"], hit)
    assert (found.step, found.ruling.answer, found.ruling.rule) == (
        "refer",
        "refer",
        "switched_off",
    )
    assert [step for step, _ in way(found)] == ["model", "scorecard", "rules"]


def test_a_step_that_the_policy_leaves_out_is_not_gone(world):
    found = judged(model_with(world, Card(0.0), fallback=["refer"]), ["model"])
    assert way(found) == [("model", "switched off: it drifts")]
    assert found.step == "refer"


def test_a_score_that_is_no_number_is_not_acted_on(world):
    class Broken:
        def raw_many(self, matrix):
            return np.full(len(matrix), np.nan)

        def contributions(self, matrix):
            return np.zeros((len(matrix), matrix.shape[1] + 1))

    model = replace(model_with(world, Card(-np.log(50.0))), scorer=Broken())
    found = judged(model)
    assert way(found) == [("model", "its score is no number")]
    assert (found.step, found.outcome.band) == ("scorecard", "A")


def test_the_fields_that_rules_may_read_are_those_of_an_application():
    from risk.policy.file import REQUEST_NUMBERS, REQUEST_WORDS
    from serving.schemas import Application

    assert {*REQUEST_NUMBERS, *REQUEST_WORDS} <= set(Application.__struct_fields__)
