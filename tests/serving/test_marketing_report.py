"""The workbook of a marketing model: what it shows is what was kept, and adds up."""

from __future__ import annotations

import msgspec
import openpyxl
import pytest

from finmodel import tracking
from finmodel.errors import BadInput
from marketing.recipe import load_recipe
from marketing.report import FILE, MarketingReport
from marketing.train import train
from serving.marketing_report import sheets_of
from serving.reporting import write_report
from tests.finmodel.mlflow_home import settings_at
from tests.finmodel.test_registry import ENGINEER
from tests.marketing.small_lender import TRIAL, trial_table, written


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A home with one version of uplift, and what was kept with it."""
    folder = tmp_path_factory.mktemp("market")
    home = settings_at(folder / "home")
    trial_table(chosen=0.0).to_csv(folder / "trial.csv", index=False)
    trained = train(load_recipe(written(folder, TRIAL)), home, ENGINEER)
    kept = tracking.kept(home, trained.run_id, FILE)
    return home, trained, msgspec.json.decode(kept, type=MarketingReport)


def test_the_workbook_shows_what_was_kept(told, tmp_path):
    home, trained, kept = told
    output = tmp_path / "report.xlsx"
    done = write_report(home, trained.name, None, output)
    assert done.files == (str(output), str(tmp_path / "report.html"))
    book = openpyxl.load_workbook(output)
    assert book.sheetnames == ["样本概况", "模型表现", "变量贡献", "增量", "平衡性"]
    cells = [[cell.value for cell in row] for row in book["模型表现"].iter_rows()]
    tenths = [row for row in cells if isinstance(row[0], int)]
    assert [row[1] for row in tenths] == [one.rows for one in kept.deciles]
    treated = [(one.treated, one.response_treated) for one in kept.uplift[0].deciles]
    assert sum(row[1] for row in tenths) == sum(n for n, _ in treated)
    responses = sum(row[1] * row[3] for row in tenths)
    assert responses == pytest.approx(sum(n * rate for n, rate in treated))
    assert tenths[-1][5] == pytest.approx(1.0)
    uplift = [[cell.value for cell in row] for row in book["增量"].iter_rows()]
    qini = next(row for row in uplift if row[0] == "qini")
    assert qini[1:4] == pytest.approx(
        [getattr(kept.uplift[0].figures["qini"], end) for end in ("value", "low", "high")]
    )
    assert len(book["模型表现"]._charts) == 1
    page = (tmp_path / "report.html").read_text()
    assert kept.label["zh"] in page


def test_a_propensity_has_no_sheets_of_uplift(told):
    _, trained, kept = told
    plain = msgspec.structs.replace(kept, uplift=(), balance=(), learner="")
    assert [one.zh for one in sheets_of(trained.name, plain).sheets] == [
        "样本概况",
        "模型表现",
        "变量贡献",
    ]


def test_a_record_that_cannot_be_read_is_said(told, tmp_path):
    home, trained, _ = told
    tracking.keep(home, trained.run_id, FILE, '{"sample": 5}')
    with pytest.raises(BadInput, match="its report cannot be read"):
        write_report(home, trained.name, None, tmp_path / "x.xlsx")
    assert list(tmp_path.iterdir()) == []
