"""The marketing page in a real browser: a plan before anything matured, then what it did."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx
import numpy as np
import pandas as pd
import pytest
import yaml
from playwright.sync_api import expect

from marketing.campaign.plan_summary import BUDGETS
from marketing.ledger.receipts import KINDS
from serving.campaign_page import campaigns_of
from serving.campaigns.acts import Asked, make_plan
from serving.campaigns.folder import read_plan
from serving.campaigns.reports import make_report, take_receipts
from serving.campaigns.screen import show_plan, show_report
from tests.marketing.small_campaign import SHIPPED
from tests.serving.campaign_world import PERSON, recipe_file
from tests.serving.marketing_world import Market, make_market
from tests.serving.small_world import running

pytestmark = pytest.mark.servers
CAMPAIGN = "drawdown_spring"
LATER = "2005-12-01T00:00:00+08:00"
RECIPE = {"budget_minor": 60_000, "holdout": {"share": 0.4, "salt": "2026"}}


@dataclass
class Shown:
    """A lender with two plans, the first of which nothing was yet told, and its service."""

    market: Market
    address: str

    def ask(self, role="analyst", **question):
        headers = self.market.world.headers(role)
        return httpx.post(f"{self.address}/campaigns", json=question, headers=headers, timeout=30)


def apart(work, *given):
    """Run in a thread of its own: playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *given).result()


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    market = apart(lambda: make_market(folder, **RECIPE))
    with running(market.world.settings) as address:
        yield Shown(market, address)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A lender that holds few back, asks no risk model, and learnt where chance decided nothing."""
    folder = tmp_path_factory.mktemp("small")
    models = {"propensity": "borrowing_intent", "preference": "marketing_preference"}
    offers = [one for one in yaml.safe_load(SHIPPED.read_text())["offers"] if not one["credit"]]
    told = RECIPE | {"holdout": {"share": 0.04, "salt": "2026"}, "models": models}
    told |= {"offers": offers, "minimum_uplift": 0.0, "unpersonalised": None}
    market = apart(lambda: make_market(folder, observational=True, **told))
    with running(market.world.settings) as address:
        yield Shown(market, address)


def reported(shown: Shown, folder):
    """Two months later: every other treated customer responded, every fifth of the holdout."""
    later = replace(shown.market.world.settings, standing_clock=LATER)
    actions = read_plan(later, CAMPAIGN, 1)[1].to_pandas()
    chosen = actions[actions.planned >= 0]
    rows = [chosen[chosen.lane == lane][::step] for lane, step in ((2, 2), (0, 5))]
    told = pd.concat(rows)[["customer_id", "opens_us"]]
    times = [pd.Timestamp(one + 10**6, unit="us", tz="UTC").isoformat() for one in told.opens_us]
    path = folder / "responses.csv"
    pd.DataFrame({"customer_id": told.customer_id, "at": times}).to_csv(path, index=False)
    return make_report(later, CAMPAIGN, outcomes=path)


def planned_again(shown: Shown, folder) -> None:
    """A second plan, unless there is one: the first has used what there was."""
    if shown.ask(campaign=CAMPAIGN).json()["plan"]["number"] == 1:
        path = recipe_file(folder, **RECIPE | {"budget_minor": 150_000})
        apart(lambda: make_plan(shown.market.world.settings, Asked(path), PERSON))


def told_of_receipts(shown: Shown, folder) -> None:
    """A receipt of every kind, of the first plan's contacts."""
    later = replace(shown.market.world.settings, standing_clock=LATER)
    place = later.marketing / "campaigns" / CAMPAIGN / "1" / "contacts.csv"
    ids = pd.read_csv(place).contact_id
    rows = [
        f"{kind},{one},{kind},2005-11-01 09:00:00+08" for kind, one in zip(KINDS, ids, strict=False)
    ]
    path = folder / "receipts.csv"
    path.write_text("\n".join(["event_id,contact_id,kind,at", *rows]) + "\n")
    assert apart(take_receipts, later, path, PERSON).refused == 0


def drawn(tab, panel):
    """What a panel's chart was given to draw."""
    chart = tab.locator(f"#panel-{panel} .chart")
    expect(chart).to_have_attribute("data-drawn", "yes")
    return chart.evaluate("it => JSON.parse(JSON.stringify(it.data))")


@pytest.fixture
def tab(browser, shown):
    with tab_on(browser, shown) as tab:
        yield tab


@contextmanager
def tab_on(browser, shown):
    """A tab on the page; what it complains of, or asks of anybody else, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    complaints, elsewhere = [], []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    tab.on("request", lambda asked: elsewhere.append(asked.url))
    tab.goto(f"{shown.address}/marketing")
    yield tab
    context.close()
    refused = "the server responded with a status of 4"
    assert [one for one in complaints if refused not in one] == []
    assert [url for url in elsewhere if not url.startswith(shown.address)] == []


def sign_in(tab, key):
    tab.fill("#key", key)
    tab.click("#key-form button")


def test_a_campaign_from_its_plan_to_what_it_did(tab, shown, tmp_path):
    sign_in(tab, shown.market.world.keys["analyst"])
    summary = shown.market.plan.summary
    expect(tab.locator("#verdict h1")).to_contain_text(CAMPAIGN)
    expect(tab.locator("#verdict")).to_contain_text(f"{summary.contacts:,}")
    expect(tab.locator("#observational")).to_have_count(0)
    expect(tab.locator("#unreported")).to_contain_text("finmodel campaign report drawdown_spring")
    expect(tab.locator("#panel-deciles")).to_contain_text("尚无效果报告")
    expect(tab.locator("#panel-budget .chart")).to_have_attribute("data-drawn", "yes")
    held = summary.not_contacted["holdout"]
    tab.click("#panel-rules summary")
    expect(tab.locator("#panel-rules tr", has_text="holdout")).to_contain_text(f"{held:,}")

    report = apart(reported, shown, tmp_path)
    tab.reload()
    lift = tab.locator("#lift")
    expect(lift.locator("b")).to_have_text(f"+{100 * report.lift.lift:.1f}%")
    assert report.lift.lift == pytest.approx(0.3, abs=0.05)
    for panel in ("lift", "deciles", "qini", "policies", "budget", "rules", "atOnce"):
        for chart in tab.locator(f"#panel-{panel} .chart").all():
            expect(chart).to_have_attribute("data-drawn", "yes")
    expect(tab.locator("#earned")).to_contain_text("95% 区间")
    qini = report.figures["qini"]
    expect(tab.locator("#qini-figure")).to_contain_text(f"{qini.value:.4f}")
    expect(tab.locator("#panel-drift")).to_contain_text("第一份计划")

    tab.click("#language")
    expect(tab.locator("#panel-rules h2")).to_contain_text("Why there was no contact")
    expect(tab.locator("#lift")).to_contain_text("Lift over the holdout")
    chinese = tab.locator("main").inner_text()
    assert [one for one in chinese if "\u4e00" <= one <= "\u9fff"] == []


def test_a_guess_is_marked_in_both_languages(tab, shown, tmp_path):
    report = apart(reported, shown, tmp_path)
    guesses = [one.too_few for one in report.policies]
    assert (True in guesses, False in guesses) == (True, True)
    few = [min(one.treated, one.control) < 20 for one in report.deciles]
    assert True in few
    sign_in(tab, shown.market.world.keys["analyst"])
    tab.goto(f"{shown.address}/marketing#campaign={CAMPAIGN}&plan=1")
    for yes, no, word in (("是", "否", "样本过少"), ("yes", "no", "too few")):
        for panel, marks in (("policies", guesses), ("deciles", few)):
            cells = tab.locator(f"#panel-{panel} tbody tr td:last-child")
            expect(cells).to_have_text([yes if one else no for one in marks])
        shown_ = [one.too_few for one in report.policies if one.snips]
        for trace in drawn(tab, "policies"):
            assert [one.endswith("-open") for one in trace["marker"]["symbol"]] == shown_
            assert [one.endswith(f" · {word}") for one in trace["y"]] == shown_
        *_, uplift = drawn(tab, "deciles")
        assert [one == "circle-open" for one in uplift["marker"]["symbol"]] == few
        expect(tab.locator("#guesses")).to_be_visible()
        expect(tab.locator("#few-deciles")).to_be_visible()
        names = [one.policy for one in report.policies if one.snips is None]
        assert names
        expect(tab.locator("#untried")).to_contain_text(names[0].split("/")[0])
        tab.click("#language")


def test_the_chinese_page_is_chinese_and_nothing_of_it_is_out_of_sight(tab, shown, tmp_path):
    told_of_receipts(shown, tmp_path)
    report = apart(reported, shown, tmp_path)
    assert {kind for one in report.ways for kind in one.receipts} == set(KINDS)
    sign_in(tab, shown.market.world.keys["analyst"])
    tab.goto(f"{shown.address}/marketing#campaign={CAMPAIGN}&plan=1")
    expect(tab.locator("#reported")).to_contain_text("响应：30 天内提款")
    assert "within" not in tab.locator("main").inner_text()
    heads = tab.locator("#panels th").all_text_contents()
    assert [one for one in heads if not re.search("[\u4e00-\u9fff]", one)] == ["SNIPS"]
    expect(tab.locator("#panel-qini tbody")).to_contain_text("平均增量")
    ways = tab.locator("#panel-lift tbody tr td:nth-child(2)").all_text_contents()
    assert set(ways) == {"手机应用", "推送", "短信"}
    for summary in tab.locator("#panels summary").all():
        summary.click()
    for table in tab.locator("#panels .tables").all():
        told = "it => [it.scrollWidth - it.clientWidth, it.closest('section').id]"
        assert table.evaluate(told)[0] <= 0, table.evaluate(told)


def test_a_later_plans_star_stands_where_its_budget_is_and_money_is_in_yuan(tab, shown, tmp_path):
    planned_again(shown, tmp_path)
    told = shown.ask(campaign=CAMPAIGN, plan=2).json()
    budget, *others = told["summary"]["limits"]
    left = budget["limit"] - budget["earlier"]
    assert 0 < left < 0.8 * budget["limit"]
    sign_in(tab, shown.market.world.keys["analyst"])
    tab.goto(f"{shown.address}/marketing#campaign={CAMPAIGN}&plan=2")
    expect(tab.locator("#verdict .version")).to_contain_text("-2")
    curve, star = drawn(tab, "budget")
    assert star["x"] == [pytest.approx(left / 100)]
    assert curve["x"][BUDGETS.index(1.0)] == pytest.approx(left / 100)
    expect(tab.locator("#budget-left")).to_contain_text(f"余 ¥{left / 100:,.0f}")
    rows = tab.locator("#panel-budget tbody tr")
    cells = rows.first.locator("td").all_text_contents()
    amounts = [budget[name] / 100 for name in ("limit", "earlier", "used")]
    assert cells[1:4] == [f"¥{one:,.0f}" for one in amounts]
    assert cells[5] == f"¥{budget['price']:.3f}"
    for place, one in enumerate(others, start=1):
        price = rows.nth(place).locator("td").last
        expect(price).to_have_text(f"¥{one['price'] / 100:.3f}")
    at_once = told["at_once"][0]
    first = tab.locator("#panel-atOnce tbody tr").first.locator("td").nth(1)
    expect(first).to_have_text(f"¥{at_once['limit'] / 100:,.0f}")


def test_what_few_customers_cannot_tell_is_a_dash_on_the_page(browser, small, tmp_path):
    report = apart(reported, small, tmp_path)
    assert report.lift.control < 20
    assert report.adjusted is None
    assert "points" not in [one.name for one in report.balance]
    unknown = [name for name, one in report.figures.items() if one.low is None]
    assert "uplift@10%" in unknown
    with tab_on(browser, small) as tab:
        sign_in(tab, small.market.world.keys["analyst"])
        expect(tab.locator("#earned")).to_contain_text("人数过少")
        expect(tab.locator("#lift b")).to_have_text(f"{100 * report.lift.lift:+.1f}%")
        for chart in tab.locator("#panels .chart").all():
            expect(chart).to_have_attribute("data-drawn", "yes")
        tab.click("#panel-qini summary")
        row = tab.locator("#panel-qini tr", has_text="uplift@10%")
        expect(row.locator("td").nth(2)).to_have_text("—")


def test_a_model_of_no_trial_steers_no_campaign_without_a_word(browser, small, tmp_path, capsys):
    report = apart(reported, small, tmp_path)
    done, name = small.market.plan, "marketing_preference"
    assert (done.observational, report.observational) == ((name,), (name,))
    told = {
        one["name"]: one["observational"] for one in small.ask(campaign=CAMPAIGN).json()["models"]
    }
    assert told == {"borrowing_intent": False, name: True}
    for show in (lambda: show_plan(done, json=False), lambda: show_report(report, json=False)):
        show()
        assert f"{name}: 训练数据非随机" in capsys.readouterr().out
    with tab_on(browser, small) as tab:
        sign_in(tab, small.market.world.keys["analyst"])
        expect(tab.locator("#observational")).to_contain_text(f"{name} 的训练数据并非随机")
        tab.click("#language")
        expect(tab.locator("#observational")).to_contain_text("chance did not decide")


def test_a_link_leads_to_an_older_plan_and_to_no_plan_that_is_none(tab, shown, tmp_path):
    planned_again(shown, tmp_path)
    sign_in(tab, shown.market.world.keys["auditor"])
    expect(tab.locator("#plan option")).to_have_count(2)
    expect(tab.locator("#verdict .version")).to_contain_text("-2")
    tab.select_option("#plan", "1")
    expect(tab.locator("#verdict .version")).to_contain_text("-1")
    tab.goto(f"{shown.address}/marketing#campaign=nowhere&plan=9")
    tab.reload()
    expect(tab.locator("#verdict .version")).to_contain_text("-2")


@pytest.mark.parametrize(
    ("question", "status", "says"),
    [
        ({"campaign": "autumn"}, 404, "it was never planned"),
        ({"campaign": CAMPAIGN, "plan": 77}, 404, "it has no plan 77"),
        ({"campaign": "../people"}, 422, "regex"),
        ({}, 422, "campaign"),
    ],
)
def test_what_cannot_be_shown_is_said(shown, question, status, says):
    response = shown.ask(**question)
    assert response.status_code == status
    assert says in response.json()["error"]["what"]


def test_an_altered_plan_is_not_shown(shown):
    settings = shown.market.world.settings
    path = settings.marketing / "campaigns" / CAMPAIGN / "1" / "plan.json"
    kept = path.read_bytes()
    try:
        path.chmod(0o600)
        path.write_bytes(kept.replace(b'"contacts": ', b'"contacts": 9'))
        response = shown.ask(campaign=CAMPAIGN, plan=1)
        assert response.status_code == 503
        assert "Damaged" in response.text
    finally:
        path.write_bytes(kept)


def test_agents_may_not_look(shown):
    assert shown.ask("agent", campaign=CAMPAIGN).status_code == 403


def test_whoever_was_planned_last_stands_first():
    from marketing.ledger.contacts import Planned

    plans = [
        Planned(number, name, place, f"v-{place}", 0, "lin", 5, "")
        for number, (name, place) in enumerate([("a", 1), ("b", 1), ("a", 2)], start=1)
    ]
    told = campaigns_of(plans)
    assert [(one.campaign, [p.number for p in one.plans]) for one in told] == [
        ("a", [2, 1]),
        ("b", [1]),
    ]


def test_a_world_without_a_campaign_says_so(browser, tmp_path):
    from tests.serving.small_world import make_world

    world = apart(make_world, tmp_path / "home")
    with running(world.settings) as address:
        tab = browser.new_page()
        tab.goto(f"{address}/marketing")
        sign_in(tab, world.keys["analyst"])
        expect(tab.locator("#none")).to_contain_text("还没有活动")
        tab.close()
    assert np.isfinite(world.features[0]).all()
