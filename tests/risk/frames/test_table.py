"""A lender's table by its recipe alone: what becomes a feature, and each refusal with its row."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from finmodel.errors import BadInput, NotFound
from finmodel.table_contract import matrix_of
from risk.frames.table import load_table
from risk.recipe import load_recipe
from tests.risk.small_lender import RECIPE, loans, table_recipe


@pytest.mark.parametrize("file", ["loans.csv", "loans.csv.gz", "loans.parquet"])
def test_the_same_features_out_of_each_kind_of_file(lender, file):
    frame = load_table(load_recipe(lender(source=table_recipe(path=file))))
    assert frame.names == ("income", "debt_total", "debt_count", "job")
    assert frame.matrix.dtype == np.float32
    assert frame.ids[3] == "00003"
    assert frame.labels.tolist() == loans().bad.tolist()
    expected = loans()
    income = expected.income.replace(-9999, np.nan).astype(np.float32)
    np.testing.assert_array_equal(frame.matrix[:, 0], income)
    np.testing.assert_array_equal(frame.matrix[:, 1], expected.debt_total.astype(np.float32))
    assert np.isnan(frame.matrix[:, 1]).any()
    codes = expected.job.map({"clerk": 0, "driver": 1, "nurse": 2})
    np.testing.assert_array_equal(frame.matrix[:, 3], codes)
    assert frame.table is not None
    assert frame.table.categories == {"job": ("clerk", "driver", "nurse")}
    assert set(frame.audit["age"]) == {"< 30", "30 to 45", "≥ 45"}


def test_who_is_left_out_teaches_nothing(lender):
    frame = load_table(load_recipe(lender()), frozenset({"00003"}))
    assert "00003" not in frame.ids
    assert len(frame.ids) == len(frame.labels) == len(frame.matrix) == len(loans()) - 1


def test_who_is_left_out_teaches_nothing_by_any_of_their_loans(lender):
    table = loans().assign(owner=["0042", "00003"] + ["7"] * (len(loans()) - 2))
    path = lender(table, source=table_recipe(customer="owner", categoricals=["job", "owner"]))
    frame = load_table(load_recipe(path), frozenset({"0042"}))
    assert frame.ids[:2].tolist() == ["00001", "00002"]
    assert len(frame.ids) == len(frame.labels) == len(frame.matrix) == len(loans()) - 1
    assert frame.names == ("income", "debt_total", "debt_count", "job")
    assert frame.table is not None
    assert list(frame.table.categories) == ["job"]
    every = load_table(load_recipe(path), frozenset({"nobody"}))
    assert len(every.ids) == len(loans())


def test_numbers_of_customers_are_the_same_whatever_the_files_type(lender):
    table = loans().assign(owner=np.where(np.arange(len(loans())) < 9, 42.0, 7.0))
    source = table_recipe(path="loans.parquet", customer="owner")
    frame = load_table(load_recipe(lender(table, source=source)), frozenset({"42"}))
    assert len(frame.ids) == len(loans()) - 9


@pytest.mark.parametrize("left_out", [(), ("7",)])
def test_a_customer_column_that_does_not_say_whose_a_row_is_is_refused(lender, left_out):
    recipe = load_recipe(lender(source=table_recipe(customer="owner")))
    with pytest.raises(BadInput, match="there is no column 'owner'"):
        load_table(recipe, left_out)
    table = loans().assign(owner="8")
    table.loc[5, "owner"] = None
    recipe = load_recipe(lender(table, source=table_recipe(customer="owner")))
    with pytest.raises(BadInput, match="column 'owner', row 6: an id is empty"):
        load_table(recipe, left_out)


def test_the_data_hash_sees_one_changed_value(lender):
    first = load_table(load_recipe(lender())).data_hash
    assert load_table(load_recipe(lender())).data_hash == first
    changed = loans()
    changed.loc[7, "debt_count"] += 1
    assert load_table(load_recipe(lender(changed))).data_hash != first


def test_unseen_and_empty_categories_are_missing(lender):
    frame = load_table(load_recipe(lender()))
    assert frame.table is not None
    later = loans(4)
    later["job"] = ["pilot", None, "nurse", "clerk"]
    codes = matrix_of(later, frame.table, "later")[:, 3]
    np.testing.assert_array_equal(codes, [np.nan, np.nan, 2, 0])


def test_categories_are_learnt_from_the_rows_that_teach_only(lender):
    table = loans()
    table.loc[table.applied_on >= "2024-11-01", "job"] = "pilot"
    frame = load_table(load_recipe(lender(table)))
    assert frame.table is not None
    assert "pilot" not in frame.table.categories["job"]


@pytest.mark.parametrize("values", [[1, 2, 3], [1.0, 2.0, None], ["1", "2", "3.0"]])
def test_numbers_as_categories_read_the_same_from_each_type(lender, values):
    recipe = load_recipe(lender(loans().assign(job=loans().debt_count % 3 + 1)))
    contract = load_table(recipe).table
    assert contract is not None
    assert contract.categories["job"] == ("1", "2", "3")
    codes = matrix_of(loans(3).assign(job=values), contract, "t")[:, 3]
    np.testing.assert_array_equal(codes[:2], [0, 1])


def with_value(column: str, row: int, value: object) -> pd.DataFrame:
    table = loans().astype({column: object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (loans().drop(columns="bad"), "there is no column 'bad'"),
        (loans().drop(columns="loan_id"), "there is no column 'loan_id'"),
        (loans().drop(columns="note"), "there is no column 'note'"),
        (loans().drop(columns="sex"), "there is no column 'sex'"),
        (loans().assign(bad=1), "column 'bad': the label is constant"),
        (with_value("bad", 41, 2), "column 'bad', row 42: a label is '2'"),
        (with_value("bad", 41, "yes"), "column 'bad', row 42: a label is 'yes'"),
        (with_value("bad", 41, None), "column 'bad', row 42: a label is empty"),
        (with_value("loan_id", 9, "00003"), "column 'loan_id', row 10: an id stands twice"),
        (with_value("loan_id", 9, None), "column 'loan_id', row 10: an id is empty"),
        (with_value("applied_on", 6, "last week"), "column 'applied_on', row 7: it is not a time"),
        (with_value("applied_on", 6, None), "column 'applied_on', row 7: it is not a time"),
        (with_value("income", 99, "lots"), "column 'income', row 100: 'lots' is not a number"),
        (with_value("income", 99, 1e300), "column 'income', row 100: .* is not a number"),
        (loans().assign(debt_total=np.nan), "column 'debt_total': every value is missing"),
        (loans().assign(debt_total=-9999), "column 'debt_total': every value is missing"),
        (loans().assign(job=None), "column 'job': every value is missing"),
        (loans().assign(born="1980-05-17"), "column 'born': it holds dates"),
        (loans().assign(born="1980/5/17 10:00"), "column 'born': it holds dates"),
        (loans().assign(born=19800517), "column 'born': it holds dates"),
        (loans().assign(city="Taipei"), "column 'city', row 1: 'Taipei' is not a number"),
        (loans(0), "it has no rows"),
    ],
)
def test_what_cannot_be_learnt_from(lender, table, says):
    path = lender(table)
    with pytest.raises(BadInput, match=says) as caught:
        load_table(load_recipe(path))
    assert "loans.csv" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("kind", ["datetime64[us]", "date", "timedelta"])
def test_dates_of_parquet_are_refused_as_features(lender, kind):
    table = loans()
    born = pd.Series(pd.Timestamp("1980-05-17"), index=table.index)
    values = {
        "datetime64[us]": born,
        "date": born.dt.date,
        "timedelta": table.applied_on - born,
    }
    source = table_recipe(path="loans.parquet")
    path = lender(table.assign(born=values[kind]), source=source)
    with pytest.raises(BadInput, match="column 'born': it holds dates"):
        load_table(load_recipe(path))


def test_a_whole_number_that_is_no_day_stays_a_number(lender):
    table = loans().assign(debt_big=np.arange(1200) + 20_241_300)
    reasons = [*RECIPE["reasons"]]
    assert "debt_big" in load_table(load_recipe(lender(table, reasons=reasons))).names


def test_a_missing_column_comes_with_the_nearest_name(lender):
    path = lender(source=table_recipe(categoricals=["jobs"]))
    with pytest.raises(BadInput, match=r"there is no column 'jobs'.*did you mean 'job'"):
        load_table(load_recipe(path))


def test_special_values_stand_only_for_numeric_features(lender):
    path = lender(source=table_recipe(special_values={"job": [-1]}))
    with pytest.raises(BadInput, match="column 'job': special values stand only for numeric"):
        load_table(load_recipe(path))


def test_a_table_without_a_time_is_never_split_at_random(lender):
    source = table_recipe(time=None, exclude=["note", "applied_on"])
    frame = load_table(load_recipe(lender(source=source)))
    assert frame.times is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"loan_id,bad\n1,0\n2,1,7\n", "a row does not fit the header"),
        (b"loan_id,bad\n1,0,5\n2,1,7\n", "a row does not fit the header"),
        (b"loan_id,bad\n1,0\n\n2,1,7\n", r"\(line 4 has 3 fields, and the header 2\)"),
        (b"loan_id,debt,bad\n1,7,0\n2\n", r"\(line 3 has 1 fields, and the header 3\); write"),
        (b"loan_id,bad,bad\n1,0,1\n", "two columns are called 'bad'"),
        (b'"loan_id,bad\n1,0\n', "a row does not fit the header"),
        ("loan_id,备注,bad\n1,好,0\n".encode("gbk"), "it is not utf-8-sig text"),
        (b"loan_id;bad\n1;0\n", "separated by ';', not by ','; name another.*in a recipe"),
    ],
)
def test_a_file_that_is_no_table(lender, content, says):
    path = lender()
    (path.parent / "loans.csv").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        load_table(load_recipe(path))


def test_a_parquet_file_that_is_none(lender):
    path = lender(source=table_recipe(path="loans.parquet"))
    (path.parent / "loans.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(BadInput, match="it is not a Parquet file"):
        load_table(load_recipe(path))


def test_a_gzip_file_that_is_none(lender):
    path = lender(source=table_recipe(path="loans.csv.gz"))
    (path.parent / "loans.csv.gz").write_bytes(b"loan_id,bad\n1,0\n")
    with pytest.raises(BadInput, match="it is not a gzip file"):
        load_table(load_recipe(path))
    whole = gzip.compress(loans().to_csv(index=False).encode())
    (path.parent / "loans.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="it is not a gzip file"):
        load_table(load_recipe(path))


def test_a_column_of_lists_is_refused_by_its_name(lender):
    path = lender(loans().assign(tags=[["a"]] * 1200), source=table_recipe(path="loans.parquet"))
    with pytest.raises(BadInput, match="column 'tags': it holds list"):
        load_table(load_recipe(path))


def test_the_word_na_is_a_category_like_any_other_and_no_number(lender):
    table = loans().assign(job="NA").astype({"income": object})
    table.loc[:599, "job"], table.loc[0, "income"] = "null", "NA"
    frame = load_table(load_recipe(lender(table)))
    assert frame.table is not None
    assert frame.table.categories["job"] == ("NA", "null")
    assert np.isnan(frame.matrix[0, frame.names.index("income")])


def test_another_ending_and_an_absent_file(lender):
    path = lender()
    (path.parent / "loans.csv").unlink()
    with pytest.raises(NotFound, match="no such file"):
        load_table(load_recipe(path))
    other = lender(source=table_recipe(path="loans.xlsx"))
    with pytest.raises(BadInput, match=r"ending '\.xlsx'"):
        load_table(load_recipe(other))


def test_another_separator_and_encoding(lender):
    path = lender(source=table_recipe(separator=";", encoding="gbk"))
    text = loans().assign(job="职员").to_csv(index=False, sep=";")
    (path.parent / "loans.csv").write_bytes(text.encode("gbk"))
    contract = load_table(load_recipe(path)).table
    assert contract is not None
    assert contract.categories["job"] == ("职员",)
