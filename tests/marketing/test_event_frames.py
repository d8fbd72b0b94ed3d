"""Rows of a small lender: labels against its own columns, features blind to what follows."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import yaml

from finmodel.errors import BadInput
from finmodel.lender.simulated import Lender
from finmodel.restriction_book import Restriction, RestrictionBook
from finmodel.settings import Settings
from finmodel.vault import Vault
from marketing.event_frames import LIST_DAY, home_of
from marketing.frame import CONTROL, Frame, midnight_us
from marketing.frames import load_frame
from marketing.label_rule import DAY_US
from marketing.recipe import MarketingRecipe, load_recipe
from tests.feature_store.small_home import small_settings
from tests.marketing.small_lender import SMALL, small_recipe, written
from tests.risk.small_loans import Forgetful

ZONE, TEN = "Asia/Shanghai", 10 * DAY_US
MONTHS = {"month_end": {"from": "2024-06", "to": "2025-05"}, "most_per_customer": 2}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which the small lender's events are made once."""
    return small_settings(tmp_path_factory.mktemp("lender"))


def recipe_of(folder: Path, shipped: str, **label: object) -> MarketingRecipe:
    recipe = load_recipe(small_recipe(folder, shipped))
    if not label:
        return recipe
    told = yaml.safe_load(recipe.text)
    return load_recipe(small_recipe(folder, shipped, label=told["label"] | label))


@pytest.fixture(scope="module")
def intent(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Frame:
    recipe = recipe_of(tmp_path_factory.mktemp("intent"), "borrowing_intent", observe=MONTHS)
    return load_frame(recipe, settings)


def micros_of(columns: dict[str, np.ndarray]) -> np.ndarray:
    return columns["occurred_at"].astype("M8[us]").astype(np.int64)


def within(columns: dict[str, np.ndarray], customer: int, first: int, last: int) -> int:
    """Events in (first, last]."""
    at = micros_of(columns)[columns["customer_id"] == customer]
    return int(((at > first) & (at <= last)).sum())


def test_a_yes_is_a_drawdown_in_the_thirty_days_after_and_those_looked_at_may_draw(intent):
    lender = Lender(**SMALL)
    drawn, late, applied = (
        lender.columns(topic)
        for topic in ("loan.drawdown.v1", "loan.overdue.v1", "loan.application.v1")
    )
    granted = {name: column[applied["status"] == b"approved"] for name, column in applied.items()}
    for row in range(0, len(intent), 9):
        who, at = int(intent.ids[row]), int(intent.at_us[row])
        assert within(drawn, who, at, at + 30 * DAY_US) == 0 or intent.labels[row] == 1.0
        assert within(drawn, who, at, at + 30 * DAY_US) > 0 or intent.labels[row] == 0.0
        assert within(late, who, at - 30 * DAY_US - 1, at - 1) == 0
        assert within(granted, who, 0, at - 1) > 0
    assert 0.05 < intent.labels.mean() < 0.4


def test_rows_end_where_their_windows_do_and_the_young_are_counted(intent):
    end = int(np.datetime64("2024-01-01T00:00", "us").astype(np.int64)) - 8 * 3_600_000_000
    end += SMALL["days"] * DAY_US
    assert (intent.ends_us - intent.at_us == 30 * DAY_US).all()
    assert (intent.ends_us + 3 * DAY_US <= end).all()
    (note,) = intent.notes
    assert note.endswith("rows not mature: their window ends after the data")
    ids, counts = np.unique(intent.ids, return_counts=True)
    assert len(ids) > 500
    assert counts.max() == 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForgetsSoonAfter(Forgetful):
    forgets_from: str = "2025-01-08T16:00:00"


def test_no_feature_sees_what_comes_after_its_observation(settings, tmp_path, monkeypatch):
    """A lender that tells nothing from 9 January on: the same features at the end of December."""
    december = {"month_end": {"from": "2024-12", "to": "2024-12"}}
    recipe = recipe_of(tmp_path, "borrowing_intent", observe=december)
    seeing = load_frame(recipe, settings)
    monkeypatch.setattr("finmodel.recipe_parts.Lender", ForgetsSoonAfter)
    blind = load_frame(recipe, small_settings(tmp_path / "home"))
    np.testing.assert_array_equal(blind.ids, seeing.ids)
    np.testing.assert_array_equal(blind.matrix, seeing.matrix)
    assert 0 < blind.labels.sum() < seeing.labels.sum()  # what came of them did lie after it


def test_an_event_is_looked_at_when_it_happened(settings, tmp_path):
    frame = load_frame(recipe_of(tmp_path, "repayment_willingness"), settings)
    columns = Lender(**SMALL).columns("loan.overdue.v1")
    at = micros_of(columns)
    third = (columns["dpd"] == 3) & (at >= midnight_us(dt.date(2024, 4, 1), ZONE))
    whose, when = (column[third].tolist() for column in (columns["customer_id"], at))
    told = set(zip(whose, when, strict=True))
    ours = list(zip(frame.ids.tolist(), frame.at_us.tolist(), strict=True))
    assert len(ours) > 100
    assert set(ours) <= told
    last = max(at for _, at in ours)
    assert {(who, at) for who, at in told if at <= last} == set(ours)
    paid = Lender(**SMALL).columns("loan.repayment.v1")
    whole = {name: column[paid["status"] == b"full"] for name, column in paid.items()}
    for row in range(0, len(frame), 5):
        found = within(whole, int(frame.ids[row]), *(int(frame.at_us[row]) + d for d in (0, TEN)))
        assert frame.labels[row] == float(found > 0)


def test_a_trial_knows_who_was_held_out_and_its_list_is_older_than_its_offers(settings, tmp_path):
    frame = load_frame(recipe_of(tmp_path, "marketing_preference"), settings)
    told = frame.treatments
    assert told is not None
    assert told.names == ("app", "push", "sms")
    log = Lender(**SMALL).truth().campaigns
    shown = Lender(**SMALL).columns("marketing.offer_shown.v1")
    share = np.bincount(told.given, minlength=4) / len(frame)
    assert share == pytest.approx([0.3, 0.35, 0.245, 0.105], abs=0.03)
    local = (frame.at_us + 8 * 3_600_000_000).astype("M8[us]")
    assert set((local - local.astype("M8[M]")) // np.timedelta64(1, "D")) == {LIST_DAY - 1}
    cycles = local.astype("M8[M]").astype(np.int64) - np.datetime64("2024-01").astype(np.int64) + 1
    columns = [c.tolist() for c in (log.customer_id, log.cycle, log.treated, log.drew)]
    drew = {(who, cycle): row for who, cycle, *row in zip(*columns, strict=True)}
    for row in range(0, len(frame), 11):
        who, at = int(frame.ids[row]), int(frame.at_us[row])
        treated, responded = drew[who, int(cycles[row])]
        assert treated == (told.given[row] != CONTROL)
        assert responded == bool(frame.labels[row])
        if treated:
            mine = (shown["customer_id"] == who) & (micros_of(shown) > at)
            first = np.flatnonzero(mine)[np.argmin(micros_of(shown)[mine])]
            assert micros_of(shown)[first] - at < 27 * DAY_US
            assert shown["channel"][first].decode() == told.names[told.given[row] - 1]


def test_an_archive_of_ones_own_is_read_where_no_lender_is_named(settings, tmp_path, intent):
    recipe = recipe_of(tmp_path, "borrowing_intent", observe=MONTHS)
    home = home_of(recipe, settings)
    told = yaml.safe_load(recipe.text)
    del told["source"]["lender"]
    own = load_frame(load_recipe(written(tmp_path, told)), home)
    both = min(own.ends_us.max(), intent.ends_us.max())  # how far the data go is known by events
    for frame in (own, intent):
        assert (frame.ends_us <= both).mean() > 0.99
    assert own.labels[own.ends_us <= both].sum() == intent.labels[intent.ends_us <= both].sum()
    who = int(own.ids[0])
    with (
        closing(Vault(home.vault)) as vault,
        closing(RestrictionBook(home, vault)) as book,
    ):
        book.restrict(Restriction(str(who), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    try:
        without = load_frame(load_recipe(written(tmp_path, told)), home)
    finally:
        shutil.rmtree(home.restrictions.parent)
    assert without.ids.tolist() == own.ids[own.ids != who].tolist()
    assert without.notes[-1].endswith("rows left out: their customers asked to be erased")


WRONG = [
    ({"observe": {"event": "loan.overdue.v2"}}, BadInput, "there is no topic 'loan.overdue.v2'"),
    ({"observe": {"event": "loan.overdue.v1 where days = 3"}}, BadInput, "has no field 'days'"),
    ({"observe": {"event": "loan.overdue.v1 where dpd = x"}}, BadInput, "'x' is no value of 'dpd'"),
    (
        {"positive": [{"any": ["app.login.v1"], "within_days": 900}]},
        BadInput,
        r"a label window of 900 days, and 3 to settle, is longer than the data",
    ),
    (
        {"positive": [{"any": ["card.status.v1"], "within_days": 3}]},
        BadInput,
        "every label is 0: nothing can be learnt",
    ),
    (
        {"observe": {"event": "loan.overdue.v1", "from": "2031-01-01"}},
        BadInput,
        "label.observe: nobody is looked at",
    ),
]


@pytest.mark.parametrize(("label", "error", "says"), WRONG)
def test_a_label_that_these_events_cannot_tell(settings, tmp_path, label, error, says):
    with pytest.raises(error, match=says):
        load_frame(recipe_of(tmp_path, "repayment_willingness", **label), settings)
