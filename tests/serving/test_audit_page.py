"""The auditor's page: asked over HTTP, and walked through in a real browser."""

import dataclasses
import re
from datetime import date

import pytest
from playwright.sync_api import expect

from finmodel.audit import scan, verify
from finmodel.errors import NotFound
from serving.access import People
from serving.audit_page import act, acts_of
from serving.auditing.asked import ActsRequest
from tests.serving.small_world import APPLICATION

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def decided(client, world):
    """A decision's id."""
    asked = APPLICATION | {"application_id": "A-audited"}
    return client.post("/decide", json=asked, headers=world.headers("underwriter")).json()[
        "decision_id"
    ]


@pytest.fixture(scope="module")
def case_act(client, world, decided):
    """The entry of a request that a person look at the decision."""
    headers = world.headers("underwriter")
    assert client.post("/cases", json={"decision_id": decided}, headers=headers).is_success
    acts = scan(world.settings.audit, "case_act")
    return next(one.id for one in acts if one.body["about"]["decision"] == decided)


def asked(client, world, role="auditor", **question):
    return client.post("/audit/acts", json=question, headers=world.headers(role))


def test_who_did_what_is_told_by_person_act_and_day(client, world, decided):
    found = asked(client, world, person="the underwriter", kind="decision").json()
    one = next(one for one in found["acts"] if one["id"] == decided)
    assert (one["kind"], one["people"]) == ("decision", ["the underwriter"])
    assert one["about"]["decision"] == "decline"
    assert "customer" not in str(one)
    # The clock of this service stands at the first of October, in China.
    today = asked(client, world, kind="decision", day="2005-10-01").json()
    assert decided in {one["id"] for one in today["acts"]}
    for nothing in ({"day": "2005-09-30"}, {"person": "Nobody"}, {"kind": "no_such"}):
        assert asked(client, world, **nothing).json() == {"acts": [], "onward": None}


def test_an_entry_is_shown_without_what_is_personal(client, world, decided):
    told = client.get(f"/audit/entries/{decided}", headers=world.headers("auditor")).json()
    assert (told["kind"], told["personal"]) == ("decision", "sealed")
    assert told["body"]["actor"] == "the underwriter"
    assert not {"customer_id", "amount_minor"} & told["body"].keys()
    assert "vector" in told["columns"]
    missing = client.get(
        "/audit/entries/a000001-00000000-000000000000", headers=world.headers("auditor")
    )
    assert missing.status_code == 404


def test_an_act_on_a_case_names_its_decision(client, world, decided, case_act):
    acts = asked(client, world, kind="case_act").json()["acts"]
    assert [one["id"] for one in acts if one["decision"] == decided] == [case_act]
    told = client.get(f"/audit/entries/{case_act}", headers=world.headers("auditor")).json()
    assert told["decision"] == decided
    others = asked(client, world, kind="decision").json()["acts"]
    assert {one["decision"] for one in others} == {""}


def test_only_an_auditor_asks(client, world):
    for role in ("underwriter", "validator", "engineer"):
        headers = world.headers(role)
        assert asked(client, world, role).status_code == 403
        assert client.get("/audit/chain", headers=headers).status_code == 403
        assert client.post("/audit/chain", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"day": "yesterday"}, "the body"),
        ({"kind": "Gate!"}, "kind"),
        ({"person": "x" * 65}, "person"),
        ({"before": {"segment": 0}}, "before"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(client, world, question, says):
    refused = asked(client, world, **question)
    assert refused.status_code == 422
    assert says in str(refused.json()["error"])


def test_the_last_day_there_is_can_be_asked_for(world, decided):
    assert acts_of(ActsRequest(day=date.max), world.settings).acts == ()


def test_a_line_has_a_few_plain_values_and_no_digest(world, decided):
    for found in scan(world.settings.audit):
        line = act(found)
        assert len(line.about) <= 6
        assert all(not isinstance(one, list | dict) for one in line.about.values())
        assert not any(re.fullmatch("[0-9a-f]{32,}", f"{one}") for one in line.about.values())


def test_without_a_log_nothing_is_found(tmp_path, world):
    with pytest.raises(NotFound):
        acts_of(ActsRequest(), dataclasses.replace(world.settings, home=tmp_path))


def test_an_auditor_finds_who_did_what_replays_the_decision_and_checks_the_chain(
    browser, service, world, decided, case_act
):
    people, password = People(world.settings.people), "lantern orbit mustard quay"
    people.add("孙审计", {"auditor"})
    people.set_password("孙审计", password)
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    faults = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    try:
        tab.goto(f"{service}/audit")
        tab.fill("#own-name", "孙审计")
        tab.fill("#password", password)
        tab.click("#session-form button")
        acts = tab.locator("#acts tbody tr")
        expect(acts.first).to_contain_text("孙审计")
        expect(acts.first).to_contain_text("登录")
        tab.fill("#who", "the underwriter")
        tab.select_option("#kind", "decision")
        tab.fill("#day", "2005-10-01")
        tab.click("#find button")
        expect(tab.locator("#acts")).not_to_contain_text("登录")
        tab.locator(f'#acts a[href="#/decision/{decided}"]').click()
        expect(tab.locator("#entry .replay.same")).to_be_visible()
        expect(tab.locator("#entry")).to_contain_text("cash_loan")
        tab.click("#entry .back")
        tab.select_option("#kind", "case_act")
        tab.click("#find button")
        mine = acts.filter(has_text=decided)
        expect(mine).to_have_count(1)
        expect(mine).to_contain_text("审批案件操作")
        tab.goto(f"{service}/audit#/entry/{case_act}")
        decision = tab.locator("#entry a.to-decision")
        expect(decision).to_have_attribute("href", f"#/decision/{decided}")
        tab.click("#entry .back")
        expect(mine.locator("a.to-decision")).to_have_text(decided)

        tab.click("#check")
        expect(tab.locator("#chain .replay.same")).to_contain_text("整条链完好", timeout=60_000)
        expect(tab.locator("#chain")).to_contain_text("孙审计")
        tab.fill("#who", "孙审计")
        tab.select_option("#kind", "")
        tab.fill("#day", "")
        tab.click("#find button")
        expect(acts).to_have_count(3)
        said = [acts.nth(place).inner_text() for place in range(3)]
        assert [
            word in line for word, line in zip(("核验", "查看个人信息", "登录"), said, strict=True)
        ]
        acts.nth(0).locator("a").click()
        expect(tab.locator("#entry pre")).to_contain_text(re.compile('"holds": true'))
        tab.click("#language")
        expect(tab.locator("#entry h1")).to_contain_text("Audit entry")
        tab.goto(f"{service}/audit#/decision/{decided}x")
        tab.reload()
        expect(tab.locator("#entry .problem")).to_contain_text("Not found")
        people.set_roles("孙审计", {"agent"})
        expect(tab.locator("#not-auditor")).to_be_visible(timeout=10_000)
    finally:
        tab.close()
        people.revoke("孙审计")
    assert faults == []
    told = verify(world.settings.audit).counts
    assert told["chain_verified"] == 1
