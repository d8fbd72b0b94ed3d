"""The monitoring page in a browser, on a lender's own past decisions alone: no model is here."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.serving.past_lender import make_lender
from tests.serving.small_world import free_port, running

ROWS = 1_500


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    made = make_lender(tmp_path_factory.mktemp("lender"), ROWS)
    for what, name, table in (
        ("decisions", "审批.csv", made.decisions),
        ("outcomes", "表现.csv", made.outcomes),
    ):
        assert made.load(what, made.write(name, table)).code == 0
    return made


@pytest.mark.servers
def test_it_opens_fully_on_what_was_loaded_and_nothing_else(lender, browser):
    lately = pd.to_datetime(lender.decisions["审批时间"]) >= pd.Timestamp("2005-06-02")
    with running(replace(lender.settings, port=free_port())) as address:
        tab = browser.new_page(locale="zh-CN")
        complaints = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(f"{address}/monitoring")
        tab.fill("#key", lender.keys["analyst"])
        tab.click("#key-form button")
        expect(tab.locator("#lamp")).to_have_class(re.compile("green|amber|red"), timeout=30_000)
        expect(tab.locator("#verdict")).to_contain_text(f"{lately.sum():,}")
        expect(tab.locator("[id^=panel-]")).to_have_count(10)
        charts = tab.locator("#panel-quality .chart[data-drawn]")
        tab.locator("#panel-quality").scroll_into_view_if_needed()
        expect(charts.first).to_be_visible(timeout=20_000)
        # What the lender's file cannot say is said, and is no empty panel.
        expect(tab.locator("#panels")).to_contain_text("未随历史决策带来")
        assert complaints == []
        tab.close()
