"""The rows of a recipe out of the feature store: what is kept of them, and each bad spine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from msgspec.structs import replace

from feature_store import store
from feature_store.offline import training_frame
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan, plan_from, plan_of
from finmodel.errors import BadInput, NotFound, NotReady, Refused
from finmodel.lender import credit_default
from finmodel.restriction_book import Restriction, RestrictionBook
from finmodel.vault import Vault
from risk.frames.frame import TrainingFrame, matrix_in
from risk.frames.load import known_at, load_frame
from risk.recipe import Recipe, load_recipe
from tests.feature_store.small_home import small_settings

SHIPPED = Path(__file__).parents[3] / "risk" / "behaviour_risk.yaml"
SERVICE = "behaviour_risk_v1"


@pytest.fixture(scope="module")
def plan(features) -> ServicePlan:
    return plan_of(store.open_store(features.settings), SERVICE)


@pytest.fixture(scope="module")
def frame(features) -> TrainingFrame:
    """The shipped recipe's."""
    return load_frame(load_recipe(SHIPPED), features.settings)


# ---------------------------------------------------------------------------- the recipe as shipped


def test_the_shipped_recipe_has_every_customer_of_the_table_once(frame):
    table = credit_default.load()
    assert len(frame) == 30_000
    assert frame.ids.tolist() == table["ID"].tolist()
    assert frame.labels.tolist() == table["DEFAULT"].tolist()
    assert set(frame.times) == {np.datetime64("2005-09-30T16:00:00")}
    assert (frame.where, frame.service) == ("credit_default", SERVICE)
    assert (frame.table, frame.categoricals) == (None, ())


def test_features_are_the_plans_in_its_order(frame, features, plan):
    assert frame.names == plan.names
    assert plan_from(frame.plan) == plan
    assert frame.matrix.shape == (30_000, 84)
    assert frame.matrix.dtype == np.float32
    assert frame.matrix.flags.c_contiguous
    known = np.isin(frame.ids, features.table["ID"])
    assert np.isnan(frame.matrix[~known]).all()
    table = features.table.set_index("ID").loc[frame.ids[known]]
    for feature, column in {
        "status_lag_0m": "PAY_0",
        "balance_lag_5m": "BILL_AMT6",
        "repayment_lag_0m": "PAY_AMT1",
        "credit_limit_lag_0m": "LIMIT_BAL",
    }.items():
        ours = frame.matrix[known, frame.names.index(feature)]
        assert ours.tolist() == table[column].astype(np.float32).tolist(), feature


def test_groups_are_kept_beside_the_features_and_not_among_them(frame):
    table = credit_default.load()
    assert set(frame.audit) == {"sex", "education", "marriage", "age"}
    assert not {name.casefold() for name in frame.names} & set(frame.audit)
    for attribute in ("sex", "education", "marriage"):
        assert frame.audit[attribute].tolist() == table[attribute.upper()].map(str).tolist()
    bands = pd.cut(
        table["AGE"],
        [0, 25, 35, 45, 55, 200],
        right=False,
        labels=["< 25", "25 to 35", "35 to 45", "45 to 55", "≥ 55"],
    )
    assert frame.audit["age"].tolist() == bands.tolist()


# ----------------------------------------------------------------------------- a spine of one's own


@pytest.fixture
def spine(features) -> pd.DataFrame:
    """40 customers at days of their own, under a lender's own names."""
    rows = features.spine.head(40)
    days = pd.to_timedelta(np.arange(40) * 3, "D")
    return pd.DataFrame(
        {
            "went_bad": (rows["label"] | (rows.index % 5 == 0)).astype(int),
            "client": rows["customer_id"],
            "drew_at": pd.Timestamp("2005-06-01T09:30:00.000001Z") + days,
            "sex": [1, 2] * 20,
        }
    )


Write = Callable[..., Recipe]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a spine beside a recipe that names it; give the recipe."""

    def work(spine: pd.DataFrame, file: str = "spine.csv", **changes: Any) -> Recipe:
        if file.endswith(".parquet"):
            spine.to_parquet(tmp_path / file)
        else:
            spine.to_csv(tmp_path / file, index=False)
        recipe = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        del recipe["audit_bands"]
        recipe |= {
            "source": {
                "service": SERVICE,
                "spine": {"path": file, "entity": "client", "time": "drew_at"},
            },
            "label": "went_bad",
            "audit_only": ["sex"],
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe | changes, allow_unicode=True), encoding="utf-8")
        return load_recipe(path)

    return work


@pytest.mark.parametrize("file", ["spine.csv", "spine.csv.gz", "spine.parquet"])
def test_a_spine_file_gives_what_was_known_at_each_of_its_times(
    features, spine, write, plan, tmp_path, file
):
    frame = load_frame(write(spine, file), features.settings)
    assert frame.ids.tolist() == spine["client"].tolist()
    assert frame.labels.tolist() == spine["went_bad"].tolist()
    assert frame.times is not None
    assert frame.times.tolist() == [t.to_pydatetime().replace(tzinfo=None) for t in spine.drew_at]
    assert {name: groups.tolist() for name, groups in frame.audit.items()} == {
        "sex": ["1", "2"] * 20
    }
    assert frame.where == str(tmp_path / file)
    keys = {"client": "customer_id", "drew_at": "event_timestamp"}
    joined = training_frame(features.settings, spine.rename(columns=keys), SERVICE)
    np.testing.assert_array_equal(frame.matrix, joined[list(plan.names)].to_numpy())
    assert np.isfinite(frame.matrix).mean() > 0.4


def test_who_asked_to_be_erased_teaches_nothing(features, spine, write, tmp_path):
    here = features.copy(tmp_path / "home").settings
    who = int(spine["client"].iloc[3])
    with (
        closing(Vault(here.vault)) as vault,
        closing(RestrictionBook(here, vault)) as book,
    ):
        book.restrict(Restriction(str(who), datetime(2026, 1, 1, tzinfo=UTC)))
    frame = load_frame(write(spine), here)
    assert frame.ids.tolist() == [one for one in spine["client"] if one != who]
    assert len(frame.matrix) == len(frame.labels) == len(frame.ids) == len(spine) - 1


def test_times_without_a_zone_are_utc_and_others_are_instants(features, spine, write):
    expected = load_frame(write(spine), features.settings)
    utc = spine["drew_at"].dt.tz_localize(None)
    taipei = spine["drew_at"].dt.tz_convert("Asia/Taipei")
    for times, file in (
        (utc, "a.csv"),
        (utc, "a.parquet"),
        (taipei, "b.csv"),
        (taipei, "b.parquet"),
    ):
        frame = load_frame(write(spine.assign(drew_at=times), file), features.settings)
        assert frame.data_hash == expected.data_hash, file


def test_the_data_hash_sees_a_time(features, spine, write):
    """Which moves no feature here, and yet which rows are out of time."""
    before = load_frame(write(spine), features.settings)
    spine["drew_at"] += pd.Timedelta(microseconds=1)
    after = load_frame(write(spine), features.settings)
    np.testing.assert_array_equal(before.matrix, after.matrix)
    assert before.data_hash != after.data_hash


def edited(column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The fourth row's value replaced."""

    def work(spine: pd.DataFrame) -> pd.DataFrame:
        values = spine[column].astype(object)
        values.iloc[3] = value
        return spine.assign(**{column: values})

    return work


@pytest.mark.parametrize("file", ["spine.csv", "spine.parquet"])
@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        (lambda s: s.drop(columns="client"), "", "there is no column 'client'; name another"),
        (lambda s: s.drop(columns="drew_at"), "", "there is no column 'drew_at'; name another"),
        (lambda s: s.drop(columns="went_bad"), "", "there is no column 'went_bad'; add it"),
        (lambda s: s.drop(columns="sex"), "", "there is no column 'sex'; add it to the spine"),
        (lambda s: s.head(0), "", "it has no rows"),
        (edited("drew_at", None), ": column 'drew_at', row 4", "it is not a time"),
        (edited("client", None), ": column 'client', row 4", "an id is empty"),
        (lambda s: pd.concat([s, s.tail(1)]), ": column 'client', row 41", "an id stands twice"),
        (edited("went_bad", 2), ": column 'went_bad', row 4", "a label is '2'; write 0 or 1"),
        (edited("went_bad", None), ": column 'went_bad', row 4", "a label is empty"),
        (lambda s: s.assign(went_bad=0), ": column 'went_bad'", "the label is constant"),
    ],
)
def test_a_bad_spine_is_told_with_its_place(
    features, spine, write, tmp_path, file, change, place, says
):
    recipe = write(change(spine), file)
    with pytest.raises(BadInput, match=says) as said:
        load_frame(recipe, features.settings)
    assert said.value.where == f"{tmp_path / file}{place}"


@pytest.mark.parametrize("time", ["soon", "2005-13-01", "01/10/2005"])
def test_what_is_no_time_is_told_with_its_row(features, spine, write, time):
    recipe = write(edited("drew_at", time)(spine.astype({"drew_at": str})))
    with pytest.raises(BadInput, match=r"spine\.csv: column 'drew_at', row 4: it is not a time"):
        load_frame(recipe, features.settings)


def test_ids_that_are_the_same_number_stand_twice(features, spine, write):
    recipe = write(edited("client", f"0{spine['client'].iloc[2]}")(spine))
    with pytest.raises(BadInput, match="row 4: an id stands twice"):
        load_frame(recipe, features.settings)


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("balance_lag_0m", "column balance_lag_0m is a feature's; rename it"),
        ("customer_id", r"spine\.csv: it has a column 'customer_id' beside 'client'"),
        ("event_timestamp", r"spine\.csv: it has a column 'event_timestamp' beside 'drew_at'"),
    ],
)
def test_a_column_under_a_name_that_is_taken_is_refused(features, spine, write, column, says):
    with pytest.raises(BadInput, match=says):
        load_frame(write(spine.assign(**{column: 1})), features.settings)


@pytest.mark.parametrize("id_of", ["C{}".format, "{}.5".format])
def test_ids_that_are_no_whole_numbers_are_refused(features, spine, write, id_of):
    recipe = write(spine.assign(client=spine["client"].map(id_of)))
    with pytest.raises(BadInput, match=r"spine\.csv: column 'client': ids are .*whole numbers"):
        load_frame(recipe, features.settings)


def test_there_is_no_such_file(features, spine, write, tmp_path):
    recipe = write(spine)
    (tmp_path / "spine.csv").unlink()
    with pytest.raises(NotFound, match=r"spine\.csv: no such file"):
        load_frame(recipe, features.settings)


# ------------------------------------------------------------------------ a recipe and its features


def test_a_monotone_name_that_is_no_feature_is_refused(features, spine, write, tmp_path):
    recipe = write(spine, monotone={"status_lag_0m": 1, "status_lag_9m": 1})
    with pytest.raises(BadInput, match="'status_lag_9m' is no feature; take it out") as said:
        load_frame(recipe, features.settings)
    assert said.value.where == f"{tmp_path / 'recipe.yaml'}: monotone"


def test_a_feature_that_the_recipe_keeps_for_audits_is_refused(features, spine, write, tmp_path):
    recipe = write(spine.assign(Balance_Lag_0M="x"), audit_only=["sex", "Balance_Lag_0M"])
    with pytest.raises(Refused, match=r"are features \(balance_lag_0m\)") as said:
        load_frame(recipe, features.settings)
    assert said.value.where == f"{tmp_path / 'recipe.yaml'}: audit_only"


def test_a_service_for_audits_is_not_trained_on(features, spine, write):
    source = {
        "service": "behaviour_risk_audit_v1",
        "spine": {"path": "spine.csv", "entity": "client", "time": "drew_at"},
    }
    with pytest.raises(Refused, match="behaviour_risk_audit_v1: it is for audits only"):
        load_frame(
            write(spine.drop(columns="sex"), source=source, audit_only=[]), features.settings
        )


def test_a_service_or_a_home_that_is_not_there(features, spine, write, tmp_path):
    recipe = write(spine)
    with pytest.raises(NotReady, match="no features are defined yet"):
        load_frame(recipe, small_settings(tmp_path / "nothing"))
    other = write(spine, source={"service": "risk_v9", "spine": "credit_default"})
    with pytest.raises(NotFound, match="risk_v9: there is no such feature service"):
        load_frame(other, features.settings)


def test_a_model_whose_features_the_service_no_longer_gives_is_told(features, plan):
    gone = ViewPlan("lateness", 60.0, (FeaturePlan("gone", "Float32"),))
    pinned = replace(plan, views=(*plan.views[:1], gone))
    with pytest.raises(NotReady, match="behaviour_risk_v1: the service no longer gives gone"):
        known_at(features.spine, pinned, features.settings)


def test_a_matrix_is_in_the_models_order(features, plan):
    joined = known_at(features.spine, plan, features.settings)
    names = ("credit_limit_lag_0m", "status_lag_0m")
    matrix = matrix_in(joined, names)
    expected = features.table[["LIMIT_BAL", "PAY_0"]].to_numpy(np.float32)
    np.testing.assert_array_equal(matrix, expected)
