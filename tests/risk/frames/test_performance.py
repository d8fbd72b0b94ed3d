"""A table's own loans, followed in a file of days past due: by hand, and each bad file."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from finmodel import tracking
from finmodel.errors import BadInput, NotFound
from finmodel.gate import NO_OUT_OF_TIME
from risk.frames.frame import TrainingFrame
from risk.frames.load import load_frame
from risk.frames.loans import book_in, labels_in, rule_of
from risk.labels.explore import explored
from risk.labels.fates import Fate
from risk.monitor.reference import FILE as REFERENCE
from risk.monitor.reference import read_reference
from risk.recipe import load_recipe
from risk.train import cross_validate, prepare, train
from serving.label_tables import show
from tests.feature_store.small_home import small_settings
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_lender import RECIPE, loans, table_recipe
from tests.risk.test_train import ANALYST

Followed = Callable[..., Path]
RULE: dict[str, Any] = {
    "observation": "row",
    "window": 3,
    "bad": "dpd >= 30 ever by mob 3",
    "indeterminate": "dpd >= 15 ever by mob 3",
    "performance": {"path": "seen.csv", "entity": "loan", "time": "month", "dpd": "late"},
}
ENDS = pd.date_range("2024-01-31", "2025-01-31", freq="ME")


def seen_of(table: pd.DataFrame) -> pd.DataFrame:
    """Month's ends of each loan: the bad are 40 days late at the end of mob 2, each third 20."""
    rows = []
    for loan, applied, bad in table[["loan_id", "applied_on", "bad"]].itertuples(index=False):
        ends = ENDS[applied <= ENDS]
        late = np.zeros(len(ends), int)
        if bad and len(ends) > 2:
            late[2] = 20 if int(loan) % 3 == 0 else 40
        rows.append(pd.DataFrame({"loan": loan, "month": ends.strftime("%Y-%m-%d"), "late": late}))
    return pd.concat(rows, ignore_index=True)


@pytest.fixture
def followed(lender: Callable[..., Path], tmp_path: Path) -> Followed:
    """Write a table without its label, what was seen of it, and the recipe; give its path."""

    def write(table: pd.DataFrame, seen: pd.DataFrame | None = None, **changes: Any) -> Path:
        (seen_of(table) if seen is None else seen).to_csv(tmp_path / "seen.csv", index=False)
        return lender(table.drop(columns="bad"), **{"label": RULE} | changes)

    return write


def frame_of(path: Path) -> TrainingFrame:
    return load_frame(load_recipe(path), small_settings(path.parent / "home"))


def test_good_and_bad_rows_teach_and_others_are_told(followed):
    table = loans(600)
    frame = frame_of(followed(table))
    # Looked at until January 2025: with three months on book, those of October are the last.
    mature = table[table["applied_on"] < "2024-11-01"]
    third = mature["loan_id"].astype(int) % 3 == 0
    bad, aside = mature[(mature["bad"] == 1) & ~third], mature[(mature["bad"] == 1) & third]
    taught = mature[~mature["loan_id"].isin(aside["loan_id"])]
    assert frame.ids.tolist() == taught["loan_id"].tolist()
    assert frame.ids[frame.labels == 1].tolist() == bad["loan_id"].tolist()
    assert frame.followed is not None
    assert frame.followed.aside_ids.tolist() == aside["loan_id"].tolist()
    assert frame.followed.aside_matrix.shape == (len(aside), 4)
    assert len(frame.followed.aside_times) == len(aside)
    income = aside["income"].where(aside["income"] > 0)
    np.testing.assert_array_equal(
        frame.followed.aside_matrix[:, frame.names.index("income")], income.astype(np.float32)
    )
    early = len(table) - len(mature)
    assert frame.followed.notes[-1] == f"{early} rows not mature: 2024-11 to 2024-12"
    assert sum(one.observed for one in frame.followed.cohorts) == len(table)


def test_a_loan_whose_window_is_not_over_is_not_mature_though_nothing_is_told_of_it(followed):
    """Looks come once a month: of the youngest nobody has looked at any yet."""
    table = loans(600)
    young = table["loan_id"][table["applied_on"].astype(str) >= "2024-12"]
    seen = seen_of(table)
    recipe = load_recipe(followed(table, seen[~seen["loan"].isin(young)]))
    labels = labels_in(recipe, book_in(recipe))
    (last,) = [one for one in labels.by_cohort() if one.cohort == "2024-12"]
    assert (last.observed, last.not_mature, last.excluded) == (len(young), len(young), 0)
    assert labels.excluded == {"no performance is told": 0}
    assert len(young) > 10


def test_a_loan_of_which_nothing_is_told_is_no_good_one(followed):
    table = loans(600)
    silent = table["loan_id"].iloc[:7]
    seen = seen_of(table)
    frame = frame_of(followed(table, seen[~seen["loan"].isin(silent)]))
    assert not set(silent) & set(frame.ids.tolist())
    assert frame.followed is not None
    over = (table["applied_on"].iloc[:7].astype(str) < "2024-11").sum()  # the others may yet tell
    assert 0 < over < 7
    assert frame.followed.excluded == {"no performance is told": over}
    assert sum(one.excluded for one in frame.followed.cohorts) == over


def test_who_is_looked_at_no_more_before_the_windows_end_is_no_good_one(followed):
    """Unless bad already; a look within the last month counts, and events' silence is none."""
    table = loans(600).assign(applied_on=lambda t: t["applied_on"].clip(upper="2024-10-31"))
    seen = seen_of(table)
    begun = pd.to_datetime(table.set_index("loan_id")["applied_on"]).dt.to_period("M")
    mob = pd.PeriodIndex(seen["month"], freq="M").astype("int64") - (
        seen["loan"].map(begun).astype("period[M]").astype("int64")
    )
    left = table["loan_id"].iloc[:200]
    ends_early = seen[~(seen["loan"].isin(left) & (mob > 2))]
    third = left.astype(int) % 3 == 0
    bad = left[(table["bad"].iloc[:200] == 1) & ~third]
    frame = frame_of(followed(table, ends_early))
    assert frame.followed is not None
    assert set(left) & set(frame.ids.tolist()) == set(bad)
    assert not set(left) & set(frame.followed.aside_ids.tolist())
    counts = {"no performance is told": 0, "not followed to the end of the window": 200 - len(bad)}
    assert frame.followed.excluded == counts
    told = f"{200 - len(bad)} rows excluded: not followed to the end of the window"
    assert told in frame.followed.notes
    # The last month's looks moved to its first day: still within the month.
    within = seen[~(seen["loan"].isin(left) & (mob > 3))]
    months = within["month"].where(mob[within.index] != 3, within["month"].str[:8] + "01")
    whole = frame_of(followed(table, within.assign(month=months)))
    assert set(left) - set(whole.ids.tolist()) == set(left[table["bad"].iloc[:200] == 1][third])


def test_a_look_long_after_all_others_does_not_end_every_window(followed, tmp_path):
    """One mistyped year, and a date that means 'open' in many rows."""
    seen = seen_of(loans(600))
    stray = edited("month", "2099-12-31")(seen)
    says = r"column 'month', row 4: '2099-12-31' is 899 months after other looks; correct the"
    for wrong in (stray, seen.assign(month=seen["month"].where(seen.index != 3, "2099-12-31"))):
        with pytest.raises(BadInput, match=says):
            frame_of(followed(loans(600), wrong))
    open_ones = seen.assign(month=seen["month"].where(seen["month"] < "2025", "2099-12-31"))
    with pytest.raises(BadInput, match=r"'2099-12-31' is 900 months after other looks"):
        frame_of(followed(loans(600), open_ones))


def test_looks_once_a_quarter_are_no_stray_ones(followed):
    seen = seen_of(loans(600))
    quarterly = seen[seen["month"].str[5:7].isin(["01", "04", "07", "10"])]
    recipe = load_recipe(followed(loans(600), quarterly))
    labels = labels_in(recipe, book_in(recipe))
    assert labels.excluded == {"no performance is told": 0}
    assert len(labels.rows(Fate.GOOD)) > 400


def test_one_observation_date_has_nothing_out_of_time(followed, tmp_path):
    """The folds judge, and it is said that no row was later than those that taught."""
    table = loans(600).assign(applied_on=pd.Timestamp("2024-02-01"))
    recipe = load_recipe(followed(table, split={"folds": 2, "repeats": 1}))
    ready = prepare(recipe, small_settings(tmp_path / "home"))
    assert len(ready.parts.train) == len(ready.frame)
    assert (ready.parts.by_time, ready.parts.valid.size) == (False, 0)
    found = cross_validate(recipe, small_settings(tmp_path / "home"))
    assert (found.sample, found.out_of_time) == ("1 × 2 folds", NO_OUT_OF_TIME)


def test_monitoring_follows_as_long_as_the_rule(followed, tmp_path):
    gate = {"auc": 0.5, "ks": 0.0, "brier": 0.3, "parity_rows": 50}
    path = followed(loans(900), label=RULE | {"bad": "dpd >= 21 ever by mob 3"}, gate=gate)
    settings = settings_at(tmp_path / "home")
    trained = train(load_recipe(path), settings, ANALYST)
    told = tracking.kept(settings, trained.run_id, REFERENCE)
    reference = read_reference(told, "the run")
    assert (reference.window_days, reference.bad_dpd) == (90, 21)


def test_a_loan_whose_looks_stop_leaves_the_vintages_denominator_unless_late_already(followed):
    """Counted by pandas from the file itself: silence is no good news, and no share of it."""
    table = loans(600)
    seen = seen_of(table)
    begun = pd.to_datetime(table.set_index("loan_id")["applied_on"]).dt.to_period("M")
    cohort = seen["loan"].map(begun).astype("period[M]")
    mob = pd.PeriodIndex(seen["month"], freq="M").astype("int64") - cohort.astype("int64")
    left = table["loan_id"].iloc[::3]
    never, stops = left.iloc[::10], left.drop(left.index[::10])
    gone = (seen["loan"].isin(stops) & (mob > 1 + seen["loan"].astype(int) % 3)).to_numpy()
    kept = seen[~gone & ~seen["loan"].isin(never).to_numpy()]
    recipe = load_recipe(followed(table, kept))
    book = book_in(recipe)
    found = explored(recipe.name, rule_of(recipe), book, labels_in(recipe, book))
    told = kept.assign(cohort=cohort[kept.index].astype(str), mob=mob[kept.index])
    checked = 0
    for row in found.vintages:
        here = told[told["cohort"] == row.cohort]
        for m, (bad, observed, rate) in enumerate(
            zip(row.bad, row.observed, row.rates, strict=True)
        ):
            if bad is None:
                assert (observed, rate) == (None, None)
                continue
            late = set(here[(here["late"] >= 30) & (here["mob"] <= m)]["loan"])
            still = set(here[here["mob"] >= m]["loan"])
            assert (bad, observed) == (len(late), len(late | still))
            assert rate == (len(late) / len(late | still) if late | still else None)
            checked += observed < row.accounts
    assert checked > 20
    counts = np.zeros((8, 8), int)
    ends = kept.pivot_table(index="loan", columns=kept["month"].str[:7], values="late")
    for now, after in zip(ends.columns, ends.columns[1:], strict=False):
        pairs = ends[[now, after]].dropna()
        bucket = [np.searchsorted([0, 30, 60], pairs[one]) for one in (now, after)]
        np.add.at(counts, tuple(bucket), 1)
    assert [row.account_months for row in found.roll_rates] == counts.sum(axis=1).tolist()
    screen = Console(file=io.StringIO(), width=200)
    show(found, screen)
    assert "账龄表分母" in screen.file.getvalue()
    whole = load_recipe(followed(table))
    book = book_in(whole)
    screen = Console(file=io.StringIO(), width=200)
    show(explored(whole.name, rule_of(whole), book, labels_in(whole, book)), screen)
    assert "账龄表分母" not in screen.file.getvalue()


def test_its_tables_are_explored_too(followed):
    table = loans(600)
    recipe = load_recipe(followed(table))
    book = book_in(recipe)
    found = explored(recipe.name, rule_of(recipe), book, labels_in(recipe, book))
    months = table["applied_on"].dt.strftime("%Y-%m")
    assert {row.cohort: row.accounts for row in found.vintages} == months.value_counts().to_dict()
    january = table[(months == "2024-01") & (table["bad"] == 1)]
    late = (january["loan_id"].astype(int) % 3 != 0).sum()
    assert found.vintages[0].bad[:4] == [0, 0, late, late]
    assert found.roll_rates[0].rates[2] > 0  # C to M2, as month's ends alone show it
    assert all(rate is None for row in found.first_payments for rate in row.rates)


def edited(column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The fourth row's value replaced."""

    def work(seen: pd.DataFrame) -> pd.DataFrame:
        values = seen[column].astype(object)
        values.iloc[3] = value
        return seen.assign(**{column: values})

    return work


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (edited("late", -1), r"column 'late', row 4: '-1' is no number of days; write whole"),
        (edited("late", 1.5), r"row 4: '1\.5' is no number of days"),
        (edited("late", "M1"), r"row 4: 'M1' is no number of days"),
        (edited("late", None), r"row 4: 'nan' is no number of days"),
        (edited("month", "soon"), "column 'month', row 4: it is not a time"),
        (edited("loan", None), "column 'loan', row 4: an id is empty"),
        (lambda s: s.drop(columns="late"), "there is no column 'late'; name another"),
        (lambda s: s.assign(loan="x" + s["loan"]), "no 'loan' of it stands in the table"),
        (lambda s: s.head(0), "it has no rows"),
        (
            lambda s: pd.concat([s, s.tail(1).assign(late=77)]),
            r"row \d+: a loan is 0 and 77 days past due on one day; keep the one that holds",
        ),
    ],
)
def test_a_bad_file_is_told_with_its_place(followed, tmp_path, change, says):
    table = loans(60)
    path = followed(table, change(seen_of(table)))
    with pytest.raises(BadInput, match=says) as told:
        frame_of(path)
    assert told.value.where.startswith(str(tmp_path / "seen.csv"))


def test_the_same_look_twice_is_one(followed):
    table = loans(600)
    seen = seen_of(table)
    once, twice = (frame_of(followed(table, s)) for s in (seen, pd.concat([seen, seen.tail(50)])))
    assert once.data_hash == twice.data_hash


def test_nobody_has_matured_yet(followed):
    table = loans(60).assign(applied_on=pd.Timestamp("2024-12-05"))
    with pytest.raises(BadInput, match=r"label: of 60 rows .*goods and bads \(60 not mature\)"):
        frame_of(followed(table))


def test_there_is_no_such_file(followed, tmp_path):
    path = followed(loans(60))
    (tmp_path / "seen.csv").unlink()
    with pytest.raises(NotFound, match=r"seen\.csv: no such file"):
        frame_of(path)


def test_a_table_without_a_time_cannot_be_followed(lender):
    source = table_recipe(time=None, exclude=["note", "applied_on"])
    path = lender(label=RULE, source=source)
    assert RECIPE["source"] != source
    with pytest.raises(BadInput, match=r"label\.observation: rows are looked at at their time"):
        load_recipe(path)
