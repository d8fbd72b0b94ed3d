"""Cases for people on the real service: over HTTP, and as an underwriter does it in a browser."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from finmodel.audit import AuditLog, Personal, find
from finmodel.audit_format import parse_id
from finmodel.audit_segments import segment_name
from finmodel.clock import StandingClock, SystemClock
from finmodel.records import Person
from finmodel.vault import Vault
from serving.access import People
from serving.underwriting.room import CaseRoom
from tests.serving.small_world import APPLICATION

pytestmark = pytest.mark.servers
LARGE = 5_000_001
PASSWORD = "lantern orbit mustard quay"


@pytest.fixture
def han(world):
    """Another underwriter's headers."""
    people = People(world.settings.people)
    key = people.add("Han Mei", {"underwriter"})
    yield {"authorization": f"Bearer {key}"}
    if any(one.name == "Han Mei" for one in people.everyone()):
        people.revoke("Han Mei")


@pytest.fixture
def li(world):
    return world.headers("underwriter")


def decided(client, world, customer=5, **changes):
    told = APPLICATION | {"customer_id": customer} | changes
    answer = client.post("/decide", json=told, headers=world.headers("underwriter"))
    return answer.json()["decision_id"]


def claim(client, headers, decision, **more):
    return client.post("/cases/claim", json={"decision_id": decision} | more, headers=headers)


def say(client, headers, decision, verdict, code, note=""):
    told = {"decision_id": decision, "verdict": verdict, "code": code, "note": note}
    return client.post("/cases/verdict", json=told, headers=headers)


def waiting(client, headers):
    return {
        one["decision_id"]: one for one in client.get("/cases", headers=headers).json()["cases"]
    }


def refused(answer, piece, status=403):
    assert answer.status_code == status, answer.text
    assert piece in answer.json()["error"]["what"]


def test_a_referred_decision_is_claimed_seen_and_declined(client, world, li):
    decision = decided(client, world)
    case = waiting(client, li)[decision]
    assert (case["why"], case["state"], case["amount_minor"]) == ("refer", "open", 500_000)
    assert case["rule"] == "view_stale:balance"
    assert claim(client, li, decision).json()["claimed_by"] == "the underwriter"
    shown = client.get(f"/cases/{decision}", headers=li).json()
    told = shown["explanation"]
    assert {view["state"] for view in told["views"]} == {"present", "stale"}
    assert told["reasons"]
    assert told["application"]["customer_id"] == 5
    code = shown["decline"][-1]
    assert code["zh"]
    assert code["en"]
    done = say(client, li, decision, "decline", code["code"], "电话核实，工作单位无此人").json()
    assert (done["state"], done["verdict"], done["claimed_by"]) == ("done", "decline", "")
    assert decision not in waiting(client, li)
    shown = client.get(f"/cases/{decision}", headers=li).json()
    final = shown["final"]
    assert (final["by"], final["note"]) == ("the underwriter", "电话核实，工作单位无此人")
    entry = find(world.settings.audit, final["entry"])
    assert entry.kind == "case_act"
    assert (entry.body["verdict"], entry.body["code"]) == ("decline", code["code"])
    assert entry.body["actor"] == "the underwriter"
    assert "电话" not in str(entry.body)
    assert entry.personal_state is Personal.SEALED
    opened = find(world.settings.audit, final["entry"], Vault(world.settings.vault))
    assert opened.personal["note"].startswith("电话核实")


@contextmanager
def damaged(folder, entry):
    """An entry of a log with one bit of what it says turned over."""
    number, offset, _ = parse_id(entry)
    with (folder / segment_name(number)).open("rb+", buffering=0) as file:
        file.seek(offset + 80)
        was = file.read(1)
        file.seek(offset + 80)
        file.write(bytes([was[0] ^ 1]))
        try:
            yield
        finally:
            file.seek(offset + 80)
            file.write(was)


def test_a_damaged_decision_hides_no_other(client, world, li):
    bad, good = decided(client, world), decided(client, world)
    assert {bad, good} <= set(waiting(client, li))
    with damaged(world.settings.audit, bad):
        queue = waiting(client, li)
        assert (queue[bad]["damaged"], queue[bad]["amount_minor"]) == (True, None)
        assert (queue[good]["damaged"], queue[good]["amount_minor"]) == (False, 500_000)
        opened = client.get(f"/cases/{bad}", headers=li)
        assert opened.status_code == 503
        assert opened.json()["error"]["code"] == "Damaged"
        assert claim(client, li, good).status_code == 200
    assert waiting(client, li)[bad]["amount_minor"] == 500_000


def test_of_two_who_claim_at_once_one_is_told_who_has_it(client, world, li, han):
    decision = decided(client, world)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: claim(client, who, decision), (li, han)))
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    first, second = (li, han) if answers[0].status_code == 200 else (han, li)
    refused(claim(client, second, decision), "it is claimed by")
    refused(say(client, second, decision, "decline", "MD1"), "it is claimed by")
    assert claim(client, first, decision, release=True).json()["claimed_by"] == ""
    refused(say(client, first, decision, "decline", "MD1"), "no claim on it")
    assert claim(client, second, decision).status_code == 200


def test_a_large_amount_needs_a_second_person(client, world, li, han):
    decision = decided(client, world, amount_minor=LARGE)
    claim(client, li, decision)
    shown = client.get(f"/cases/{decision}", headers=li).json()
    assert shown["needs_second"]
    code = shown["approve"][0]["code"]
    first = say(client, li, decision, "approve", code).json()
    assert (first["state"], first["first_by"], first["verdict"]) == (
        "second", "the underwriter", None,
    )  # fmt: skip
    refused(claim(client, li, decision), "gave the first verdict")
    claim(client, han, decision)
    done = say(client, han, decision, "approve", code).json()
    assert (done["state"], done["verdict"]) == ("done", "approve")
    refused(claim(client, li, decision), "approved by Han Mei")


def test_a_customer_may_have_a_person_look_at_a_decline_once(client, world, li):
    decision = decided(client, world, 42)
    agent = world.headers("agent")
    assert decision not in waiting(client, li)
    for _ in range(2):
        asked = client.post("/cases", json={"decision_id": decision}, headers=agent).json()
        assert (asked["why"], asked["says"], asked["state"]) == ("asked", "decline", "open")
    referred = decided(client, world)
    assert not waiting(client, li)[referred]["asked"]
    client.post("/cases", json={"decision_id": referred}, headers=agent)
    told = waiting(client, li)[referred]
    assert (told["why"], told["asked"]) == ("refer", True)
    assert decision in waiting(client, li)
    claim(client, li, decision)
    refused(say(client, li, decision, "approve", "MA1"), "the reason code is none of those")
    assert say(client, li, decision, "approve", "ML2").json()["verdict"] == "approve"
    final = client.get(f"/cases/{decision}", headers=li).json()["final"]
    assert final["side"] == "low"
    approved = next(
        told["decision_id"]
        for told in (
            client.post("/decide", json=APPLICATION | {"customer_id": one}, headers=li).json()
            for one in range(30, 130)
        )
        if told["decision"] == "approve"
    )
    told = client.post("/cases", json={"decision_id": approved}, headers=agent)
    refused(told, "it was approved, there is nothing to look at again")


def test_a_key_that_ends_in_the_middle_of_a_claim_loses_nothing(client, world, li, han):
    decision = decided(client, world)
    claim(client, han, decision)
    People(world.settings.people).revoke("Han Mei")
    refused(say(client, han, decision, "decline", "MD1"), "nobody's", 401)
    assert waiting(client, li)[decision]["claimed_by"] == "Han Mei"
    again = People(world.settings.people).add("Han Mei", {"agent"})
    as_agent = {"authorization": f"Bearer {again}"}
    refused(say(client, as_agent, decision, "decline", "MD1"), "none of the roles")
    refused(client.get("/cases", headers=as_agent), "none of the roles")
    People(world.settings.people).revoke("Han Mei")
    back = People(world.settings.people).add("Han Mei", {"underwriter"})
    as_before = {"authorization": f"Bearer {back}"}
    assert say(client, as_before, decision, "decline", "MD1").json()["state"] == "done"


def test_what_is_no_case_is_said(client, world, li):
    decision = decided(client, world, 42)
    refused(client.get(f"/cases/{decision}", headers=li), "no case of this decision", 404)
    refused(claim(client, li, decision), "no case of this decision", 404)
    unknown = "a000001-00000708-41046fb593d3"
    refused(client.post("/cases", json={"decision_id": unknown}, headers=li), "no entry", 404)
    refused(claim(client, li, "yesterday's"), "regex", 422)


@pytest.fixture
def tab(browser, service):
    """A tab on the page; whatever it complains of, but refusals, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    tab = context.new_page()
    complaints = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    tab.goto(f"{service}/underwriting")
    yield tab
    context.close()
    refused_ = "the server responded with a status of 4"
    assert [one for one in complaints if refused_ not in one] == []


def sign_in(tab, key):
    tab.fill("#key", key)
    tab.click("#key-form button")


def test_an_underwriter_claims_and_declines_a_referred_case(tab, client, world, li):
    """From the desk where it was referred to the verdict."""
    sign_in(tab, world.keys["underwriter"])
    tab.click("#top a[href='/']")
    tab.fill("#customer", "7")
    tab.click("#decide")
    expect(tab.locator("#answer .badge")).to_have_text("转人工")
    decision = tab.locator("#answer footer code").inner_text()
    tab.click("#answer footer a[href^='/underwriting']")
    expect(tab.locator(f"#queue button[data-id='{decision}']")).to_have_attribute(
        "aria-current", "true"
    )
    case = tab.locator("#case")
    expect(case).to_contain_text("系统转人工 · 视图过期：balance")
    expect(case).to_contain_text("¥5,000")
    expect(tab.locator("#record .features tbody tr")).to_have_count(9)
    expect(tab.locator("#record .state.stale")).to_have_count(1)
    expect(tab.locator("#judge")).to_have_count(0)
    tab.click("#claim")
    tab.check("#judge input[value='decline']")
    tab.select_option("#code", "MD1")
    tab.fill("#note", "收入证明缺失")
    expect(tab.locator("#code option:checked")).to_contain_text("收入或还款能力不足")
    tab.click("#language")
    expect(tab.locator("#code option:checked")).to_contain_text("ability to repay is not shown")
    expect(tab.locator("#note")).to_have_value("收入证明缺失")
    tab.click("#language")
    tab.click("#submit")
    expect(case.locator(".badge").first).to_have_text("已审结")
    expect(case).to_contain_text("最终结论：拒绝")
    expect(case).to_contain_text("收入证明缺失")
    expect(tab.locator(f"#queue button[data-id='{decision}']")).to_have_count(0)
    final = client.get(f"/cases/{decision}", headers=li).json()["final"]
    assert (final["verdict"], final["code"]) == ("decline", "MD1")


def test_a_damaged_decision_is_said_to_be_one_in_the_queue(browser, service, client, world, li):
    decision = decided(client, world, 9)
    assert decision in waiting(client, li)
    page = browser.new_page()
    page.goto(f"{service}/underwriting")
    with damaged(world.settings.audit, decision):
        sign_in(page, world.keys["underwriter"])
        row = page.locator(f"#queue button[data-id='{decision}']")
        expect(row).to_contain_text("决策记录已损坏")
        row.click()
        expect(page.locator("#problem")).to_contain_text("数据损坏")
    page.reload()
    expect(row).to_contain_text("¥5,000")
    page.close()


def test_what_was_written_outlives_a_key_that_ends_and_waits_for_its_writer(tab, client, world):
    people = People(world.settings.people)
    decision = decided(client, world, 8)
    sign_in(tab, people.add("Wang Fang", {"underwriter"}))
    tab.click(f"#queue button[data-id='{decision}']")
    tab.click("#claim")
    tab.check("#judge input[value='decline']")
    tab.select_option("#code", "MD2")
    tab.fill("#note", "负债偏高")
    people.revoke("Wang Fang")
    tab.click("#submit")
    expect(tab.locator("#sign-in")).to_be_visible()
    again = people.add("Wang Fang", {"underwriter"})
    try:
        sign_in(tab, again)
        expect(tab.locator("#note")).to_have_value("负债偏高")
        expect(tab.locator("#code")).to_have_value("MD2")
        claimed_by = client.get("/cases", headers=world.headers("auditor")).json()["cases"]
        assert "Wang Fang" in {one["claimed_by"] for one in claimed_by}
        tab.click("#submit")
        expect(tab.locator("#case")).to_contain_text("最终结论：拒绝")
    finally:
        people.revoke("Wang Fang")


def come_in(tab, name, password):
    tab.fill("#own-name", name)
    tab.fill("#password", password)
    tab.click("#session-form button")
    expect(tab.locator("#person")).to_contain_text(name)


def begin_verdict(tab, decision, note):
    """Claim a case and write all but the last click."""
    tab.click(f"#queue button[data-id='{decision}']")
    tab.click("#claim")
    tab.check("#judge input[value='decline']")
    tab.select_option("#code", "MD2")
    tab.fill("#note", note)


def is_idle(tab, world, people):
    with closing(sqlite3.connect(world.settings.sessions)) as file, file:
        file.execute("UPDATE session SET seen = seen - 86400 WHERE name = 'Zhao Min'")
    return PASSWORD


def left_elsewhere(tab, world, people):
    other = tab.context.new_page()
    other.goto(tab.url)
    other.click("#leave")
    expect(other.locator("#sign-in")).to_be_visible()
    other.close()
    return PASSWORD


def password_is_new(tab, world, people):
    people.set_password("Zhao Min", PASSWORD + "!")
    return PASSWORD + "!"


@pytest.mark.parametrize("ends", [is_idle, left_elsewhere, password_is_new])
def test_a_session_that_ends_in_the_middle_of_a_claim_takes_nothing_with_it(
    tab, client, world, ends
):
    people = People(world.settings.people)
    people.add("Zhao Min", {"underwriter"})
    people.set_password("Zhao Min", PASSWORD)
    decision = decided(client, world, 10)
    try:
        come_in(tab, "Zhao Min", PASSWORD)
        begin_verdict(tab, decision, "负债偏高")
        password = ends(tab, world, people)
        tab.click("#submit")
        expect(tab.locator("#session-ended")).to_contain_text("已填写的内容都还在")
        expect(tab.locator("#work")).to_be_hidden()
        come_in(tab, "Zhao Min", password)
        expect(tab.locator("#note")).to_have_value("负债偏高")
        expect(tab.locator("#code")).to_have_value("MD2")
        expect(tab.locator("#problem")).to_be_hidden()
        tab.click("#submit")
        expect(tab.locator("#case")).to_contain_text("最终结论：拒绝")
    finally:
        people.revoke("Zhao Min")


def test_a_role_taken_away_while_the_page_is_open_loses_nothing(tab, client, world):
    people = People(world.settings.people)
    decision = decided(client, world, 6)
    sign_in(tab, people.add("Wu Jing", {"underwriter"}))
    try:
        begin_verdict(tab, decision, "收入证明缺失")
        people.set_roles("Wu Jing", {"agent"})
        tab.click("#submit")
        expect(tab.locator("#problem")).to_contain_text("无权限：")
        expect(tab.locator("#case")).to_contain_text("只能查看，不能领取", timeout=10_000)
        people.set_roles("Wu Jing", {"underwriter"})
        expect(tab.locator("#note")).to_have_value("收入证明缺失", timeout=10_000)
        tab.click("#submit")
        expect(tab.locator("#case")).to_contain_text("最终结论：拒绝")
    finally:
        people.revoke("Wu Jing")


def let_the_claim_lapse(world, decision):
    """The same claim, as if it had been made an hour ago."""
    who = Person("the underwriter", frozenset({"underwriter"}))
    settings, past = world.settings, StandingClock(SystemClock().now() - timedelta(hours=1))
    with (
        closing(Vault(settings.vault)) as vault,
        closing(AuditLog(settings.audit, vault, settings.clock)) as log,
        closing(CaseRoom(settings, log, vault, past)) as room,
    ):
        room.release(decision, who)
        room.claim(decision, who)


def test_a_claim_that_lapsed_can_be_made_again_at_once(tab, client, world):
    decision = decided(client, world, 7)
    sign_in(tab, world.keys["underwriter"])
    begin_verdict(tab, decision, "无法核实")
    let_the_claim_lapse(world, decision)
    tab.click("#submit")
    expect(tab.locator("#problem")).to_contain_text("claim it again")
    expect(tab.locator("#judge")).to_have_count(0)
    tab.click("#claim")
    expect(tab.locator("#problem")).to_be_hidden()
    expect(tab.locator("#note")).to_have_value("无法核实")
    expect(tab.locator("#code")).to_have_value("MD2")
    tab.click("#submit")
    expect(tab.locator("#case")).to_contain_text("最终结论：拒绝")


def test_a_case_that_another_has_is_said_in_chinese(tab, client, world, han):
    decision = decided(client, world, 9)
    sign_in(tab, world.keys["underwriter"])
    tab.click(f"#queue button[data-id='{decision}']")
    expect(tab.locator("#claim")).to_be_visible()
    claim(client, han, decision)
    tab.click("#claim")
    expect(tab.locator("#problem")).to_contain_text("无权限：案件已被他人领取")
    expect(tab.locator("#problem")).to_contain_text("it is claimed by Han Mei until")
    tab.click("#leave")
    expect(tab.locator("#case")).to_be_empty()
    sign_in(tab, world.keys["auditor"])
    tab.click(f"#queue button[data-id='{decision}']")
    expect(tab.locator("#case")).to_contain_text("Han Mei 已领取")
    expect(tab.locator("#case")).to_contain_text("只能查看，不能领取")
    expect(tab.locator("#claim")).to_have_count(0)
