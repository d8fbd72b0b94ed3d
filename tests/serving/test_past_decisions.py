"""A lender's first day: its past decisions are loaded, monitored, and go on into ours."""

import asyncio
import csv
import json
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from finmodel.audit import scan
from finmodel.audit_entries import id_at
from finmodel.decision_series import Series
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.imported_files import loads_of
from finmodel.imported_proof import check_loads, gone
from finmodel.records import Person
from risk.monitor.points import Point
from serving import flows
from serving.auditing.chain import checked
from serving.desk import open_desk
from serving.monitoring.asked import Question
from serving.monitoring.beforehand import LENGTHS
from serving.monitoring.behind import behind, variable
from serving.monitoring.kept import kept, mapped, marks_of
from serving.monitoring.reading import watch_model
from serving.monitoring.worker import compute
from serving.monitoring_page import models_of
from serving.not_used import Asked
from serving.outcomes import load_outcomes
from serving.past_decisions import load_decisions
from serving.schemas import Application
from serving.telemetry import Telemetry
from tests.serving.past_lender import ANALYST, MAPPING, MODEL, NOW, YEAR, make_lender, past
from tests.serving.small_world import APPLICATION, ROOT, make_world
from tests.serving.warm_shell import _FORKING

ROWS = 1_500


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    """A lender whose decisions and outcomes were loaded by the command; no model is here."""
    made = make_lender(tmp_path_factory.mktemp("lender"), ROWS)
    made.first = made.load("decisions", made.write("审批.csv", made.decisions))
    made.then = made.load("outcomes", made.write("表现.csv", made.outcomes))
    return made


@pytest.fixture(scope="module")
def alone(lender):
    return watch_model(lender.settings, YEAR)


def test_what_was_loaded_is_said_and_stands_in_the_audit_log(lender):
    assert (lender.first.code, lender.then.code) == (0, 0), lender.first.err + lender.then.err
    told, became = lender.first.json, lender.then.json
    assert (told["rows"], told["new"], told["refused"]) == (ROWS, ROWS, 0)
    assert (became["new"], became["refused"]) == (ROWS, 0)
    assert not list(lender.folder.glob("*.not_used.csv"))
    (entry,) = scan(lender.settings.audit, "decisions_loaded")
    (load,) = loads_of(lender.settings.imported)
    assert (entry.id, entry.body["by"]) == (load.entry, "analyst Lin")
    assert entry.body["columns_sha256"] == load.digest
    (listed,) = lender.shell.finmodel("decisions", "list", "--json").json
    assert (listed["file"], listed["rows"], listed["models"]) == ("审批.csv", ROWS, f"{MODEL} v1")
    assert list(scan(lender.settings.audit, "decision")) == [], "they are none of ours"


def test_the_page_opens_at_once_on_what_was_loaded(lender):
    question = Question(model=MODEL)
    result = kept(lender.settings, question)
    assert result.marks == marks_of(lender.settings, MODEL)
    lately = pd.to_datetime(lender.decisions["审批时间"]) >= pd.Timestamp("2005-06-02")
    assert (result.panels.header.n, result.panels.header.imported) == (lately.sum(), lately.sum())


def test_the_page_opens_at_once_on_all_that_was_loaded(lender):
    """Their first is of 87 weeks ago: 104 is the next that the page offers."""
    result = kept(lender.settings, Question(model=MODEL, weeks=104))
    assert result.marks == marks_of(lender.settings, MODEL)
    assert (result.panels.header.n, result.panels.header.imported) == (ROWS, ROWS)
    page = (ROOT / "serving" / "console" / "monitoring.js").read_text()
    offered = re.search(r"^const WEEKS = (\[.*\]);", page, re.M)[1]
    assert [weeks for weeks in json.loads(offered) if weeks >= 52] == [*LENGTHS]


def test_nobody_is_named_in_what_is_kept(lender):
    kept_there = b"".join(
        path.read_bytes() for path in lender.settings.imported.rglob("*") if path.is_file()
    )
    for column in ("申请编号", "客户号"):
        assert lender.decisions[column][7].encode() not in kept_there


def test_loaded_twice_nothing_changes_and_it_says_so(lender, alone):
    before = sorted(lender.settings.imported.iterdir())
    path = lender.write("again.csv", lender.decisions.sample(frac=1.0, random_state=1))
    again = lender.load("decisions", path).json
    assert (again["new"], again["known"], again["refused"]) == (0, ROWS, 0)
    assert again["said"].startswith("nothing changed")
    became = lender.load("outcomes", lender.folder / "表现.csv").json
    assert (became["new"], became["known"]) == (0, ROWS)
    assert became["said"].startswith("nothing changed")
    assert sorted(lender.settings.imported.iterdir()) == before
    assert len(list(scan(lender.settings.audit, "decisions_loaded"))) == 1
    assert watch_model(lender.settings, YEAR) == alone


def test_the_panels_are_those_of_the_lenders_tables(lender, alone):
    """Counts, rates and AUC by pandas and scipy, from the files alone."""
    table = lender.decisions.merge(lender.outcomes, on="申请编号")
    table["month"] = table["审批时间"].str[:7]
    bad = table["好坏"] == "坏"
    header = alone.header
    assert (header.n, header.matured, header.bads) == (ROWS, ROWS, bad.sum())
    for row in alone.quality.rows:
        mine = table[table["month"] == row.period]
        assert (row.n, row.bads) == (len(mine), (mine["好坏"] == "坏").sum())
        if len(mine):
            ranks, late = rankdata(-mine["评分"]), (mine["好坏"] == "坏").to_numpy()
            among = ranks[late].sum() - late.sum() * (late.sum() + 1) / 2
            assert row.auc == pytest.approx(among / (late.sum() * (~late).sum()))
            assert row.estimated_bad_rate == pytest.approx(mine["违约概率"].mean())
    approved = sum(row.approval * row.n for row in alone.bands if row.n)
    assert approved == pytest.approx((table["结果"] == "通过").sum())
    means = {row.name: row.mean for row in alone.variables}
    assert means["balance_0"] == pytest.approx(table["余额"].mean(), abs=1e-6)
    assert means["lateness_1"] == pytest.approx(table["逾期次数"].mean(), abs=1e-6)
    promised = sum(row.mean_pd * row.matured for row in alone.calibration)
    assert promised == pytest.approx(table["违约概率"].sum())
    assert sum(row.accounts for row in alone.vintages.rows) == ROWS
    card = replace(YEAR, segment={"product": "card"})
    assert watch_model(lender.settings, card).header.n == (table["产品"] == "信用卡").sum()


def test_what_cannot_be_computed_is_said(lender, alone):
    assert alone.header.imported == ROWS
    assert "评分重算与挑战者只看本平台的决策" in alone.header.imported_zh
    assert "scores computed again" in alone.header.imported_en
    assert (alone.consistency.checked, alone.consistency.views) == (0, ())
    assert alone.challenger.note == "no_challenger"
    greys = {one.name: one.en for one in alone.header.light.signals if one.colour == "grey"}
    assert set(greys) == {"auc", "scores"}
    shown = lender.shell.finmodel("monitor", MODEL, "--from", "2004-10-01", "--by", "month")
    assert "历史决策" in shown.out, shown.err


def test_the_page_offers_the_model_and_leads_to_the_lenders_row(lender, alone):
    (choice,) = models_of(lender.settings)
    assert (choice.name, [one.version for one in choice.versions]) == (MODEL, [1])
    question = Question(model=MODEL, start=YEAR.start, end=YEAR.end)
    compute(lender.settings, question)
    result = kept(lender.settings, question)
    assert result.panels.quality == alone.quality
    found = behind(lender.settings, result, Point(period="2005-03", bad=True))
    assert found.n == next(row.bads for row in alone.quality.rows if row.period == "2005-03")
    for one in found.decisions[:20]:
        number = int(one.decision_id.removeprefix("imported-1-"))
        theirs = lender.decisions.iloc[number - 1]
        assert one.points == pytest.approx(theirs["评分"])
        assert (
            pd.Timestamp(one.at).tz_convert("Asia/Shanghai").strftime("%F %T") == theirs["审批时间"]
        )
    last = max(row.band for row in alone.bands if row.n)
    assert behind(lender.settings, result, Point(band=last)).decisions
    cells = variable(mapped(lender.settings, result), "lateness_1").cells
    point = Point(variable="lateness_1", cell=cells[0].cell)
    cell = behind(lender.settings, result, point)
    rows = [int(one.decision_id.rpartition("-")[2]) - 1 for one in cell.decisions]
    assert len(rows) == 200
    assert lender.decisions["逾期次数"].iloc[rows].nunique() == 1
    assert marks_of(lender.settings, MODEL) == result.marks


def bad_rows():
    """Row by row: what is wrong, and what is said of it."""
    good = past(9, seed=8)
    good["申请编号"] = [f"N-{number}" for number in range(9)]
    good["金额"] = good["金额"].astype(object)
    faults = {
        0: ("申请编号", "", "it has no application id"),
        1: ("审批时间", "昨天", "decided_at is not a time"),
        2: ("审批时间", "2036-01-01 00:00:00", "later than now"),
        3: ("金额", "一万", "the amount is not an amount in 元"),
        4: ("金额", "100.005", "at most two decimals"),
        5: ("结果", "待定", "the decision is none of the words"),
        6: ("违约概率", 1.5, "the probability is not a number from 0 to 1"),
    }
    for row, (column, value, _) in faults.items():
        good.loc[row, column] = value
    twice = pd.concat([good, good.loc[[7]].assign(评分=1.0), good.loc[[8]]])
    return twice, {row + 1: why for row, (_, _, why) in faults.items()}


def test_each_bad_row_is_listed_with_its_reason_and_the_good_ones_are_kept(lender, tmp_path):
    mine = make_lender(tmp_path / "mine", 9)
    rows, said = bad_rows()
    path = mine.write("坏行.csv", rows)
    answer = mine.load("decisions", path)
    told = answer.json
    said |= {8: "another row of the same application", 10: "another row of the same application"}
    assert (answer.code, told["rows"], told["new"], told["known"]) == (0, 11, 1, 1)
    with Path(told["not_used_in"]).open(encoding="utf-8-sig", newline="") as lines:
        listed = list(csv.DictReader(lines))
    assert [int(one["row"]) for one in listed] == sorted(said)
    for one in listed:
        assert said[int(one["row"])] in one["reason"]
        assert int(one["line"]) == int(one["row"]) + 1
    # Mended, the same file brings the others; what was loaded is known, and what changed refused.
    mended = past(9, seed=8)
    mended["申请编号"] = [f"N-{number}" for number in range(9)]
    mended.loc[8, "评分"] = 1.0
    told = mine.load("decisions", mine.write("坏行.csv", mended)).json
    assert (told["new"], told["known"], told["refused"]) == (8, 0, 1)
    assert "loaded before and says something else now" in told["not_used"][0]["reason"]
    assert not told["said"]


@pytest.mark.parametrize(
    ("column", "ours"), [("拒绝码", "reasons"), ("产品", "product"), ("渠道", "channel")]
)
def test_what_people_wrote_by_hand_is_not_kept(tmp_path, column, ours):
    mine = make_lender(tmp_path / "mine", 60)
    mapping = MAPPING.replace("{column: 产品, values: {现金贷: cash_loan, 信用卡: card}}", "产品")
    mine.mapping.write_text(mapping.replace("  amount:", "  channel: 渠道\n  amount:"))
    asked = Asked(mine.mapping)
    rows = mine.decisions.assign(渠道="app")
    remarks = ["与张三沟通 13800138007", "李四13900139008", "138-0013-8009", "w@x.cn", "话" * 33]
    rows.loc[:4, column] = remarks
    told = load_decisions(mine.settings, mine.write("some.csv", rows), ANALYST, asked)
    assert (told.new, told.refused) == (55, 5)
    assert [one.row for one in told.not_used] == [1, 2, 3, 4, 5]
    for one in told.not_used:
        assert f"its {ours} is no code" in one.reason
        assert "leave it out" in one.reason
    kept_there = (mine.settings.imported / told.kept_in / "load.json").read_text()
    assert [one for one in remarks if one in kept_there] == []
    # Short names differ from row to row, over pieces too: the file is refused whole.
    named = rows.assign(**{column: [f"张{chr(0x4E00 + row)}" for row in range(60)]})
    with pytest.raises(BadInput, match=f"its {ours} is 60 different texts in 60 rows"):
        load_decisions(mine.settings, mine.write("named.csv", named), ANALYST, asked)


def test_a_dry_run_says_the_same_and_leaves_nothing(tmp_path):
    mine = make_lender(tmp_path / "mine", 9)
    rows, said = bad_rows()
    path = mine.write("rows.csv", rows)
    before = sorted(mine.settings.home.rglob("*"))
    told = mine.load("decisions", path, "--dry-run").json
    assert (told["new"], told["refused"], told["kept_in"]) == (1, len(said) + 2, "")
    assert told["said"].startswith("nothing was loaded: this was a dry run")
    left = {one for one in mine.settings.home.rglob("*") if "vault" not in one.parts[-2:]}
    assert left - set(before) <= {mine.settings.vault.parent}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("encoding: gbk", "encoding: utf-8"), "it is not utf-8 text"),
        (
            ("违约概率", "概率"),
            "there is no column '概率', which the mapping names for probability",
        ),
        (("zone: Asia/Shanghai", "zone: Asia/Peking"), "no zone is called 'Asia/Peking'"),
        (("decisions:", "decision:"), "unknown key 'decision'"),
        (("  points: 评分\n  probability: 违约概率\n", ""), "neither points nor probability"),
        (("approve,", "approved,"), "approved"),
        (("model: behaviour_risk", "model: A卡"), "matching regex"),
    ],
)
def test_a_file_or_a_mapping_that_does_not_fit_is_refused_whole(lender, tmp_path, change, words):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING.replace(*change))
    path = lender.write("more.csv", past(5, seed=9))
    told = ("decisions", "load", str(path), "--mapping", str(mapping))
    answer = lender.shell.finmodel(*told, key=lender.keys["analyst"])
    assert (answer.code, answer.out) == (2, "")
    assert words in " ".join(answer.err.split())
    assert len(loads_of(lender.settings.imported)) == 1


def test_naive_times_are_read_only_in_a_stated_zone(lender, tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING.replace("zone: Asia/Shanghai\n", ""))
    rows = past(2, seed=9)
    rows["申请编号"] = ["Z-1", "Z-2"]
    rows.loc[1, "审批时间"] = "2005-01-01T08:00:00+08:00"
    asked = Asked(mapping, tmp_path / "left.csv", dry_run=True)
    told = load_decisions(lender.settings, lender.write("z.csv", rows), ANALYST, asked)
    assert (told.new, told.first) == (1, "2005-01-01T00:00:00+00:00")
    assert "a time with its zone" in told.not_used[0].reason


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_parquet_file_says_the_same_as_the_csv(lender, zone):
    rows = lender.decisions.copy()
    times = pd.to_datetime(rows["审批时间"])
    if zone is not None:
        times = times.dt.tz_localize("Asia/Shanghai").dt.tz_convert(zone)
    path = lender.folder / "审批.parquet"
    rows.assign(审批时间=times, 结果=rows["结果"].astype("category")).to_parquet(path)
    told = load_decisions(lender.settings, path, ANALYST, Asked(lender.mapping))
    assert (told.new, told.known, told.refused) == (0, ROWS, 0)


def test_only_an_analyst_or_engineer_may_load(lender):
    path = lender.folder / "审批.csv"
    answer = lender.load("decisions", path, role="agent")
    assert answer.code == 2
    assert "ask somebody who is analyst or engineer" in " ".join(answer.err.split())


def kill_at(settings, path, mapping, stage):
    """Load, and be killed at a stage."""

    def progress(what, done, total):
        if what == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    load_decisions(settings, path, ANALYST, Asked(mapping), progress)


@pytest.mark.parametrize("stage", ["rows read", "columns kept", "load entered in the audit log"])
def test_who_is_killed_in_the_middle_leaves_nothing_half_loaded(lender, alone, tmp_path, stage):
    rows = past(40, seed=11)
    rows["申请编号"] = [f"{stage} {number}" for number in range(40)]
    path = lender.write("killed.csv", rows)
    child = _FORKING.Process(target=kill_at, args=(lender.settings, path, lender.mapping, stage))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert len(loads_of(lender.settings.imported)) == 1
    assert watch_model(lender.settings, YEAR) == alone
    told = load_decisions(lender.settings, path, ANALYST, Asked(lender.mapping, dry_run=True))
    assert told.new == 40, "it can be loaded again"


def test_two_loads_at_once_do_not_mix(lender):
    def meanwhile(what, done, total):
        if what == "columns kept" and done == 1:
            with pytest.raises(NotReady, match="another load is under way"):
                load_decisions(lender.settings, path, ANALYST, Asked(lender.mapping))
            raise KeyboardInterrupt

    rows = past(3, seed=12)
    rows["申请编号"] = ["T-1", "T-2", "T-3"]
    path = lender.write("two.csv", rows)
    with pytest.raises(KeyboardInterrupt):
        load_decisions(lender.settings, path, ANALYST, Asked(lender.mapping), meanwhile)
    assert len(loads_of(lender.settings.imported)) == 1


def test_the_auditor_finds_what_was_altered(lender, tmp_path):
    settings = lender.settings
    assert check_loads(settings.imported, settings.audit) == 1
    (path,) = settings.imported.glob("decisions-*/points.npy")
    before = path.read_bytes()
    path.write_bytes(before[:-8] + np.float64(700.0).tobytes())
    try:
        with pytest.raises(Damaged, match="not what was loaded"):
            check_loads(settings.imported, settings.audit)
        with pytest.raises(Damaged, match=r"points\.npy"):
            watch_model(settings, YEAR)
        assert "not what was loaded" in checked(settings).broken  # at the console's button, too
    finally:
        path.write_bytes(before)
    assert checked(settings).held is not None
    assert lender.shell.finmodel("audit", "verify").code == 0


@pytest.mark.parametrize("part", ["decision", "model", "version", "product", "features", "file"])
def test_the_auditor_finds_what_was_made_to_mean_something_else(lender, part):
    settings = lender.settings
    (path,) = settings.imported.glob("decisions-*/load.json")
    before = path.read_bytes()
    told = json.loads(before)
    for body in told["meaning"]["bodies"].values():
        if part in body:
            body[part] = {"approve": "decline", "decline": "approve"}.get(body[part], 9)
    if part == "features":
        told["meaning"]["features"].reverse()
    if part == "file":
        told["origin"]["file"] = "other.csv"
    path.write_text(json.dumps(told))
    try:
        with pytest.raises(Damaged, match=r"load\.json: it is not what was loaded"):
            check_loads(settings.imported, settings.audit)
    finally:
        path.write_bytes(before)
    assert check_loads(settings.imported, settings.audit) == 1


def test_the_auditor_is_told_of_a_load_that_is_not_there_until_its_file_is_loaded_again(tmp_path):
    mine = make_lender(tmp_path / "mine", 20)
    asked = Asked(mine.mapping)
    path = mine.write("审批.csv", mine.decisions)
    load_decisions(mine.settings, path, ANALYST, asked)
    assert list(gone(mine.settings.imported, mine.settings.audit)) == []
    shutil.rmtree(mine.settings.imported / "decisions-000001")
    verified = mine.shell.finmodel("audit", "verify")
    assert verified.code == 0, "taking a load out is how it is undone"
    assert "load 1 of 20 imported decisions (审批.csv, entry a000001-" in verified.err
    load_decisions(mine.settings, path, ANALYST, asked)
    assert list(gone(mine.settings.imported, mine.settings.audit)) == []


def test_points_alone_leave_calibration_and_estimates_out_and_say_why(tmp_path):
    mine = make_lender(tmp_path / "mine", 600)
    mine.mapping.write_text(
        MAPPING.replace("  probability: 违约概率\n", "").replace(
            "  features: {balance_0: 余额, lateness_1: 逾期次数}\n", ""
        )
    )
    asked = Asked(mine.mapping)
    load_decisions(mine.settings, mine.write("审批.csv", mine.decisions), ANALYST, asked)
    path = mine.write("表现.csv", mine.outcomes)
    load_outcomes(mine.settings, path, ANALYST, asked=asked)
    seen = watch_model(mine.settings, YEAR)
    assert (seen.header.n, seen.header.matured) == (600, 600)
    assert {row.note for row in seen.calibration} == {"no_probability"}
    assert {row.estimated_auc for row in seen.quality.rows} == {None}
    assert any(row.auc for row in seen.quality.rows)
    assert seen.variables == ()
    signals = {one.name: one for one in seen.header.light.signals}
    assert signals["calibration"].colour == "grey"
    assert "未带来违约概率" in signals["calibration"].zh
    assert "600 came without a probability" in seen.header.imported_en
    assert "no feature was brought" in seen.header.imported_en
    json.loads(mine.shell.finmodel("monitor", MODEL, "--from", "2004-10-01", "--json").out)


def test_the_example_in_the_docs_loads_a_file_of_its_columns(tmp_path):
    mine = make_lender(tmp_path / "mine", 30)
    table = mine.decisions.drop(columns=["结果", "金额", "余额", "逾期次数"]).assign(
        审批时间=pd.to_datetime(mine.decisions["审批时间"]).dt.strftime("%Y/%-m/%-d %H:%M"),
        模型="A卡三版", 审批结果=mine.decisions["结果"], 申请金额=mine.decisions["金额"],
        产品="现金贷", 渠道="app", 年龄=30, 月收入=mine.decisions["余额"],
    )  # fmt: skip
    mine.mapping.write_bytes((ROOT / "docs" / "lender.example.yaml").read_bytes())
    asked = Asked(mine.mapping)
    path = mine.write("审批.csv", table)
    assert load_decisions(mine.settings, path, ANALYST, asked).new == 30
    path = mine.write("表现.csv", mine.outcomes.assign(首期逾期天数=0))
    assert load_outcomes(mine.settings, path, ANALYST, asked=asked).new == 30


@pytest.fixture(scope="module")
def moved_in(tmp_path_factory):
    """A lender with a champion, its past imported; then it decides here. What was answered."""
    world = make_world(tmp_path_factory.mktemp("moved_in"))
    mine = make_lender(world.settings.home / "files", 600, world.settings.home)
    path = mine.write("审批.csv", mine.decisions)
    before = load_decisions(world.settings, path, ANALYST, Asked(mine.mapping))
    assert before.new == 600

    async def decide_all(desk):
        person = Person("the underwriter", frozenset({"underwriter"}))
        asked = (
            Application(**APPLICATION | {"application_id": f"L-{n}", "customer_id": 21 + n})
            for n in range(120)
        )
        return await asyncio.gather(*(flows.decide(one, person, desk) for one in asked))

    with open_desk(world.settings, Telemetry()) as desk:
        while desk.live.serving is None:
            time.sleep(0.05)
        answers = asyncio.run(decide_all(desk))
    return mine, replace(world.settings, standing_clock=NOW), answers


def test_our_own_decisions_continue_the_series_without_a_seam(moved_in):
    mine, settings, answers = moved_in
    seen = watch_model(settings, YEAR)
    months = mine.decisions["审批时间"].str[:7].value_counts()
    counts = {row.period: row.n for row in seen.quality.rows if row.n}
    assert counts == months.to_dict() | {"2005-10": 120}
    assert (seen.header.n, seen.header.imported, seen.header.alias) == (720, 600, "champion")
    assert [row.n for row in seen.stability.rows] == [row.n for row in seen.quality.rows]
    variables = {row.name: row for row in seen.variables}
    assert len(variables) == 9
    assert variables["balance_0"].n == 720, "brought, then logged"
    assert variables["balance_1"].n == 120, "logged only: what was not brought is not missing"
    assert variables["balance_1"].missing == 0.0
    assert seen.consistency.differing == 0
    assert {row.view for row in seen.consistency.views} == {"balance", "lateness", "account_use"}
    assert {row.n for row in seen.consistency.views} == {120}
    series = Series(settings.audit, settings.imported)
    places = np.concatenate(
        [piece.at + (piece.segment << 32) for piece in series.every(("points",))]
    )
    assert len(np.unique(places)) == 720
    ours = [int(one) for one in places if one > 0]
    names = {id_at(settings.audit, one >> 32, one & 0xFFFFFFFF) for one in ours}
    assert names == {one.decision_id for one in answers}


def test_a_past_of_no_champions_version_is_told_with_what_to_write(moved_in):
    mine, settings, _ = moved_in
    later = past(3, seed=21).assign(申请编号=["N-1", "N-2", "N-3"])
    path, mapping = mine.write("later.csv", later), mine.folder / "theirs.yaml"
    for version, notes in ((1, 0), (3, 1)):
        mapping.write_text(mine.mapping.read_text().replace("version: 1", f"version: {version}"))
        told = load_decisions(settings, path, ANALYST, Asked(mapping, dry_run=True))
        assert len(told.notes) == notes
    assert told.notes[0].startswith(
        "no decision of behaviour_risk is of its champion, v1, which the page shows: they are of v3"
    )
    assert "write 1 as their version in the mapping" in told.notes[0]


def test_no_decision_is_counted_twice(moved_in):
    """The lender's next file holds what we decided, too."""
    mine, settings, _ = moved_in
    copies = past(3, seed=20)
    copies["申请编号"] = ["L-1", "L-2", "M-1"]
    asked = Asked(mine.mapping, dry_run=True)
    told = load_decisions(settings, mine.write("more.csv", copies), ANALYST, asked)
    assert (told.new, told.refused) == (1, 2)
    assert {one.reason for one in told.not_used} == {
        "this platform decided on this application itself: that decision stands in its log"
    }


def test_outcomes_of_both_mature_alike(moved_in):
    mine, settings, answers = moved_in
    seen = "2006-05-01 00:00:00"
    ours = pd.DataFrame(
        {"申请编号": [one.application_id for one in answers], "观察日": seen, "好坏": "好"}
    )
    both = pd.concat([mine.outcomes, ours.assign(逾期天数=0)])
    told = load_outcomes(settings, mine.write("both.csv", both), ANALYST, asked=Asked(mine.mapping))
    assert (told.new, told.refused) == (720, 0)
    panels = watch_model(settings, YEAR)
    bads = (mine.outcomes["好坏"] == "坏").sum()
    assert (panels.header.matured, panels.header.bads) == (720, bads)
    (last,) = (row for row in panels.quality.rows if row.period == "2005-10")
    assert (last.matured, last.bads) == (120, 0)
