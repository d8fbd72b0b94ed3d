"""The page of the road in a real browser: an engineer replays a dead letter after its fix."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest
import yaml
from playwright.sync_api import expect

from finmodel.audit import scan
from finmodel.suggestion_book import Shown, SuggestionBook
from finmodel.vault import Vault
from serving.access import People
from serving.road.letters import REPLAYED
from serving.stream_state import keep_state
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_lender import RECIPE, loans
from tests.serving.demo_shell import Shell
from tests.serving.road.small_road import FIX, NAME, ends, logins_counted, make_road
from tests.serving.small_world import APPLICATION
from tests.serving.small_world import NAME as MODEL

pytestmark = pytest.mark.servers
ALONE = {"scripts_ms": 3.6, "ms": 3.6}
WRITTEN = {"scripts_ms": 2.0, "ms": 1802.0, "prompt_tokens": 900, "written_tokens": 40}


@pytest.fixture(scope="module")
def road(world, service, tmp_path_factory):
    """The service's home with letters, a worker's word, a run in MLflow, and what was suggested."""
    here = world.settings
    make_road(here)
    shutil.copy(trained(tmp_path_factory.mktemp("trained")), here.home)
    moved_by_hand(here)
    with closing(Vault(here.vault)) as vault:
        book = SuggestionBook(here.suggestions, vault)
        for trace in (ALONE, WRITTEN):
            shown(book, vault, {"suggestions": [], "trace": trace})
        book.close()
    yield service
    for path in (here.events, here.dead_letters, here.streams, here.suggestions.parent):
        shutil.rmtree(path, ignore_errors=True)
    for path in (here.topic_maps, here.home / "mlflow.db"):
        path.unlink()


def trained(folder):
    """MLflow's file after `finmodel train`, in a home of its own: others read the world's."""
    loans().to_csv(folder / "loans.csv", index=False)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, allow_unicode=True))
    there = settings_at(folder / "home")
    key = People(there.people).add("eva", {"engineer"})
    told = Shell(there.home).finmodel("train", str(folder / "recipe.yaml"), "--json", key=key)
    assert told.json["version"] == 1, told.err
    return there.home / "mlflow.db"


def moved_by_hand(settings) -> None:
    """An alias of the model in service, moved in MLflow alone."""
    with closing(sqlite3.connect(settings.home / "mlflow.db")) as db, db:
        db.executescript(f"""
        INSERT INTO registered_models(name) VALUES ('{MODEL}');
        INSERT INTO model_versions(name, version, run_id) VALUES ('{MODEL}', 1, ''),
                                                                 ('{MODEL}', 2, '');
        INSERT INTO registered_model_aliases(name, alias, version) VALUES ('{MODEL}', 'champion', 2)
        """)


def shown(book, vault, body) -> None:
    one = Shown(
        conversation="c1",
        customer="u1",
        agent="li",
        scenario="repayment",
        at=datetime(2005, 9, 30, tzinfo=UTC),
        count=1,
        ms=1.0,
        body=msgspec.json.encode(body),
    )
    book.show(one, vault.pseudonym("u1"))


def test_only_an_engineer_sees_and_replays(client, world, road):
    for role in ("analyst", "auditor", "agent", "underwriter"):
        told = world.headers(role)
        assert client.get("/road/figures", headers=told).status_code == 403
        answer = client.post("/road/replay", json={"letter": NAME}, headers=told)
        assert answer.status_code == 403
    told = world.headers("engineer")
    for letter in ("../people.json", "", "d-" + "0" * 20):
        answer = client.post("/road/replay", json={"letter": letter}, headers=told)
        assert answer.status_code in (404, 422)


def test_the_bill_says_what_was_measured_and_nothing_else(client, world, road):
    for _ in range(3):
        client.post("/decide", json=APPLICATION, headers=world.headers("underwriter"))
    bill = client.get("/road/figures", headers=world.headers("engineer")).json()["bill"]
    decided, script, generated = bill["thousands"]
    assert decided["counted"] >= 2
    assert 0 < decided["hours"] < 1
    assert (decided["cost"], decided["how"]) == (None, "no_price")
    assert (script["counted"], round(script["hours"], 9)) == (1, 0.001)
    assert (generated["hours"], generated["tokens_read"]) == (0.5, 900_000)
    (run,) = bill["runs"]
    assert (run["experiment"], run["status"], run["unit"]) == (RECIPE["name"], "FINISHED", "core")
    assert 0.1 / 3_600 < run["hours"] < 0.1
    assert (run["cost"], run["how"]) == (None, "no_price")


def test_an_engineer_replays_a_dead_letter(browser, world, road, tmp_path):
    here = world.settings
    assert logins_counted(here, tmp_path) == 1
    keep_state(here.streams, "desk-1", {"app.login.v1": 12}, {"app.login.v1": 0.25})
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab, complaints = context.new_page(), []
    tab.set_default_timeout(20_000)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    tab.goto(f"{road}/road")
    tab.fill("#key", world.keys["engineer"])
    tab.click("#key-form button")

    expect(tab.locator("#waiting b")).to_have_text("2")
    expect(tab.locator("#lag b")).to_have_text("12")
    expect(tab.locator("#panel-stream")).to_contain_text("desk-1：工作中")
    expect(tab.locator("#panel-models .moved")).to_contain_text(
        "在闸门外移动：MLflow 指向 2，在线的是 1"
    )
    expect(tab.locator("#panel-ages .age")).to_have_count(3)
    expect(tab.locator("#panel-runs")).to_contain_text("核时")
    expect(tab.locator("#panel-runs")).to_contain_text("FINMODEL_GPU_HOUR_PRICE")
    expect(tab.locator("#panel-thousands")).to_contain_text("建议：另有生成")
    letter = tab.locator(f"#{NAME}")
    expect(letter).to_contain_text("未知取值（channel）")
    expect(letter).to_contain_text('"from":3')
    expect(letter).not_to_contain_text("13800138000")

    letter.locator(".again").click()
    expect(tab.locator("#problem")).to_contain_text("按现在的映射仍不成事件")
    assert ends(here) == 3

    here.topic_maps.write_text(FIX)
    letter.locator(".again").click()
    expect(letter.locator(".replayed")).to_contain_text("流处理会计入一次")
    expect(tab.locator("#problem")).to_be_hidden()
    expect(tab.locator("#waiting b")).to_have_text("1")
    again = context.request.post(
        f"{road}/road/replay", data={"letter": NAME}, headers=world.headers("engineer")
    )
    assert again.json()["new"] is False
    assert (logins_counted(here, tmp_path), ends(here)) == (2, 4)
    (entry,) = scan(here.audit, REPLAYED)
    assert entry.body["by"] == "the engineer"

    tab.click("#language")
    expect(letter).to_contain_text("Replayed by the engineer")
    context.close()
    refused = "the server responded with a status of 4"
    assert [one for one in complaints if refused not in one] == []


def test_a_demos_bill_says_where_suggestions_are_when_none_are_here(browser, world, road):
    books = world.settings.suggestions.parent
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(f"{road}/road")
    tab.fill("#key", world.keys["engineer"])
    tab.click("#key-form button")
    panel = tab.locator("#panel-thousands")
    expect(panel).to_contain_text("建议：另有生成")
    expect(panel.locator(".apart")).to_have_count(0)
    away = books.rename(books.with_name("suggestions-away"))
    try:
        tab.reload()
        expect(panel.locator(".apart")).to_contain_text("助手另有数据目录")
        tab.click("#language")
        expect(panel.locator(".apart")).to_contain_text("have one FINMODEL_HOME")
    finally:
        away.rename(books)
        tab.close()
