"""Scores of a file by the served champion, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from finmodel import registry, tracking
from finmodel import table_files as table_file
from finmodel.errors import BadInput, NoRoom, NotReady
from finmodel.records import Person
from finmodel.settings import Settings
from risk.frames.load import load_frame
from risk.recipe import Recipe, load_recipe
from risk.score import score_file
from risk.train import train
from tests.finmodel.mlflow_home import settings_at
from tests.full_disk import room
from tests.risk.small_lender import RECIPE, loans

VALIDATOR = Person("val", frozenset({"validator"}))


@dataclass(frozen=True)
class World:
    settings: Settings
    recipe: Recipe
    expected: pd.DataFrame
    """id and pd of each loan, as MLflow computes it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("scoring")
    loans().to_csv(folder / "loans.csv", index=False)
    (folder / "r.yaml").write_text(yaml.safe_dump(RECIPE, allow_unicode=True), encoding="utf-8")
    settings = settings_at(folder / "home")
    recipe = load_recipe(folder / "r.yaml")
    train(recipe, settings, Person("eva", frozenset({"engineer"})))
    registry.promote(settings, recipe.name, None, to="champion", approver=VALIDATOR)
    frame = load_frame(recipe, settings)
    source = tracking.fetch(settings, recipe.name, 1).source
    pd_by_mlflow = tracking.predict(settings, source, frame.matrix, frame.names)
    yield World(settings, recipe, pd.DataFrame({"id": frame.ids, "pd": pd_by_mlflow}))
    shutil.rmtree(folder)


def read(path: Path) -> pd.DataFrame:
    return (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"id": str})
    )


@pytest.mark.parametrize("source", ["in.csv", "in.csv.gz", "in.parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
@pytest.mark.parametrize("piece", [100_000, 100])
def test_scores_are_those_of_mlflow(world, tmp_path, monkeypatch, source, target, piece):
    monkeypatch.setattr(table_file, "PIECE", piece)
    given = loans().drop(columns=["bad", "note", "sex", "age", "applied_on"])
    path = tmp_path / source
    given.to_parquet(path) if source.endswith("parquet") else given.to_csv(path, index=False)
    scored = score_file(world.recipe, world.settings, path, tmp_path / target)
    assert (scored.name, scored.version, scored.rows) == ("small_lender", 1, 1200)
    out = read(tmp_path / target)
    assert list(out.columns) == ["id", "pd", "points"]
    assert out.id.tolist() == world.expected.id.tolist()
    np.testing.assert_allclose(out.pd, world.expected.pd, rtol=0, atol=1e-15)
    by_hand = 600 - 20 / np.log(2) * (np.log(out.pd / (1 - out.pd)) + np.log(50))
    np.testing.assert_allclose(out.points, by_hand, atol=1e-8)


def test_reasons_come_where_they_are_asked_for(world, tmp_path):
    loans(50).to_csv(tmp_path / "in.csv", index=False)
    score_file(
        world.recipe, world.settings, tmp_path / "in.csv", tmp_path / "out.csv", with_reasons=True
    )
    codes = read(tmp_path / "out.csv").reasons.dropna().str.split(";").explode()
    assert set(codes) == {"R1", "R2", "R3"}


def test_unseen_categories_and_nulls_are_scored(world, tmp_path):
    later = loans(4)
    later["job"], later["income"] = ["pilot", None, "nurse", "clerk"], [None, -1, -9999, 5.0]
    later.to_csv(tmp_path / "in.csv", index=False)
    scored = score_file(world.recipe, world.settings, tmp_path / "in.csv", tmp_path / "out.csv")
    assert scored.rows == 4
    assert read(tmp_path / "out.csv").pd.between(0, 1).all()


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("income", "lots", "column 'income', row 501: 'lots' is not a number"),
        ("loan_id", None, "column 'loan_id', row 501: an id is empty"),
    ],
)
def test_the_first_bad_row_is_named_and_the_old_file_stays(
    world, tmp_path, monkeypatch, column, value, says
):
    monkeypatch.setattr(table_file, "PIECE", 100)
    given = loans().astype({column: object})
    given.loc[500, column] = value
    given.to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "out.csv").write_text("yesterday's")
    with pytest.raises(BadInput, match=says):
        score_file(world.recipe, world.settings, tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "yesterday's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_full_disk_leaves_nothing(world, tmp_path, target):
    loans().to_csv(tmp_path / "in.csv", index=False)
    with room(5000), pytest.raises(NoRoom):
        score_file(world.recipe, world.settings, tmp_path / "in.csv", tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("in.csv", "one file"),
        ("out.xlsx", "ending '.xlsx'"),
        ("absent/out.csv", "no such folder"),
    ],
)
def test_where_scores_cannot_go(world, tmp_path, target, says):
    loans(5).to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(BadInput, match=says):
        score_file(world.recipe, world.settings, tmp_path / "in.csv", tmp_path / target)


def test_rows_without_a_feature_and_no_rows_at_all(world, tmp_path):
    loans(5).drop(columns="job").to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(BadInput, match="there is no column 'job'"):
        score_file(world.recipe, world.settings, tmp_path / "in.csv", tmp_path / "out.csv")
    loans(5).iloc[:0].to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(BadInput, match="it has no rows"):
        score_file(world.recipe, world.settings, tmp_path / "in.csv", tmp_path / "out.csv")


def test_nothing_is_scored_before_a_promotion(world, tmp_path):
    loans(5).to_csv(tmp_path / "in.csv", index=False)
    elsewhere = Settings(home=tmp_path / "home", data=tmp_path)
    with pytest.raises(NotReady, match="no champion was ever promoted"):
        score_file(world.recipe, elsewhere, tmp_path / "in.csv", tmp_path / "out.csv")
