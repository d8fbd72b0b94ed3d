"""`finmodel report` and `finmodel scorecard`: whole files, or one sentence and no file."""

from __future__ import annotations

import json
import os

import openpyxl
import pytest
from typer.testing import CliRunner

from finmodel import tracking
from finmodel.errors import BadInput, NotFound
from finmodel.records import Person
from risk.scorecard.card import decode
from risk.scorecard.side_by_side import load_card
from risk.train import train
from serving.cli import app
from serving.reporting import write_card, write_report
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_card import recipe_of
from tests.risk.small_lender import loans

ENGINEER = Person("eva", frozenset({"engineer"}))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    here = settings_at(tmp_path_factory.mktemp("report") / "home")
    recipe = recipe_of(tmp_path_factory.mktemp("lender"), loans())
    for _ in range(2):
        train(recipe, here, ENGINEER)
    return here


def test_the_workbook_and_the_page_lie_beside_each_other(settings, tmp_path):
    output = tmp_path / "report.xlsx"
    written = write_report(settings, "small_lender", None, output)
    assert (written.version, written.files) == (2, (str(output), str(tmp_path / "report.html")))
    title = openpyxl.load_workbook(output)["样本概况"]["A1"].value
    assert title == "样本概况 Sample · small_lender v2"
    assert "small_lender v2" in (tmp_path / "report.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.xlsx"]
    older = write_report(settings, "small_lender", 1, output)
    assert older.version == 1
    assert "small_lender v1" in (tmp_path / "report.html").read_text()


def test_an_interrupted_write_leaves_the_file_before_it(settings, tmp_path, monkeypatch):
    output = tmp_path / "report.xlsx"
    write_report(settings, "small_lender", 1, output)
    before = output.read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(Exception, match="no room left"):
        write_report(settings, "small_lender", 2, output)
    assert output.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.xlsx"]


@pytest.mark.parametrize("ending", ["json", "sql", "pmml"])
def test_the_card_is_exported_by_the_files_ending(settings, tmp_path, ending):
    output = tmp_path / f"card.{ending}"
    assert write_card(settings, "small_lender", None, output).version == 2
    text = output.read_text()
    begins = {"json": "{", "sql": "-- small_lender: points = 600", "pmml": "<?xml"}
    assert text.startswith(begins[ending])
    if ending == "json":
        assert decode(text.encode()) == load_card(settings, "small_lender", 2)[1]


@pytest.mark.parametrize(
    ("write", "name", "file", "said"),
    [
        (write_report, "nobody", "r.xlsx", "nobody: there is no such model"),
        (write_report, "small_lender", "r.pdf", "the ending '.pdf' is not known; name a file"),
        (write_report, "small_lender", "no/r.xlsx", "there is no such folder; make it"),
        (write_card, "small_lender", "card.csv", r"ends in \.json or \.sql or \.pmml"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(settings, tmp_path, write, name, file, said):
    with pytest.raises((BadInput, NotFound), match=said):
        write(settings, name, None, tmp_path / file)
    assert list(tmp_path.iterdir()) == []


def test_a_version_from_a_notebook_has_no_report_and_no_card(settings, tmp_path):
    with tracking.run(settings, "notebook", {}) as run:
        source = tracking.versions(settings, "small_lender")[0]
        model = f"models:/small_lender/{source.version}"
    tracking.register(settings, "notebook", model, run.id, {})
    with pytest.raises(NotFound, match="notebook version 1: no report was kept with it; train it"):
        write_report(settings, "notebook", None, tmp_path / "r.xlsx")
    with pytest.raises(NotFound, match="no scorecard was trained with it"):
        write_card(settings, "notebook", None, tmp_path / "card.sql")


def test_the_commands_answer_and_say_what_is_wrong(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("FINMODEL_HOME", str(settings.home))
    runner, output = CliRunner(), tmp_path / "r.xlsx"
    answer = runner.invoke(app, ["report", "small_lender", "--output", str(output), "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["version"] == 2
    assert output.is_file()
    words = ["scorecard", "small_lender", "--version", "9", "--output", str(tmp_path / "c.sql")]
    refused = runner.invoke(app, words)
    assert isinstance(refused.exception, NotFound)
    assert "small_lender version 9: there is no such model" in str(refused.exception)
