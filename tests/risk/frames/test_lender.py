"""Rows of the simulated lender: as of each point, followed to the end, blind to what came after."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_store.offline import training_frame
from finmodel.errors import BadInput, NoRoom, NotReady, Refused
from finmodel.gate import NO_OUT_OF_TIME
from finmodel.lender.simulated import Lender
from finmodel.settings import Settings
from risk.frames.frame import TrainingFrame
from risk.frames.lender import features_home
from risk.frames.load import load_frame
from risk.frames.loans import book_in, labels_in
from risk.labels.fates import Fate
from risk.labels.rule import month_number
from risk.recipe import Recipe, load_recipe
from risk.train import cross_validate, train
from tests.feature_store.small_home import small_settings
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_loans import SMALL, Forgetful, lender_recipe
from tests.risk.test_train import ANALYST

B_RULE = {
    "observation": "month_end",
    "cohorts": {"from": "2024-04", "to": "2024-11"},
    "window": 6,
    "bad": "dpd >= 30 ever by mob 6",
    "indeterminate": "dpd >= 21 ever by mob 6",
    "exclude": ["dpd >= 30 at observation"],
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which the small lender's events are made once."""
    return small_settings(tmp_path_factory.mktemp("lender"))


@pytest.fixture(scope="module")
def b_card(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("b")
    return load_recipe(lender_recipe(folder, "lender_behaviour_risk", label=B_RULE))


@pytest.fixture(scope="module")
def frame(b_card: Recipe, settings: Settings) -> TrainingFrame:
    return load_frame(b_card, settings)


def test_its_rows_are_the_labels_in_order_of_cohorts(frame, b_card):
    book = book_in(b_card)
    labels = labels_in(b_card, book)
    rows = labels.rows(Fate.GOOD, Fate.BAD)
    ids = book.ids[labels.observed.account[rows]]
    expected = dict(zip(ids.tolist(), (labels.fate[rows] == Fate.BAD).tolist(), strict=True))
    assert dict(zip(frame.ids.tolist(), (frame.labels == 1).tolist(), strict=True)) == expected
    assert len(set(frame.ids.tolist())) == len(frame) > 400
    assert frame.times is not None
    assert (np.diff(frame.times) >= np.timedelta64(0)).all()
    assert sorted(set(frame.times.astype("M8[M]").astype(int).tolist())) == list(
        range(month_number("2024-04"), month_number("2024-11") + 1)
    )
    assert frame.names[0] == "drawdown_count_7d"
    assert frame.matrix.shape == (len(frame), 105)
    assert frame.followed is not None
    assert frame.followed.aside_matrix.shape[1] == 105
    assert len(frame.followed.aside_ids) == len(labels.rows(Fate.INDETERMINATE)) > 3


def test_its_features_are_the_archives_as_of_each_cohorts_end(frame, b_card, settings):
    """Counted from the lender's own events: marks of delay and repayments known by the point."""
    marks = Lender(**SMALL).columns("loan.overdue.v1")
    ends = frame.times.astype("M8[M]") + 1
    points = ends.astype("M8[s]") - np.timedelta64(8, "h")
    ours = frame.matrix[:, frame.names.index("overdue_dpd_max_90d")]
    seen = 0
    for row in range(0, len(frame), 7):
        of = marks["customer_id"] == frame.ids[row]
        begin = points[row] - np.timedelta64(90, "D")
        begin = begin.astype("M8[D]").astype("M8[s]")  # the tail is rounded down to a tile
        at, known = marks["occurred_at"][of], marks["known_at"][of]
        counted = (at >= begin) & (at < points[row]) & (known <= points[row])
        counted &= known - at <= np.timedelta64(6, "h")
        worst = marks["dpd"][of][counted]
        assert (np.isnan(ours[row]) and not len(worst)) or ours[row] == worst.max(), row
        seen += len(worst)
    assert seen > 20
    home = features_home(b_card, settings)
    spine = pd.DataFrame(
        {"customer_id": frame.ids, "event_timestamp": pd.to_datetime(points, utc=True)}
    )
    again = training_frame(home, spine, "lender_behaviour_risk_v1")
    np.testing.assert_array_equal(again[list(frame.names)].to_numpy(), frame.matrix)


def test_no_feature_sees_the_other_side_of_its_point(frame, b_card, tmp_path, monkeypatch):
    """A lender that tells nothing from January 2025 on: the same features of all rows before."""
    monkeypatch.setattr("finmodel.recipe_parts.Lender", Forgetful)
    blind = load_frame(b_card, small_settings(tmp_path / "home"))
    assert blind.followed is not None
    assert frame.followed is not None
    both = {
        kind: dict(
            zip(
                [*one.ids.tolist(), *one.followed.aside_ids.tolist()],
                np.concatenate([one.matrix, one.followed.aside_matrix]),
                strict=True,
            )
        )
        for kind, one in {"blind": blind, "seeing": frame}.items()
    }
    assert both["blind"].keys() == both["seeing"].keys()
    for customer, features in both["seeing"].items():
        np.testing.assert_array_equal(both["blind"][customer], features)
    bad = [set(one.ids[one.labels == 1].tolist()) for one in (blind, frame)]
    assert len(bad[0] ^ bad[1]) > 10  # what became of them did lie on the other side


def test_a_home_that_another_process_makes_is_waited_for(b_card, tmp_path):
    settings = small_settings(tmp_path / "home")
    made = features_home(b_card, settings).home
    shutil.rmtree(made)
    with (made.parent / f".{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(NotReady, match="another process makes its events; wait until"):
            features_home(b_card, settings)


def test_events_are_made_once_and_an_unfinished_try_is_no_home(b_card, tmp_path, monkeypatch):
    settings = small_settings(tmp_path / "home")

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("feature_store.simulated_home.bytes_of", full)
        with pytest.raises(NoRoom, match="there is no room left on the disk"):
            features_home(b_card, settings)
    (lock,) = (settings.home / "simulated").iterdir()
    assert lock.suffix == ".lock"
    aside = lock.with_suffix(".aside")
    (aside / "archive").mkdir(parents=True)  # as a try that was killed leaves it
    told: list[str] = []
    first = features_home(b_card, settings, lambda what, *_: told.append(what))
    made = {path: path.stat().st_mtime_ns for path in first.archive.rglob("*.parquet")}
    assert len(made) > 100
    assert set(told) == {"months of the simulated lender"}
    told.clear()
    again = features_home(b_card, settings, lambda what, *_: told.append(what))
    assert (again.home, told) == (first.home, [])
    assert {path: path.stat().st_mtime_ns for path in again.archive.rglob("*.parquet")} == made
    assert list(settings.home.iterdir()) == [settings.home / "simulated"]
    assert not aside.exists()
    shutil.rmtree(settings.home)


def test_an_a_card_may_not_read_the_lenders_repayments(settings, tmp_path):
    source = {"service": "lender_behaviour_risk_v1", "lender": dict(SMALL)}
    recipe = load_recipe(lender_recipe(tmp_path, "application_risk", source=source))
    with pytest.raises(Refused, match=r"own repayments \(drawdowns, instalments_due, loan_delays"):
        load_frame(recipe, settings)


def test_one_cohort_has_nothing_out_of_time(settings, tmp_path):
    rule = B_RULE | {"cohorts": {"from": "2024-11", "to": "2024-11"}, "indeterminate": None}
    split = {"folds": 2, "repeats": 1}
    recipe = load_recipe(lender_recipe(tmp_path, "lender_behaviour_risk", label=rule, split=split))
    found = cross_validate(recipe, settings)
    assert (found.sample, found.out_of_time) == ("1 × 2 folds", NO_OUT_OF_TIME)


def test_a_window_that_no_cohort_has_behind_it(settings, tmp_path):
    rule = B_RULE | {"window": 18}
    recipe = load_recipe(lender_recipe(tmp_path, "lender_behaviour_risk", label=rule))
    with pytest.raises(BadInput, match=r"goods and bads \(\d+ excluded, \d+ not mature\)"):
        load_frame(recipe, settings)


@pytest.mark.parametrize(
    ("lender", "says"),
    [
        ({"customers": 0, "days": 9}, "customers: 0 is not from 1"),
        ({"customers": 9, "days": 9_999}, "days: 9999 is not from 1 to 3660"),
        ({"customers": 1, "days": 1, "seed": 0}, "there is no drawdown"),
    ],
)
def test_a_lender_of_no_use(settings, tmp_path, lender, says):
    source = {"service": "lender_behaviour_risk_v1", "lender": lender}
    recipe = load_recipe(lender_recipe(tmp_path, "lender_behaviour_risk", source=source))
    with pytest.raises(BadInput, match=says):
        book_in(recipe)


def test_an_application_card_from_events_to_a_verdict(tmp_path: Path):
    """Out of time by cohorts, a card beside the trees; what is not mature is told."""
    gate = {"auc": 0.55, "ks": 0.05, "brier": 0.2, "parity_rows": 200}
    gate |= {"calibration_slope": [0.0, 3.0], "calibration_intercept": [-3.0, 3.0]}
    recipe = load_recipe(lender_recipe(tmp_path, "application_risk", gate=gate))
    trained = train(recipe, settings_at(tmp_path / "home"), ANALYST)
    assert (trained.passed, trained.failures, trained.sample) == (True, "", "out of time")
    assert trained.features == 54
    assert set(trained.comparison["auc"]) == {"scorecard", "lightgbm"}
    assert NO_OUT_OF_TIME not in trained.notes
    assert any(note.endswith("rows not mature: 2024-12 to 2025-06") for note in trained.notes)
