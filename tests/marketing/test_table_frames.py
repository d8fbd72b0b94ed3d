"""Tables as rows: the shipped calls by row order, trials by their arms, what cannot be read."""

from __future__ import annotations

import dataclasses
import hashlib
import lzma
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finmodel.errors import BadInput, NotFound
from finmodel.settings import Settings
from marketing.frame import Frame
from marketing.frames import load_frame
from marketing.recipe import load_recipe
from tests.marketing.small_lender import SHIPPED, TRIAL, trial_table, written
from tests.marketing.test_recipe import changed

PUBLISHED = "d1513ec63b385506f7cfce9f2c5caa9fe99e7ba4e8c3fa264b3aaf0f849ed32d"
"""Of UCI's bank-full.csv."""


@pytest.fixture(scope="module")
def bank() -> Frame:
    return load_frame(load_recipe(SHIPPED / "bank_marketing.yaml"), Settings.from_env({}))


def bank_table() -> pd.DataFrame:
    return pd.read_csv(SHIPPED / "bank_marketing.csv.xz", sep=";")


def test_the_shipped_calls_are_the_published_file_and_say_whose_they_are():
    body = lzma.decompress((SHIPPED / "bank_marketing.csv.xz").read_bytes())
    assert hashlib.sha256(body).hexdigest() == PUBLISHED
    told = (SHIPPED / "ATTRIBUTION.md").read_text()
    assert "Moro, S., Cortez, P. and Rita, P. (2014)" in told
    assert "Attribution 4.0 International (CC BY 4.0" in told


def test_row_order_tells_the_year_and_the_response_climbs(bank):
    days = bank.at_us.astype("M8[us]").astype("M8[D]")
    assert (np.diff(days) >= np.timedelta64(0)).all()
    assert (str(days[0]), str(days[-1])) == ("2008-05-05", "2010-11-17")
    assert len(np.unique(days.astype("M8[M]"))) == 30
    quarter = days.astype("M8[M]").astype(np.int64) // 3
    rates = [bank.labels[quarter == one].mean() for one in np.unique(quarter)]
    assert len(rates) == 11
    assert rates[0] < 0.04
    assert min(rates[-5:]) > 0.4
    assert bank.labels.sum() == 5_289


def test_only_what_is_named_is_a_feature_and_codes_are_of_words_that_teach(bank):
    table = bank_table()
    assert not {"duration", "age", "marital", "day", "month"} & set(bank.names)
    assert len(bank.names) == 11
    pdays = bank.matrix[:, bank.names.index("pdays")]
    np.testing.assert_array_equal(np.isnan(pdays), (table["pdays"] == -1).to_numpy())
    assert bank.table is not None
    jobs = bank.table.categories["job"]
    codes = bank.matrix[:, bank.names.index("job")].astype(int)
    assert [jobs[code] for code in codes[:500]] == table["job"][:500].tolist()


def test_later_rows_judge(bank):
    parts = bank.parts(load_recipe(SHIPPED / "bank_marketing.yaml").split)
    assert bank.at_us[parts.train].max() < bank.at_us[parts.valid].min()
    assert bank.at_us[parts.valid].max() < bank.at_us[parts.oot].min()
    assert len(parts.train) + len(parts.valid) + len(parts.oot) == len(bank) == 45_211


def trial_of(tmp_path: Any, table: pd.DataFrame | None = None, **places: object) -> Frame:
    recipe = TRIAL
    for place, value in places.items():
        recipe = changed(recipe, place.replace("__", "."), value)
    (trial_table(600) if table is None else table).to_csv(tmp_path / "trial.csv", index=False)
    home = Settings(home=tmp_path, data=tmp_path / "data")
    return load_frame(load_recipe(written(tmp_path, recipe)), home)


def test_rows_of_an_arm_that_is_not_named_are_left_out(tmp_path):
    only_calls = {"column": "arm", "control": "none", "treatments": {"call": "CALL"}}
    frame = trial_of(tmp_path, source__table__treatment=only_calls)
    table = trial_table(600)
    assert len(frame) == (table["arm"] != "SMS").sum()
    assert frame.treatments.given.sum() == (table["arm"] == "CALL").sum()
    np.testing.assert_array_equal(frame.ids, np.flatnonzero(table["arm"] != "SMS") + 1)
    given = frame.given(np.arange(len(frame)), 1)
    assert given.trial.treated.mean() == pytest.approx(0.5, abs=0.1)


def test_parts_drawn_without_a_time_are_the_same_each_time(tmp_path):
    frame = trial_of(tmp_path, source__table__time=None)
    split = load_recipe(tmp_path / "small_trial.yaml").split
    first, again = frame.parts(split), frame.parts(split)
    np.testing.assert_array_equal(first.oot, again.oot)
    assert sorted([*first.train, *first.valid, *first.oot]) == list(range(600))
    assert not frame.is_timed


def test_the_same_rows_have_the_same_hash_and_others_another(tmp_path):
    frame = trial_of(tmp_path)
    assert frame.data_hash == trial_of(tmp_path).data_hash
    other = dataclasses.replace(frame.treatments, given=frame.treatments.given[::-1].copy())
    assert dataclasses.replace(frame, treatments=other).data_hash != frame.data_hash


ORDER = {"first_year": 2024, "month": "sent_on", "day": "moved"}


@pytest.mark.parametrize(
    ("place", "value", "error", "says"),
    [
        ("source__table__path", "data:trial.csv", NotFound, "may not ship, and they are not here"),
        ("source__table__features", ["movd"], BadInput, r"no column 'movd'.*did you mean 'moved'"),
        ("source__table__time", ORDER, BadInput, "'2025-.*' is not from 1 to 12"),
        ("source__table__time", "arm", BadInput, "column 'arm', row 1: it is not a time"),
        (
            "source__table__treatment__treatments",
            {"sms": "S.M.S."},
            BadInput,
            r"column 'arm': no row is 'S\.M\.S\.'; name its values",
        ),
        ("label__column", {"name": "visit", "yes": "y"}, BadInput, "every label is 0"),
        ("audit_only", ["yaers"], BadInput, "there is no column 'yaers'"),
    ],
)
def test_a_table_that_does_not_hold_what_is_said(tmp_path, place, value, error, says):
    source = {"source__table__categoricals": [], place: value}
    with pytest.raises(error, match=says):
        trial_of(tmp_path, **source)


def test_hillstroms_trial_where_it_is():
    recipe = load_recipe(SHIPPED / "hillstrom.yaml")
    settings = Settings.from_env()
    if not (settings.data / "hillstrom" / "hillstrom.csv").exists():
        pytest.skip("Hillstrom's trial is not here: FINMODEL_DATA/hillstrom")
    frame = load_frame(recipe, settings)
    assert len(frame) == 21_387 + 21_306
    visits = [frame.labels[frame.treatments.given == arm].mean() for arm in (0, 1)]
    assert visits == pytest.approx([0.1062, 0.1514], abs=5e-5)  # as published
