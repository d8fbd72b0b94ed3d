"""`finmodel document`: what stands in it is what audit log, MLflow and recipe say, and no more."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from typer.testing import CliRunner

from finmodel import tracking
from finmodel.audit import AuditLog, scan
from finmodel.clock import SystemClock
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.gate import SwapSet, Why
from finmodel.manifest import Check, Verdict
from finmodel.records import Person
from finmodel.vault import Vault
from risk.document.facts import fetch_facts
from risk.document.stages import document_of
from risk.document.text import markdown
from risk.document.words import note
from risk.labels.fates import CohortCount
from risk.monitor.alerts import acknowledge
from risk.recipe import load_recipe
from risk.report.page import cell_text
from risk.train import train
from serving import promotion
from serving.access import People
from serving.cli import app
from serving.documents import Asked, write_document
from serving.screen import Progress
from tests.finmodel.mlflow_home import settings_at
from tests.finmodel.test_registry import registered
from tests.risk.logged_decisions import Decided, log_decisions
from tests.risk.small_card import NO_TIME, recipe_of
from tests.risk.small_lender import loans
from tests.serving.small_world import ROOT

NAME = "small_lender"
ENGINEER = Person("eva", frozenset({"engineer"}))
WHY, END = "only one date | <b>\nof observation", "the product was closed"
STAGES = ["开发", "测试", "评审", "监测", "退出"]
QUIET = Progress()


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Settings, and the document in MLflow after each step: trained, waived, promoted, retired."""
    here = settings_at(tmp_path_factory.mktemp("document") / "home")
    recipe = recipe_of(tmp_path_factory.mktemp("lender"), loans(), source=NO_TIME)
    here = replace(here, key=People(here.people).add("val", ["validator"]))
    train(recipe, here, ENGINEER)
    steps = [in_mlflow(here, 1)]
    promotion.waive(here, NAME, None, WHY)
    steps.append(in_mlflow(here, 1))
    promotion.promote(here, NAME, 1, "champion", None, QUIET)
    steps.append(in_mlflow(here, 1))
    train(recipe, here, ENGINEER)
    promotion.waive(here, NAME, 2, WHY)
    promotion.promote(here, NAME, 2, "champion", None, QUIET)
    promotion.retire(here, NAME, 1, END)
    return here, [*steps, in_mlflow(here, 1)]


@pytest.fixture
def settings(stored):
    return stored[0]


def in_mlflow(here, version, file="document-{}.md"):
    """What MLflow's own client finds beside the version's run."""
    client = MlflowClient(here.mlflow_uri, here.mlflow_uri)
    run = client.get_model_version(NAME, str(version)).run_id
    return Path(client.download_artifacts(run, file.format(version))).read_text()


def pairs(document):
    """Item and content of every table of two columns, and the notes."""
    return {
        stage.zh: dict(row for one in stage.tables if len(one.headings) == 2 for row in one.rows)
        for stage in document.sheets
    }


def beijing(entry):
    return f"{entry.time.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M:%S} +08:00"


def test_mlflow_holds_the_document_of_each_step(stored):
    settings, (trained, waived, promoted, retired) = stored
    assert "尚未批准" in trained
    assert "上线前须有豁免" in trained
    assert "val 于" in waived
    assert "尚未批准" in waived
    assert "批准为 champion" in promoted
    assert "| 状态 | 未退出 |" in promoted
    assert "| 状态 | 已退出 |" in retired
    assert END in retired
    assert "（本版本被替换）" in retired
    page = in_mlflow(settings, 1, "document-{}.html")
    assert f"<h1>模型文档 <small>Model document</small> · {NAME} v1" in page


def test_names_times_and_reasons_are_the_audit_logs(settings):
    told = pairs(document_of(fetch_facts(settings, NAME, 1)))
    acts = [
        one
        for one in scan(settings.audit)
        if 1 in (one.body.get("version"), one.body["from"] if one.kind == "promotion" else None)
    ]
    by_kind = {one.kind: one for one in reversed(acts)}
    waiver, moved, ended = (by_kind[one] for one in ("waiver", "promotion", "retirement"))
    assert told["评审"]["批准"] == f"val 于 {beijing(moved)} 批准为 champion"
    assert told["评审"]["豁免"].startswith(f"val 于 {beijing(waiver)} 豁免 跨期样本")
    assert told["评审"]["豁免"].endswith(f"理由：{WHY}")
    assert told["退出"]["退出理由"] == END
    assert told["退出"]["退出时间"] == beijing(ended)
    (table,) = [
        one
        for sheet in document_of(fetch_facts(settings, NAME, 1, whole_log=True)).sheets
        for one in sheet.tables
        if one.title == "审计记录"
    ]
    assert [row[-1] for row in table.rows] == [one.id for one in acts]
    assert len(acts) == 5


def test_recipe_hash_gate_and_comparison_are_those_that_mlflow_and_the_log_keep(settings):
    document = document_of(fetch_facts(settings, NAME, 2))
    told = pairs(document)
    client = MlflowClient(settings.mlflow_uri, settings.mlflow_uri)
    version = client.get_model_version(NAME, "2")
    run = client.get_run(version.run_id)
    recipe = Path(client.download_artifacts(version.run_id, "recipe.yaml")).read_text()
    assert document.sheets[0].text == recipe
    assert told["开发"]["数据 SHA-256"] == version.tags["data_hash"]
    assert told["开发"]["MLflow 运行"] == version.run_id
    assert told["开发"]["坏的定义"] == f"数据列 {yaml.safe_load(recipe)['label']}，1 为坏"
    assert told["开发"]["特征数"] == run.data.params["features"]
    tables = {one.title: one for one in document.sheets[1].tables}
    gate = next(one for one in scan(settings.audit, "gate") if one.body["version"] == 2).body[
        "verdict"
    ]
    shown = tables["门控各项与门槛"].rows
    assert [row[1] for row in shown] == [
        f"{one['value']:.4f}" if abs(one["value"]) >= 1e-4 or not one["value"] else row[1]
        for one, row in zip(gate["checks"], shown, strict=True)
    ]
    assert [row[2] for row in shown][:3] == ["≥ 0.6", "≥ 0.15", "≤ 0.25"]
    (comparison,) = [one for title, one in tables.items() if title.startswith("评分卡与 LightGBM")]
    auc = comparison.rows[0]
    metrics = run.data.metrics
    assert auc == ("AUC", pytest.approx(metrics["scorecard_auc"]), pytest.approx(metrics["auc"]))
    groups = json.loads(Path(client.download_artifacts(version.run_id, "groups.json")).read_text())
    assert [row[5] for row in tables["分组检视"].rows] == [one["approval_rate"] for one in groups]


def test_the_page_and_the_markdown_say_all_and_let_nothing_in(settings, tmp_path):
    made = {
        end: write_document(settings, (NAME, 1), tmp_path / f"d.{end}", Asked(), QUIET)
        for end in ("html", "md")
    }
    page, text = ((tmp_path / f"d.{end}").read_text() for end in ("html", "md"))
    seen = _Seen()
    seen.feed(page)
    assert {"script", "link", "img", "iframe", "b"} & seen.tags == set()
    cells = [
        cell_text(cell, heading.form)
        for stage in made["html"].document.sheets
        for table in stage.tables
        for row in table.rows
        for cell, heading in zip(row, table.headings, strict=True)
    ]
    assert len(cells) > 200
    assert [one for one in cells if one and one not in seen.words] == []
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {number}、{zh} {en}"
        for number, zh, en in zip(
            "一二三四五",
            STAGES,
            ("Development", "Testing", "Review", "Monitoring", "Retirement"),
            strict=True,
        )
    ]
    assert r"only one date \| \<b\> of observation" in text
    assert "<b>" not in text


class _Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.words = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words.add(data)


def test_what_was_never_stored_says_so(settings, tmp_path):
    registered(settings, None)
    notebook = document_of(fetch_facts(settings, "small", 1))
    told, notes = pairs(notebook), {one.zh: " ".join(one.notes) for one in notebook.sheets}
    assert notebook.sheets[0].text == ""
    assert told["开发"]["数据 SHA-256"] == "未记录"
    assert told["开发"]["坏的定义"] == "未记录"
    assert told["开发"]["训练人"] == "eva"
    assert "门控结论：未记录" in notes["测试"]
    assert told["评审"]["批准"] == "未记录（尚未批准）"
    assert "最近一次红绿灯：未记录" in notes["监测"]
    assert told["退出"]["当前服务"] == "未在服务"
    asked = write_document(settings, ("small", 1), tmp_path / "d.md", Asked(light=True), QUIET)
    (why,) = [one for one in asked.document.sheets[3].notes if "本次" in one]
    assert "不可用" in why
    assert "the audit log has no decision of it" in why


def test_the_light_is_kept_and_shown_again_without_asking(settings, tmp_path):
    chance = np.random.default_rng(3)
    rows = 400
    table = loans(rows)
    vector = np.column_stack(
        [table["income"], table["debt_total"], table["debt_count"], np.zeros(rows)]
    )
    now = SystemClock().now()
    part = Decided(np.full(rows, 0.0), chance.normal(-2, 1, rows), vector, version=2)
    log_decisions(settings, now - timedelta(days=3), [part], model=NAME)
    output = tmp_path / "d.html"
    with Progress() as progress:
        made = write_document(settings, (NAME, 2), output, Asked(light=True), progress)
    kept = json.loads(in_mlflow(settings, 2, "light-{}.json"))
    assert kept["n"] == rows
    again = document_of(fetch_facts(settings, NAME, 2))
    assert again.sheets[3] == made.document.sheets[3]
    assert pairs(again)["监测"]["决策数"] == str(rows)
    (light,) = [one for one in again.sheets[3].notes if one.startswith("最近一次红绿灯")]
    assert light.endswith(kept["light"]["zh"])


def test_a_manifest_that_was_changed_in_mlflow_is_no_document(settings):
    run = tracking.versions(settings, NAME)[0].run_id
    before = tracking.kept(settings, run, "manifest-2.json").decode()
    tracking.keep(settings, run, "manifest-2.json", before.replace('"trained_by":"eva"', '"a":1'))
    try:
        with pytest.raises(Damaged, match="manifest in MLflow is not the one that was gated"):
            fetch_facts(settings, NAME, 2)
    finally:
        tracking.keep(settings, run, "manifest-2.json", before)


def test_an_unread_recipe_is_still_shown(settings):
    facts = fetch_facts(settings, NAME, 2)
    document = document_of(replace(facts, recipe=None, recipe_text="name: old\n````\n"))
    assert "配方解读不可用" in " ".join(document.sheets[0].notes)
    assert "`````yaml\nname: old\n````\n`````" in markdown(document, "t")


def test_a_label_by_a_rule_and_its_cohorts_are_told_as_the_recipe_says_them(settings):
    recipe = load_recipe(ROOT / "risk" / "lender_behaviour_risk.yaml")
    cohorts = (CohortCount("2024-03", 90, 60, 20, 4, 3, 3, 0.25), *empty_month())
    facts = replace(fetch_facts(settings, NAME, 2), recipe=recipe, cohorts=cohorts)
    document = document_of(facts)
    told, label = pairs(document)["开发"], yaml.safe_load(recipe.text)["label"]
    assert told["坏的定义"] == label["bad"]
    assert told["不确定样本（不参与训练）"] == label["indeterminate"]
    assert told["剔除"] == "、".join(label["exclude"])
    assert told["表现期"] == f"{label['window']} 个月"
    assert told["批次"] == f"{label['cohorts']['from']} 至 {label['cohorts']['to']}"
    (table,) = [one for one in document.sheets[0].tables if one.title == "按月批次"]
    assert table.rows[0] == ("2024-03", 90, 60, 20, 4, 3, 3, "25.00%")
    assert table.rows[1][-1] == "不可用"


def empty_month():
    return (CohortCount("2024-04", 5, 0, 0, 0, 0, 5, None),)


def test_alerts_are_told_with_owner_and_acknowledgement(settings):
    with closing(Vault(settings.vault)) as vault:
        log = AuditLog(settings.alerts, vault, settings.clock)
        with closing(log):
            raised = log.append(
                "alert",
                {
                    "model": NAME,
                    "version": 2,
                    "segment": {},
                    "signal": "psi",
                    "colour": "amber",
                    "zh": "评分分布 PSI 0.1200",
                    "en": "score PSI 0.1200",
                    "owner": "Wang Fang",
                },
            )
    analyst = Person("Lin", frozenset({"analyst"}))
    acknowledge(settings, raised, analyst, "渠道更换，已联系")
    sheet = document_of(fetch_facts(settings, NAME, 2)).sheets[3]
    (row,) = next(one for one in sheet.tables if one.title == "预警").rows
    assert row[1:5] == ("psi", "黄", "评分分布 PSI 0.1200", "Wang Fang")
    assert row[5].startswith("Lin 于 20")
    assert row[6] == "渠道更换，已联系"
    assert "监测负责人：未记录；预警负责人 Wang Fang" in sheet.notes
    other = document_of(fetch_facts(settings, NAME, 1)).sheets[3]
    assert "预警：无记录" in other.notes


def test_the_gates_own_notes_have_chinese():
    said = note(str(SwapSet(3, 900, 12, 34, 254, 0.05, 0.125)))
    assert "第 3 版" in said
    assert "换入 12（坏账率 5.0%），换出 34（坏账率 12.5%）" in said
    assert "换入 0（坏账率 不可用）" in note(str(SwapSet(3, 900, 0, 34, 254, None, 0.125)))
    for why in Why:
        said = note(f"approval_ratio by sex: not available, {why}")
        assert said.startswith("按 sex 分组的通过率之比（approval_ratio）不可用，未检查：")
        assert why not in said


def test_a_check_that_failed_is_told_with_its_threshold(settings):
    others = (
        Check("gini", 0.22, "reported", True),
        Check("approval ratio by sex", None, "≥ 0.8", False),
    )
    verdict = Verdict(False, (Check("auc", 0.61, "≥ 0.7", False), *others), "folds")
    registered(settings, verdict)
    document = document_of(fetch_facts(settings, "small", None))
    assert pairs(document)["评审"]["门控结论"] == "未通过：AUC、按 sex 分组的最低通过率之比"
    rows = document.sheets[1].tables[0].rows
    assert ("AUC", "0.6100", "≥ 0.7", "未通过") in rows
    assert ("Gini", "0.2200", "仅报告，不设门槛", "仅报告") in rows
    assert ("按 sex 分组的最低通过率之比", "不可用", "≥ 0.8", "未通过") in rows


@pytest.mark.parametrize(
    ("name", "version", "file", "said"),
    [
        ("nobody", None, "d.md", "nobody: there is no such model"),
        (NAME, 9, "d.md", f"{NAME} version 9: there is no such model; see `finmodel models`"),
        (NAME, 1, "d.pdf", r"the ending '.pdf' is not known; name a file that ends in .html or"),
        (NAME, 1, "no/d.md", "there is no such folder; make it"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(settings, tmp_path, name, version, file, said):
    with pytest.raises((BadInput, NotFound), match=said):
        write_document(settings, (name, version), tmp_path / file, Asked(), QUIET)
    assert list(tmp_path.iterdir()) == []


def test_the_command_answers_with_figures_on_stdout(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("FINMODEL_HOME", str(settings.home))
    output = tmp_path / "d.md"
    words = ["document", NAME, "--version", "1", "--output", str(output), "--json"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["version"], told["file"], told["kept"]) == (1, str(output), True)
    assert [one["zh"] for one in told["stages"]] == STAGES
    made = document_of(fetch_facts(settings, NAME, 1)).sheets
    assert told["stages"] == json.loads(msgspec.json.encode(made))
    assert output.read_text().startswith("# 模型文档")
