"""SQL as DuckDB runs it and PMML as JPMML scores it are equal to the card, row by row."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pytest
from jpmml_evaluator import make_evaluator
from jpmml_evaluator.py4j import Py4JBackend

from finmodel.manifest import Scaling
from risk.scaling import probability
from risk.scorecard.bins import CategoryBins, NumericBins
from risk.scorecard.card import Scorecard, log_odds_of, points_of, scaled
from risk.scorecard.columns import columns_for
from risk.scorecard.export import pmml, sql_expression, sql_query

ROWS = 10_000
ODD = 'a "quoted", odd & <name>'


def exported() -> Scorecard:
    random = np.random.default_rng(8)
    bins = {
        "income": NumericBins((0.1, 0.35, 0.7, 1e6), (-1.0, -9999.0, 0.2)),
        ODD: NumericBins((-0.5, 33.333333)),
        "job": CategoryBins((("clerk", "it's", 'c"d\\'), ("1", "两个 字"))),
    }
    parts = tuple(
        (name, one, 0.7, tuple(random.normal(size=len(one)).tolist())) for name, one in bins.items()
    )
    return scaled("exported", (-1.3, parts), Scaling(750, 35, 60), 2)


def rows() -> pd.DataFrame:
    """Missing, special and unseen values, and values at, just below and just above each cut."""
    random = np.random.default_rng(9)
    cuts = np.array([0.1, 0.35, 0.7, 1e6, -0.5, 33.333333, -1, -9999, 0.2])
    near = np.concatenate([cuts, np.nextafter(cuts, -1e9), np.nextafter(cuts, 1e9)])
    near = np.concatenate([near, cuts.astype(np.float32).astype(np.float64), [np.nan, 1e30, 0.0]])
    jobs = np.array(
        ["clerk", "it's", 'c"d\\', "1", "两个 字", "never seen", "", None], dtype=object
    )
    return pd.DataFrame(
        {
            "income": random.choice(near, ROWS),
            ODD: np.where(
                random.random(ROWS) < 0.5, random.choice(near, ROWS), random.normal(size=ROWS)
            ),
            "job": random.choice(jobs, ROWS),
        }
    )


CARD, TABLE = exported(), rows()
COLUMNS = columns_for(CARD, TABLE)
POINTS = points_of(CARD, COLUMNS)


@pytest.fixture(scope="module")
def java():
    backend = Py4JBackend()
    yield backend
    Py4JBackend.destroyGateway()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "card.pmml"
    path.write_text(pmml(CARD), encoding="utf-8")
    return path


def test_the_rows_hold_every_bin():
    for variable in CARD.variables:
        seen = np.unique(variable.bins.place(COLUMNS[variable.name]))
        assert len(seen) == len(variable.bins)
    assert len(np.unique(POINTS)) > 100


def test_sql_gives_the_same_points_and_probability():
    found = duckdb.sql(sql_query(CARD, "TABLE")).df()
    np.testing.assert_array_equal(found["points"], POINTS)
    np.testing.assert_allclose(found["pd"], probability(log_odds_of(CARD, COLUMNS)), atol=1e-12)


def test_sql_reads_single_precision_and_not_a_number_the_same():
    connection = duckdb.connect()
    connection.register("frame", TABLE.assign(income=TABLE["income"].astype(np.float32)))
    connection.execute("CREATE TABLE single AS SELECT * FROM frame")
    # pandas' NaN comes as NULL; a database may hold a NaN as well.
    connection.execute("UPDATE single SET income = 'NaN' WHERE income IS NULL")
    found = connection.sql(f"SELECT {sql_expression(CARD)} AS points FROM single").df()
    np.testing.assert_array_equal(found["points"], POINTS)


GRADES = CategoryBins((("1", "-2"), ("2", "10000000000000000"), ("0", "2.5", "0001")))
GRADED = scaled(
    "graded", (0.3, (("grade", GRADES, 1.0, (0.5, -0.4, 0.9, -1.1, 0.2)),)), Scaling(), 2
)
NUMBERS = [1.0, 2.0, 3.0, 2.5, -2.0, 1e16, 1.5e17, 0.0, -0.0, 1e300, np.inf, np.nan, None]
TEXTS = ["1", "1.0", " 2 ", "\t2.00\n", "3", "\u3000-2.0", "0001", "0001.0", "1.", "", "  ", "nan"]
STORED = {
    "BIGINT": [1, 2, 3, -2, 0, 10**16, None],
    "DOUBLE PRECISION": NUMBERS,
    "REAL": [value for value in NUMBERS if value not in (1e16, 1e300)],  # it can hold neither
    "DECIMAL(9, 3)": [Decimal("1"), Decimal("2.000"), Decimal("2.5"), Decimal("-2"), None],
    "VARCHAR": [*TEXTS, "2.5", "10000000000000000", "unseen", None],
}


@pytest.mark.parametrize("kind", STORED)
def test_a_category_that_is_a_number_is_the_same_however_it_is_stored(kind):
    drawn = np.random.default_rng(4).integers(0, len(STORED[kind]), ROWS)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE stored (place BIGINT, grade {kind})")
        connection.executemany("INSERT INTO stored VALUES (?, ?)", list(enumerate(STORED[kind])))
        connection.register("drawn", pd.DataFrame({"place": drawn, "row_number": np.arange(ROWS)}))
        found = connection.execute(
            f"SELECT grade, {sql_expression(GRADED)} FROM drawn JOIN stored USING (place)"
            " ORDER BY row_number"
        ).fetchall()
    grades, points = (np.array(column, dtype=object) for column in zip(*found, strict=True))
    expected = points_of(GRADED, columns_for(GRADED, pd.DataFrame({"grade": grades})))
    np.testing.assert_array_equal(points.astype(np.float64), expected)
    assert len(np.unique(expected)) >= 4


def test_numbers_that_are_no_single_precision_stop_no_database():
    wild = [1e300, -1e300, 1e-300, -1e-300, 3.4028235e38, 3.4028235677973366e38, np.inf, -np.inf]
    frame = pd.DataFrame({"income": wild, ODD: wild, "job": ["clerk"] * len(wild)})
    frame = pd.concat([frame, TABLE], ignore_index=True)
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        found = connection.sql(f"SELECT {sql_expression(CARD)} AS points FROM frame").df()
    np.testing.assert_array_equal(found["points"], points_of(CARD, columns_for(CARD, frame)))


def test_special_values_that_are_one_number_have_no_two_bins():
    with pytest.raises(ValueError, match=r"special values: each once \(as single precision\)"):
        NumericBins((1.0,), (16777216.0, 16777217.0))


def test_an_independent_evaluator_scores_the_pmml_equal(java, file):
    evaluator = make_evaluator(str(file), backend=java)
    evaluator.verify()
    found = evaluator.evaluateAll(TABLE)["points"].to_numpy(np.float64)
    assert len(found) == ROWS
    np.testing.assert_allclose(found, POINTS, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(np.round(found, 2), POINTS)


def test_the_pmml_is_valid_by_its_schema(java, file):
    java.newObject("org.dmg.pmml.PMML")  # loads the jar that holds the schema
    virtual = java.gateway.jvm
    loader = virtual.java.lang.Thread.currentThread().getContextClassLoader()
    factory = virtual.javax.xml.validation.SchemaFactory.newInstance(
        "http://www.w3.org/2001/XMLSchema"
    )
    validator = factory.newSchema(loader.getResource("pmml.xsd")).newValidator()

    def validate(text: str) -> None:
        file.write_text(text, encoding="utf-8")
        source = virtual.javax.xml.transform.stream.StreamSource(virtual.java.io.File(str(file)))
        validator.validate(source)

    validate(pmml(CARD))
    with pytest.raises(Exception, match="SAXParseException"):
        validate(pmml(CARD).replace("partialScore", "points"))
