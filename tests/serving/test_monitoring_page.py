"""A risk analyst's morning: the light, the variable that moved, its decisions, alert, workbook.

The real service and a real browser, on a small lender with a simulated year and then a drift. What
a point leads to is counted against what the panel says, which other code has counted.
"""

import io
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import msgspec
import openpyxl
import pytest
from msgspec.structs import replace
from playwright.sync_api import expect

from finmodel import tracking
from finmodel.acts import opened_log
from finmodel.audit import scan
from finmodel.progress import silent
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from finmodel.vault import Vault
from risk.monitor.alerts import raise_alerts
from risk.monitor.reference import FILE, BuildSample, reference_of
from risk.scaling import calibrated, points_many
from serving import page
from serving.demo_history import PARTNER, drift, replay
from serving.live import past_version
from serving.monitoring.reading import Wanted, watch_model
from serving.underwriting.room import CaseRoom
from tests.serving.small_world import APPLICATION, CLOCK, NAME, export, make_world, plan, running

pytestmark = pytest.mark.servers
CUSTOMERS = list(range(21, 401))
DECISIONS, DRIFTED = 1_500, 900
WATCHER = Person("Zhou", frozenset({"analyst"}))
QUESTION = {"model": NAME, "weeks": 52}


def apart(work, *given):
    """Run in a thread of its own: playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *given).result()


@dataclass
class Watched:
    """A lender whose history is monitored, and its service."""

    world: object
    address: str
    moved: str = ""

    @property
    def settings(self) -> Settings:
        return self.world.settings

    def ask(self, path, role="analyst", question=QUESTION, **more):
        body = {"question": question, **more} if path != "/monitor/acknowledge" else more
        headers = self.world.headers(role)
        return httpx.post(f"{self.address}{path}", json=body, headers=headers, timeout=30)

    def computed(self, **question):
        """The result of a question, once nothing is being computed for it."""
        told = self.ask("/monitor", question=QUESTION | question, renew=True).json()
        until = time.monotonic() + 60
        while told["doing"] is not None:
            assert time.monotonic() < until
            time.sleep(0.1)
            told = self.ask("/monitor", question=QUESTION | question).json()
        return told

    def start_drift(self):
        """What `finmodel demo --drift` does, on this lender."""
        self.moved = apart(drift, self.settings, CUSTOMERS, silent, DRIFTED)
        wanted = Wanted(NAME, start=self.settings.clock.now().replace(year=2004))
        raise_alerts(self.settings, watch_model(self.settings, wanted), "Wang Fang", WATCHER)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    world = make_world(tmp_path_factory.mktemp("watched"))
    keep_reference(world)
    apart(replay, world.settings, CUSTOMERS, silent, DECISIONS)
    with running(world.settings) as address:
        yield Watched(world, address)


def keep_reference(world):
    """Register the customers as the first version's build sample."""
    settings = world.settings
    ensure_key(settings.signing)
    matrix = world.features[20:]
    model = past_version(settings.exports, NAME, 1, settings.signing)
    log_odds = calibrated(model.scorer.raw_many(matrix), model.manifest.calibration)
    points = points_many(log_odds, model.manifest.scaling)
    built = BuildSample(plan().names, matrix.repeat(10, axis=0), points.repeat(10), labels=None)
    with tracking.run(settings, NAME, {}) as run:
        tracking.keep(
            settings,
            run.id,
            FILE,
            msgspec.json.encode(
                replace(reference_of(built, "all customers"), window_days=180, bad_dpd=28)
            ).decode(),
        )
    shutil.rmtree(settings.exports / NAME / "1")
    export(settings, 1, world.boosters[1].model_to_string(), run_id=run.id)


@pytest.fixture
def tab(browser, watched):
    """A tab on the page; what it complains of, or asks of anybody else, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    complaints, elsewhere = [], []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    tab.on("request", lambda asked: elsewhere.append(asked.url))
    tab.goto(f"{watched.address}/monitoring")
    yield tab
    context.close()
    refused = "the server responded with a status of 4"
    assert [one for one in complaints if refused not in one] == []
    assert elsewhere
    theirs = (watched.address, f"blob:{watched.address}")
    assert [url for url in elsewhere if not url.startswith(theirs)] == []


def sign_in(tab, key):
    tab.fill("#key", key)
    tab.click("#key-form button")


def test_a_morning_after_a_drift(tab, watched):
    sign_in(tab, watched.world.keys["analyst"])
    lamp, long = tab.locator("#lamp"), 60_000
    expect(lamp).to_have_class("lamp green", timeout=long)
    expect(tab.locator("#verdict")).to_contain_text("1,500")
    expect(tab.locator("#verdict")).to_contain_text("表现期 180 天，逾期 ≥ 28 天为坏")
    expect(tab.locator("#panel-alerts")).to_contain_text("没有预警")

    watched.start_drift()
    tab.click("#renew")
    expect(lamp).not_to_have_class("lamp green", timeout=long)
    expect(tab.locator("#reason")).to_contain_text(f"最大 {watched.moved} CSI")
    expect(tab.locator("#computed")).to_contain_text("计算于")

    # From the chart's longest bar to its distribution, to decisions, to one of them.
    bars = tab.locator("#panel-variables .chart[data-drawn]")
    bars.scroll_into_view_if_needed()
    box = tab.locator("#panel-variables .nsewdrag").bounding_box()
    tab.mouse.move(box["x"] + 30, box["y"] + 12)
    tab.mouse.click(box["x"] + 32, box["y"] + 12)
    expect(tab.locator("#behind-title")).to_have_text(watched.moved)
    expect(tab.locator("#behind .chart[data-drawn]")).to_have_count(2)
    tab.locator("#behind .drill").first.click()
    expect(tab.locator("#behind-title")).to_contain_text("决策明细")
    tab.locator("#behind td a").first.click()
    expect(tab.locator("#explain .replay.same")).to_be_visible()
    tab.go_back()
    expect(lamp).to_be_visible()

    tab.click("#language")
    expect(tab.locator("#reason")).to_contain_text(f"most of all {watched.moved}")
    expect(tab.locator("#panel-quality h2")).to_contain_text("Discrimination")
    alert = tab.locator(".alert.open", has_text="mean points moved")
    expect(alert).to_contain_text("Wang Fang")
    alert.locator("input[name=note]").fill("a partner's customers; its limit is lowered")
    alert.locator("button").click()
    said = tab.locator(".alert.done")
    expect(said).to_contain_text("acknowledged by the analyst")
    expect(said).to_contain_text("its limit is lowered")
    acts = [one for one in scan(watched.settings.alerts) if one.kind == "alert_acknowledged"]
    assert [one.body["acknowledged_by"] for one in acts] == ["the analyst"]
    told = [one.body for one in scan(watched.settings.audit) if one.kind == "alert_acknowledged"]
    assert [one["alert"] for one in told] == [one.body["id"] for one in acts]
    assert (told[0]["by"], told[0]["model"]) == ("the analyst", NAME)
    assert "limit" not in str(told)

    with tab.expect_download() as got:
        tab.click("#excel-all")
    book = opened(got.value)
    assert got.value.suggested_filename == f"{NAME}.xlsx"
    assert {"监测总览", "区分度", "变量稳定性", "滚动率", "预警"} <= set(book.sheetnames)
    assert book["变量稳定性"]["A3"].value == watched.moved
    with tab.expect_download() as got:
        tab.locator("#panel-calibration h2 button").click()
    assert opened(got.value).sheetnames == ["监测总览", "校准"]


def opened(download):
    """A workbook that the browser has kept, under whatever name."""
    return openpyxl.load_workbook(io.BytesIO(download.path().read_bytes()))


@pytest.fixture(scope="module")
def drifted(watched):
    if not watched.moved:
        watched.start_drift()
    return watched, watched.computed()


def test_a_yes_and_a_no_are_words_in_both_languages(tab, drifted):
    watched, told = drifted
    within = [row["within"] for row in told["panels"]["calibration"]]
    assert {True, False} & set(within)
    sign_in(tab, watched.world.keys["analyst"])
    for head, words in (("在区间内", ("是", "否")), ("within", ("yes", "no"))):
        table = tab.locator("#panel-calibration .tables")
        expect(table).to_contain_text(head, timeout=60_000)
        place = table.locator("th").all_text_contents().index(head) + 1
        said = {True: words[0], False: words[1], None: "—"}
        expect(table.locator(f"tbody td:nth-child({place})")).to_have_text(
            [said[one] for one in within]
        )
        tab.click("#language")


def said_behind(tab):
    return tab.locator("#behind-title")


def test_a_bar_of_ordinary_height_leads_to_its_decisions(tab, drifted):
    watched, told = drifted
    sign_in(tab, watched.world.keys["analyst"])
    expect(tab.locator("#panel-stability .chart[data-drawn]")).to_be_visible(timeout=60_000)
    steady = tab.locator("#panel-stability")
    steady.scroll_into_view_if_needed()
    rows = [row for row in told["panels"]["stability"]["rows"] if row["psi"]]
    bars = [one.bounding_box() for one in steady.locator(".bars .point path").all()]
    high = max(range(len(rows)), key=lambda place: rows[place]["psi"])
    ordinary = sorted(range(len(rows)), key=lambda place: rows[place]["psi"])[len(rows) // 2]
    scale = bars[high]["height"] / rows[high]["psi"]
    row, box = rows[ordinary], bars[ordinary]
    middle, foot = box["x"] + box["width"] / 2, box["y"] + box["height"]
    # On the bar, and where the noise's line lies over it.
    for height in (box["height"] / 2, row["floor_p99"] * scale):
        click(tab, middle, foot - height)
        expect(said_behind(tab)).to_have_text(f"决策明细 · 期间 {row['period']}")
        tab.locator("#behind header button").click()


def click(tab, x, y):
    """As a hand does: the chart sees the mouse come before it is pressed."""
    tab.mouse.move(x - 2, y)
    tab.mouse.click(x, y)


def test_what_a_point_is_made_of_is_said_in_the_pages_language(tab, drifted):
    watched, told = drifted
    sign_in(tab, watched.world.keys["analyst"])
    served = tab.locator("#panel-consistency")
    expect(served).to_be_visible(timeout=60_000)
    served.locator("summary").click()
    checked = told["panels"]["consistency"]["checked"]
    served.locator("table").first.locator(".drill").first.click()
    expect(said_behind(tab)).to_have_text("决策明细 · 抽样")
    expect(tab.locator("#behind")).to_contain_text(f"共 {checked} 笔")
    tab.locator("#behind header button").click()
    served.locator("table").last.locator("tbody tr").first.locator(".drill").first.click()
    expect(said_behind(tab)).to_contain_text("状态 有效")
    tab.locator("#behind header button").click()
    assert count(watched, sampled=True) == checked > 0
    # The newest month has an estimate only; that it did not mature is no condition.
    estimated = tab.locator("#panel-quality .scatterlayer .trace").nth(1).locator(".points path")
    estimated.last.scroll_into_view_if_needed()
    box = estimated.last.bounding_box()
    click(tab, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    rows = told["panels"]["quality"]["rows"]
    newest = [row for row in rows if row["estimated_auc"] is not None][-1]
    assert newest["auc"] is None
    expect(said_behind(tab)).to_have_text(f"决策明细 · 期间 {newest['period']}")
    tab.locator("#behind header button").click()
    expect(tab.locator("#panel-stability td").first).to_have_text("全部")
    expect(tab.locator("#person")).to_contain_text("分析员")


def test_a_variables_distribution_is_exported(tab, drifted):
    watched, told = drifted
    sign_in(tab, watched.world.keys["analyst"])
    variables = tab.locator("#panel-variables")
    expect(variables).to_be_visible(timeout=60_000)
    variables.locator("summary").click()
    variables.locator(".drill").first.click()
    with tab.expect_download() as got:
        tab.click("#excel-variable")
    assert got.value.suggested_filename == f"{NAME}-{watched.moved}.xlsx"
    book = opened(got.value)
    assert book.sheetnames == ["监测总览", "变量分布", "各期 CSI", "变量稳定性"]
    page = book["变量分布"]
    named = [cell.value for cell in page[2]]
    rows = [dict(zip(named, row, strict=True)) for row in page.iter_rows(3, values_only=True)]
    cells = watched.ask("/monitor/variable", name=watched.moved).json()["cells"]
    for name in ("build_share", "share", "n", "csi_part", "low", "high"):
        assert [row[name] for row in rows] == pytest.approx([cell[name] for cell in cells])
    series = [one.val.numRef.f for chart in page._charts for one in chart.ser]
    assert [one.split("!")[1] for one in series] == [
        f"${column}$3:${column}${page.max_row}" for column in "BC"
    ]
    moved = told["panels"]["variables"][0]
    by_period = [row[1] for row in book["各期 CSI"].iter_rows(3, values_only=True)]
    assert by_period == pytest.approx(moved["trend"])
    assert book["变量稳定性"]["A3"].value == watched.moved
    assert watched.ask("/monitor/workbook", variable="no_such").status_code == 404


BROKEN = (
    ({"model": NAME, "start": 5, "weeks": "x"}, "未予采用：start, weeks"),
    ({"model": NAME, "segment": ["a"], "colour": "red"}, "未予采用：segment, colour"),
    ({"model": NAME, "end": "2005-99-99T00:00:00Z", "by": {}}, "未予采用：end, by"),
    ([1], "无法识别"),
    ({"model": {}}, "无法识别"),
)


def test_an_address_that_means_nothing_asks_the_usual_question(tab, drifted):
    watched, _ = drifted
    sign_in(tab, watched.world.keys["analyst"])
    for told, said in BROKEN:
        tab.goto(f"{watched.address}/monitoring#{quote(json.dumps(told))}")
        expect(tab.locator("#mended")).to_contain_text(said, timeout=60_000)
        expect(tab.locator("#lamp")).to_be_visible()
        expect(tab.locator("#weeks")).to_have_value("52")
    tab.goto(f"{watched.address}/monitoring#%7B%22model")
    expect(tab.locator("#mended")).to_contain_text("无法识别")
    tab.click("#show")
    expect(tab.locator("#mended")).to_have_count(0)


def window_of(tab):
    return tab.locator("#verdict > .soft.small")


def choose(tab, start, end):
    tab.select_option("#weeks", "dates")
    tab.fill("#start", start)
    tab.fill("#end", end)
    tab.click("#show")


def test_days_are_counted_whole_and_one_of_them_suffices(tab, watched):
    sign_in(tab, watched.world.keys["analyst"])
    expect(tab.locator("#lamp")).to_be_visible(timeout=60_000)
    day = "2005-03-01"
    for start, end, window in (
        (day, day, f"{day} 00:00:00 – 2005-03-02 00:00:00"),
        (day, "", f"{day} 00:00:00 – 2005-10-01 "),
        ("", day, "2004-03-03 00:00:00 – 2005-03-02 00:00:00"),
    ):
        choose(tab, start, end)
        expect(window_of(tab)).to_contain_text(window, timeout=30_000)
        expect(tab.locator("#start")).to_have_value(start)
        expect(tab.locator("#end")).to_have_value(end)
        expect(tab.locator("#weeks")).to_have_value("dates")
    choose(tab, "2005-03-02", day)
    problem = tab.locator("#verdict .problem")
    expect(problem).to_contain_text("输入有误：", timeout=30_000)
    expect(problem).to_contain_text("let it begin before it ends")


def test_alerts_tell_their_segment_and_all_that_was_said(tab, drifted):
    watched, _ = drifted
    segment = {"channel": PARTNER}
    wanted = Wanted(NAME, start=watched.settings.clock.now().replace(year=2004), segment=segment)
    raised = raise_alerts(
        watched.settings, watch_model(watched.settings, wanted), "Li Lei", WATCHER
    )
    long = "https://example.com/" + "x" * 400
    for note in (long, "looked at again"):
        said = {"id": raised[0].id, "note": note}
        assert watched.ask("/monitor/acknowledge", **said).is_success
    sign_in(tab, watched.world.keys["analyst"])
    expect(tab.locator("#lamp")).to_be_visible(timeout=60_000)
    alerts = tab.locator("#panel-alerts .alert")
    marked = tab.locator("#panel-alerts .alert.other")
    expect(marked).to_have_count(len(raised))
    expect(alerts.first).to_contain_text("客群 全部客户 · 窗口 2004-")
    expect(marked.first).to_contain_text(f"渠道 = {PARTNER}")
    expect(marked.first).to_contain_text("其他客群")
    places = ["other" in one.get_attribute("class") for one in alerts.all()]
    assert places == sorted(places)
    assert set(places) == {False, True}
    notes = tab.locator(".alert.other.done .said p")
    expect(notes).to_have_text([long, "looked at again"])
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def count(watched, **point):
    return watched.ask("/monitor/decisions", point=point).json()["n"]


def test_points_lead_to_as_many_decisions_as_the_panels_count(drifted):
    watched, told = drifted
    panels = told["panels"]
    assert count(watched) == panels["header"]["n"] == DECISIONS + DRIFTED
    assert count(watched, matured=True) == panels["header"]["matured"] > 300
    assert count(watched, bad=True) == panels["header"]["bads"]
    for row in panels["quality"]["rows"]:
        assert count(watched, period=row["period"], matured=True) == row["matured"]
        assert count(watched, period=row["period"], bad=True) == row["bads"]
    assert [count(watched, band=row["band"]) for row in panels["bands"]] == [
        row["n"] for row in panels["bands"]
    ]
    vintages = panels["vintages"]
    row = vintages["rows"][1]
    late = count(watched, cohort=row["cohort"], late_by_mob=6)
    assert late == round(row["rates"][6] * row["accounts"]) > 0
    rolled = vintages["roll_counts"][0][1]
    assert 0 < count(watched, roll="C>M1") <= rolled  # an application may roll twice
    assert count(watched, roll="M1>M2") == vintages["roll_counts"][1][2] > 0
    first = vintages["first_payments"][0]
    assert count(watched, cohort=first["cohort"], fpd=7) == round(
        first["rates"][1] * first["accounts"]
    )
    assert count(watched, differing=True) == 0


@pytest.mark.parametrize(
    ("point", "status", "says"),
    [
        ({"variable": "no_such"}, 404, "the model has no such variable"),
        ({"variable": "no_such", "cell": 0}, 404, "the model has no such variable"),
        ({"cell": 0}, 422, "it has a cell and no variable"),
        ({"view": "no_such"}, 422, "it has a view and no state"),
        ({"state": "stale"}, 422, "it has a state and no view"),
    ],
)
def test_half_a_point_is_refused_and_not_all_decisions(drifted, point, status, says):
    watched, _ = drifted
    answer = watched.ask("/monitor/decisions", point=point)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    alone = watched.ask("/monitor/decisions", point={"variable": watched.moved})
    assert "it has a variable and no cell" in alone.text


def test_a_variables_cells_lead_to_its_decisions(drifted):
    watched, told = drifted
    cells = watched.ask("/monitor/variable", name=watched.moved).json()["cells"]
    row = next(one for one in told["panels"]["variables"] if one["name"] == watched.moved)
    assert sum(cell["n"] for cell in cells) == DECISIONS + DRIFTED
    assert sum(cell["csi_part"] for cell in cells) == pytest.approx(row["csi"])
    fewest = min(cells, key=lambda cell: cell["n"])
    found = watched.ask(
        "/monitor/decisions", point={"variable": watched.moved, "cell": fewest["cell"]}
    ).json()
    assert len(found["decisions"]) == min(fewest["n"], 200)
    first = found["decisions"][0]
    seen = httpx.get(
        f"{watched.address}/explain/{first['decision_id']}",
        headers=watched.world.headers("analyst"),
    ).json()
    value = next(one["value"] for one in seen["features"] if one["name"] == watched.moved)
    assert (fewest["low"] or float("-inf")) <= value < (fewest["high"] or float("inf"))
    assert seen["points"] == first["points"]
    times = [one["at"] for one in found["decisions"]]
    assert times[0] >= times[-1]
    missing = {"view": "balance", "state": "missing"}
    assert count(watched, **missing) == 0
    assert watched.ask("/monitor/variable", name="no_such").status_code == 404


def test_a_segment_of_three_rows_shows_n_and_no_figure(tab, drifted):
    watched, _ = drifted
    for number in range(3):
        body = APPLICATION | {"application_id": f"K-{number}", "channel": "kiosk"}
        headers = watched.world.headers("underwriter")
        assert httpx.post(f"{watched.address}/decide", json=body, headers=headers).is_success
    sign_in(tab, watched.world.keys["auditor"])
    expect(tab.locator("#lamp")).to_be_visible()
    tab.select_option("#fact", "channel")
    tab.fill("#value", "kiosk")
    tab.click("#show")
    expect(tab.locator("#lamp")).to_have_class("lamp grey", timeout=30_000)
    expect(tab.locator("#panel-quality .nothing")).to_have_text("表现未成熟 · n = 0")
    expect(tab.locator("#panel-variables .nothing")).to_have_text("样本过少 · n = 3")
    expect(tab.locator("#panel-stability .nothing")).to_have_text("样本过少 · n = 3")
    # An auditor looks and acknowledges nothing.
    expect(tab.locator("#panel-alerts form")).to_have_count(0)
    expect(tab.locator("#panel-alerts")).to_contain_text("不能确认预警")
    assert PARTNER in watched.computed()["segments"]["channel"]


def test_months_without_decisions_and_unknown_models_are_a_sentence(tab, watched):
    sign_in(tab, watched.world.keys["validator"])
    expect(tab.locator("#lamp")).to_be_visible(timeout=60_000)
    tab.select_option("#weeks", "dates")
    tab.fill("#start", "2003-01-01")
    tab.fill("#end", "2003-03-01")
    tab.click("#show")
    expect(tab.locator("#lamp")).to_have_class("lamp grey", timeout=30_000)
    expect(tab.locator("#panel-quality .nothing")).to_have_text("无决策 · n = 0")
    assert tab.locator(".panel").count() == 10
    tab.goto(f"{watched.address}/monitoring#%7B%22model%22%3A%22nobody%22%2C%22weeks%22%3A4%7D")
    expect(tab.locator("#problem")).to_contain_text(
        "未找到：没有这个模型，请从所列模型中选择（there is no such model"
    )
    expect(tab.locator("#question")).to_be_visible()
    tab.select_option("#model", NAME)
    tab.select_option("#version", "2")  # it never decided, and has no build sample
    tab.click("#show")
    problem = tab.locator("#verdict .problem")
    expect(problem).to_contain_text("the audit log has no decision of it", timeout=30_000)
    tab.select_option("#version", "")
    tab.click("#show")
    expect(tab.locator("#panels .panel")).to_have_count(10)


def approve_declined(settings, n):
    """People whom somebody asked for, who approved n of the year's declined decisions."""
    declined = [
        one.id for one in scan(settings.audit, "decision") if one.body["decision"] == "decline"
    ]
    someone = Person("Li Lei", frozenset({"underwriter"}))
    with (
        opened_log(settings, settings.audit) as log,
        closing(Vault(settings.vault)) as vault,
        closing(CaseRoom(settings, log, vault, settings.clock)) as room,
    ):
        for name in declined[100 : 100 + n]:
            room.ask(name, someone)
            room.claim(name, someone)
            assert room.judge(name, someone, ("approve", "ML4"), "").final is not None


def test_what_became_of_peoples_overrides_is_shown(tab, watched):
    approve_declined(watched.settings, 60)
    told = watched.computed(weeks=51)["panels"]["overrides"]
    low = next(row for row in told["rows"] if row["side"] == "low_side")
    assert (told["judged"], low["n"], low["of"], low["rate"]) == (60, 60, 60, 1.0)
    assert low["matured"] > 30
    assert low["low"] < low["bad_rate"] == low["bads"] / low["matured"] < low["high"]
    sign_in(tab, watched.world.keys["analyst"])
    tab.goto(f"{watched.address}/monitoring#{quote(json.dumps(QUESTION | {'weeks': 51}))}")
    panel = tab.locator("#panel-overrides")
    expect(panel.locator(".chart[data-drawn]")).to_be_visible(timeout=30_000)
    panel.locator("summary").click()
    expect(panel.locator("tr", has_text="低分放行").first).to_contain_text(
        f"{100 * low['bad_rate']:.2f}%"
    )
    expect(panel.locator("tr", has_text="ML4")).to_contain_text("长期客户履约良好")


@pytest.mark.parametrize(
    "path", ["/monitor", "/monitor/workbook", "/monitor/variable", "/monitor/decisions"]
)
def test_who_may_look(watched, path):
    more = {"/monitor/variable": {"name": "x"}, "/monitor/decisions": {"point": {}}}.get(path, {})
    assert watched.ask(path, "auditor", QUESTION | {"model": "x"}, **more).status_code == 404
    refused = watched.ask(path, "agent", **more)
    assert refused.status_code == 403
    assert "ask somebody who is analyst or auditor or validator" in refused.text


def test_who_may_acknowledge(watched):
    said = {"id": "a000001-00000708-41046fb593d3", "note": "seen"}
    assert watched.ask("/monitor/acknowledge", "auditor", **said).status_code == 403
    assert watched.ask("/monitor/acknowledge", "validator", **said).status_code == 404


def test_an_agent_is_told_so_on_the_page(tab, watched):
    sign_in(tab, watched.world.keys["agent"])
    expect(tab.locator("#problem")).to_contain_text("无权限：")
    expect(tab.locator("#problem")).to_contain_text("ask somebody who is analyst")
    tab.click("#language")
    expect(tab.locator("#problem")).to_contain_text("Not permitted: ")


def test_the_last_result_is_there_at_once_and_says_whether_it_is_the_latest(drifted):
    watched, told = drifted
    again = watched.ask("/monitor").json()
    assert again["computed_at"] >= told["computed_at"]
    assert watched.computed()["current"] is True
    headers = watched.world.headers("underwriter")
    body = APPLICATION | {"application_id": "later"}
    assert httpx.post(f"{watched.address}/decide", json=body, headers=headers).is_success
    newer = watched.ask("/monitor").json()
    # Young as it is, it is not computed again for one decision, unless somebody wants it.
    assert (newer["current"], newer["doing"]) == (False, None)
    assert newer["panels"]["header"]["n"] == again["panels"]["header"]["n"]
    assert watched.computed()["panels"]["header"]["n"] == newer["panels"]["header"]["n"] + 1


def test_the_script_of_charts_is_ours_and_is_kept_by_the_browser(watched):
    headers = watched.world.headers("analyst")
    told = httpx.get(f"{watched.address}/monitor/choices", headers=headers).json()
    script = httpx.get(f"{watched.address}{told['charts']}")
    assert script.content == page.chart_script(page.CHARTS)[0]
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{watched.address}/assets/other.js").status_code == 404
    assert [one["name"] for one in told["models"]] == [NAME]
    assert [one["alias"] for one in told["models"][0]["versions"]] == ["", "champion"]
    policy = httpx.get(f"{watched.address}/monitoring").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-inline" not in policy


def test_a_workbook_of_what_was_not_computed_is_refused(watched):
    answer = watched.ask("/monitor/workbook", question=QUESTION | {"weeks": 519})
    assert (answer.status_code, "open /monitoring first" in answer.text) == (503, True)
    whole = watched.computed()
    assert whole["problem"] is None
    data = watched.ask("/monitor/workbook", panel="vintages").content
    names = openpyxl.load_workbook(io.BytesIO(data)).sheetnames
    assert names == ["监测总览", "账龄 DPD28+", "滚动率", "首逾"]


def test_simulated_decisions_are_marked_as_demo_and_lie_before_now(watched):
    entries = list(scan(watched.settings.audit, "decision"))
    assert len(entries) >= DECISIONS
    assert all(one.body["demo"] for one in entries)
    assert max(one.time for one in entries) <= watched.settings.clock.now()
    assert CLOCK.startswith("2005-10-01")
