"""A simulation of decisions that were made here: of whom, under what, and by which figures."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from finmodel.audit import scan
from finmodel.clock import parse_time
from finmodel.errors import BadInput, Refused
from finmodel.manifest import Calibration, PricingPd, Scaling
from finmodel.pointers import pointer_path
from finmodel.records import Person
from finmodel.vault import Vault
from risk.monitor.reference import BuildSample, reference_of
from serving.decision_history import Window
from serving.desk import open_desk
from serving.flows import decide
from serving.matured import Maturity
from serving.outcomes import load_outcomes
from serving.policies import policy
from serving.schemas import Application
from serving.screen import Progress
from serving.simulation import pds_of, simulate
from serving.telemetry import Telemetry
from tests.serving.policy_world import AUTHOR, WORLDS_POLICY, decide_by, write_policy
from tests.serving.small_world import APPLICATION, export, make_world, point_to, wait_until

NONE = float("nan")
DAY = Window(parse_time("2005-09-30T00:00:00+08:00"), parse_time("2005-10-02T00:00:00+08:00"))
BUREAU = {"bureau_query_id": "q", "bureau_consent_id": "c"}
BY_BALANCE = WORLDS_POLICY["rules"][:1]
"""No rule that reads what the bureau said."""


def test_losses_are_counted_by_the_pd_for_prices_where_the_model_scored():
    logged = [(-1.0, 0.11), (0.5, 0.22), (NONE, 0.33), (NONE, NONE)]
    rows = [
        SimpleNamespace(past=SimpleNamespace(raw=np.float64(raw), probability=np.float64(pd)))
        for raw, pd in logged
    ]
    steps = Calibration("platt", pricing=PricingPd(starts=(0.0,), pds=(0.1, 0.4)))
    np.testing.assert_array_equal(pds_of(rows, steps), [0.1, 0.4, 0.33, NONE])
    np.testing.assert_array_equal(pds_of(rows, Calibration()), [pd for _, pd in logged])


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    """Ninety decisions under a policy that does not read the bureau's score; two were erased."""
    world = make_world(tmp_path_factory.mktemp("simulated"))
    decide_by(world.settings, rules=BY_BALANCE, challenger=None)
    asked = [
        APPLICATION
        | BUREAU
        | {"customer_id": one, "application_id": f"A-{one}", "bureau_score": 300 + 2 * one}
        for one in range(21, 111)
    ]

    async def decide_all(desk) -> None:
        for one in asked:
            await decide(msgspec.convert(one, Application), AUTHOR, desk)

    with open_desk(world.settings, Telemetry()) as desk:
        wait_until(lambda: desk.live.serving is not None, 60)
        asyncio.run(decide_all(desk))
    with closing(Vault(world.settings.vault)) as vault:
        assert vault.erase("109")
        assert vault.erase("110")
    return world


def simulated(world, folder, outcomes=None, window=DAY, **changes):
    settings = replace(world.settings, key=world.keys["analyst"])
    file = write_policy(folder, **{"rules": BY_BALANCE, "challenger": None} | changes)
    with Progress() as progress:
        return simulate(settings, file, window, (outcomes, folder / "who.csv"), progress)


def test_the_policy_in_force_replayed_has_the_same_figures_on_both_sides(lender, tmp_path):
    """Its lane lent to some, of whom all went bad here: they may count on neither side or both."""
    entries = list(scan(lender.settings.audit, "decision"))
    by_lot = {one.id for one in entries if one.body["policy"]["lane"] == "random_approve"}
    approved = [one for one in entries if one.body["decision"] == "approve"]
    own = [one for one in approved if one.id not in by_lot]
    assert len(by_lot) >= 3
    assert len(own) >= 10
    bad = {one.id: one.id in by_lot or place % 4 == 0 for place, one in enumerate(approved)}
    matured = tmp_path / "outcomes.csv"
    lines = [f"{name},{went_bad:d}" for name, went_bad in bad.items()]
    matured.write_text("\n".join(["decision_id,bad", *lines]))
    found = simulated(lender, tmp_path, matured)
    figures = found.figures
    assert (figures.changes, figures.matured) == ({}, len(approved))
    assert figures.bad_rate_was == figures.bad_rate_now
    assert figures.bad_rate_was == pytest.approx(np.mean([bad[one.id] for one in own]))
    assert figures.by_lot_was == figures.by_lot_now == len(by_lot)
    assert figures.approval_was == figures.approval_now
    assert figures.expected_loss_was_minor == figures.expected_loss_now_minor
    assert (found.sealed_opened, found.erased, found.field_erased) == (0, 0, 0)
    assert found.fits == "behaviour_risk version 1"


def test_a_rule_on_a_field_that_was_not_read_is_asked_of_the_sealed_application(lender, tmp_path):
    """Scores are 300 + 2 · customer; of the two who were erased nothing is claimed."""
    rule = {
        "code": "N1",
        "zh": "征信分过低",
        "en": "The bureau's score is low",
        "when": [{"request": "bureau_score", "below": 400}],
        "then": "decline",
    }
    found = simulated(lender, tmp_path, rules=[*BY_BALANCE, rule])
    assert (found.field_erased, found.erased) == (2, 0)
    assert found.sealed_opened == found.figures.decisions == 88
    entries = list(scan(lender.settings.audit, "decision"))
    stopped = [one for one in entries[: 50 - 21] if one.body["decision"] != "decline"]
    assert len(stopped) >= 5
    assert sum(found.figures.changes.values()) == len(stopped)
    assert {change.split(" → ")[1] for change in found.figures.changes} == {"decline"}


def test_a_policy_that_is_not_for_this_model_is_not_simulated(lender, tmp_path):
    with pytest.raises(Refused, match="it does not fit behaviour_risk version 1: its points are"):
        simulated(lender, tmp_path, scaling={"base_points": 750, "base_odds": 60, "pdo": 35})
    says = "it does not fit behaviour_risk version 1: it is for loans, not behaviour_risk; .*a span"
    with pytest.raises(Refused, match=says):
        simulated(lender, tmp_path, model="loans")
    rule = BY_BALANCE[0] | {"when": [{"feature": "nosuch", "below": 1}]}
    with pytest.raises(Refused, match="rule H1 reads 'nosuch', which is no feature"):
        simulated(lender, tmp_path, rules=[rule])
    never = Window(parse_time("2001-01-01T00:00:00Z"), parse_time("2001-02-01T00:00:00Z"))
    with pytest.raises(BadInput, match="no decision was logged"):
        simulated(lender, tmp_path, window=never, model="loans")


def test_without_a_champion_it_says_that_it_was_not_held_against_one(lender, tmp_path):
    """It is held against the versions that decided all the same."""
    pointer = pointer_path(lender.settings.exports, "behaviour_risk", "champion")
    kept = pointer.read_bytes()
    pointer.unlink()
    try:
        found = simulated(lender, tmp_path)
        assert found.fits == "not checked: behaviour_risk has no champion"
        with pytest.raises(Refused, match="it does not fit behaviour_risk version 1: its points"):
            simulated(lender, tmp_path, scaling={"base_points": 750, "base_odds": 60, "pdo": 35})
    finally:
        pointer.write_bytes(kept)


def test_decisions_on_another_scale_are_not_simulated_under_the_champions(lender, tmp_path):
    """The champion changed its scale since: its policy fits it, and not the points in the log."""
    world = lender
    other = Scaling(pdo=35.0)
    export(world.settings, 3, world.boosters[1].model_to_string(), scaling=other)
    point_to(world.settings, 3)
    try:
        with pytest.raises(Refused, match="does not fit behaviour_risk version 1: its points"):
            simulated(world, tmp_path, scaling=msgspec.to_builtins(other))
    finally:
        point_to(world.settings, 1)


def test_one_look_at_one_account_matures_nobody_elses_bads(lender, tmp_path):
    """Seen after forty days a fifth are bad; goods are known by a look after half a year only."""
    later = replace(lender.settings, standing_clock="2006-06-01T00:00:00+08:00")
    world = SimpleNamespace(settings=later, keys=lender.keys)
    row = "A-{0},{1}T00:00:00+08:00,,{2}\n".format
    seen = [row(one, "2005-11-10", 45 if one % 5 == 0 else 0) for one in range(21, 111)]

    def matured(name, *rows):
        file = tmp_path / f"{name}.csv"
        file.write_text("application_id,observed_at,bad,dpd\n" + "".join(rows))
        load_outcomes(later, file, Person("Lin", frozenset({"analyst"})))
        return simulated(world, tmp_path).figures.matured

    assert matured("early", *seen, row(22, "2006-05-01", 0)) == 0
    goods = (row(one, "2006-05-02", 0) for one in range(21, 111) if one % 5)
    assert matured("whole", *goods) == 90


def test_days_begin_at_the_lenders_midnight_and_nothing_is_written_unasked(
    lender, tmp_path, monkeypatch
):
    """The decisions are of midnight eight hours before UTC's: the first moment of 1 October."""
    file = write_policy(tmp_path, rules=BY_BALANCE, challenger=None)
    monkeypatch.setenv("FINMODEL_HOME", str(lender.settings.home))
    monkeypatch.setenv("FINMODEL_STANDING_CLOCK", lender.settings.standing_clock)
    monkeypatch.setenv("FINMODEL_KEY", lender.keys["analyst"])
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def of(since, until, *more):
        words = ["simulate", str(file), "--from", since, "--to", until, "--json", *more]
        return CliRunner().invoke(policy, words)

    assert json.loads(of("2005-10-01", "2005-10-02").stdout)["figures"]["decisions"] == 90
    assert isinstance(of("2005-09-30", "2005-10-01").exception, BadInput)
    assert list(folder.iterdir()) == []
    told = json.loads(of("2005-10-01", "2005-10-02", "--changes", "who.csv").stdout)
    assert [one.name for one in folder.iterdir()] == [told["changes_file"]] == ["who.csv"]


def test_a_place_for_changes_that_there_is_none_of_is_told_before_anything_is_read(
    lender, tmp_path, monkeypatch
):
    """As of any other file that a command writes, and not after the whole replay."""
    settings = replace(lender.settings, key=lender.keys["analyst"])
    file = write_policy(tmp_path, rules=BY_BALANCE, challenger=None)
    monkeypatch.setattr("serving.simulation.decisions_in", None)  # nothing may ask it
    for changes, said in (
        (tmp_path / "nope" / "who.csv", f"{tmp_path}/nope: there is no such folder; make it"),
        (tmp_path, f"{tmp_path}: it is a folder; name a file in it"),
    ):
        with Progress() as progress, pytest.raises(BadInput, match=said):
            simulate(settings, file, DAY, (None, changes), progress)


def test_an_outcome_matures_as_the_champions_recipe_says(lender, tmp_path, monkeypatch):
    """A recipe of ten days and dpd ≥ 5; monitoring reads the same reference."""
    later = replace(lender.settings, standing_clock="2006-06-01T00:00:00+08:00")
    world = SimpleNamespace(settings=later, keys=lender.keys)
    file = tmp_path / "seen.csv"
    row = "A-{0},2005-10-09T00:00:00+08:00,,{1}\n".format
    looks = [row(one, 6 if one % 3 == 0 else 0) for one in range(21, 111)]
    told = [f"A-{one},2006-05-20T00:00:00+08:00,,0\n" for one in range(21, 111)]
    file.write_text("application_id,observed_at,bad,dpd\n" + "".join(looks + told))
    load_outcomes(later, file, Person("Lin", frozenset({"analyst"})))
    usual = simulated(world, tmp_path)
    assert (usual.window_days, usual.bad_dpd) == (180, 30)
    built = reference_of(
        BuildSample(("x",), np.eye(40, 1, dtype=np.float32), np.arange(40.0), None, None), "build"
    )
    built = msgspec.structs.replace(built, window_days=10, bad_dpd=5)
    monkeypatch.setattr("finmodel.tracking.kept", lambda *_: msgspec.json.encode(built))
    by_recipe = simulated(world, tmp_path)
    assert (by_recipe.window_days, by_recipe.bad_dpd) == (10, 5)
    bads = [one.figures.cut_offs[0].bad_rate for one in (usual, by_recipe)]
    assert bads[0] < 0.25 < 0.3 < bads[1]  # beside those whom another test saw late
    settings = replace(later, key=lender.keys["analyst"])
    asked = Maturity(bad_dpd=40)
    with Progress() as progress:
        policy_file = write_policy(tmp_path, rules=BY_BALANCE, challenger=None)
        found = simulate(settings, policy_file, DAY, (None, None), progress, asked)
    assert (found.window_days, found.bad_dpd) == (10, 40)
