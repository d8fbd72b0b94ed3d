"""A customer wants a person to look: from the agent's conversation into the underwriters' queue."""

import dataclasses
from contextlib import closing

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from finmodel.audit import AuditLog, scan
from finmodel.clock import SystemClock
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.access import People
from serving.assisting.desk import open_assist_desk
from serving.assisting.looking import LookAsked, look_again
from serving.telemetry import Telemetry
from serving.underwriting import entering
from tests.serving.assist_world import assist_world, brought, message
from tests.serving.small_world import APPLICATION

pytestmark = pytest.mark.servers
LI = Person("li", frozenset({"agent"}))


def decided(client, world, application, customer, **more):
    told = APPLICATION | {"application_id": application, "customer_id": customer} | more
    answer = client.post("/decide", json=told, headers=world.headers("underwriter"))
    return answer.json()


@pytest.fixture(scope="module")
def agents(service, world, tmp_path_factory):
    """An assistant beside the decision service: one audit log, one vault, one queue.

    The service begins the queue: by the assistant's clock its decisions would be of long ago.
    """
    httpx.get(f"{service}/cases", headers=world.headers("underwriter")).raise_for_status()
    home = tmp_path_factory.mktemp("assist")
    for name in ("audit", "vault", "exports", "signing", "underwriting", "policies"):
        (world.settings.home / name).mkdir(exist_ok=True)
        (home / name).symlink_to(world.settings.home / name)
    with assist_world(home) as made:
        yield made


@pytest.fixture
def li(agents):
    with agents.client() as made:
        yield made


def bring(client, name, customer, identity="verified"):
    asked = message(0, "为什么拒绝我，我要人工复核", identity=identity)
    given = brought(asked, customer=str(customer))
    assert client.post(f"/conversations/{name}/messages", json=given).status_code == 200


def look(client, name, application):
    return client.post(f"/conversations/{name}/human-look", json={"application_id": application})


def test_an_automatic_decline_comes_before_a_person_once(client, world, li):
    declined = decided(client, world, "LOOK-1", 42)
    assert declined["decision"] == "decline"
    bring(li, "look-1", 42)
    seen = look(li, "look-1", "LOOK-1").json()
    assert seen["decision_id"] == declined["decision_id"]
    assert (seen["product"], seen["verdict"]) == ("cash_loan", "")
    assert look(li, "look-1", "LOOK-1").json() == seen
    theirs = world.headers("underwriter")
    case = client.get(f"/cases/{declined['decision_id']}", headers=theirs).json()["case"]
    assert (case["asked"], case["why"]) == (True, "asked")
    again = decided(client, world, "LOOK-1", 42)
    assert look(li, "look-1", "LOOK-1").json()["decision_id"] == again["decision_id"]


def test_another_customers_application_is_not_told_from_none(client, world, li):
    decided(client, world, "LOOK-2", 42)
    bring(li, "look-2", 7)
    theirs, none = look(li, "look-2", "LOOK-2"), look(li, "look-2", "NONE-2")
    assert theirs.status_code == none.status_code == 404
    assert theirs.text == none.text
    assert "no decision here on an application of this number" in theirs.text
    assert look(li, "of-nobody", "LOOK-2").status_code == 404
    assert look(li, "look-2", "").status_code == 422


def test_who_is_not_verified_asks_nothing_and_each_look_is_recorded(client, world, li):
    decided(client, world, "LOOK-4", 42)
    bring(li, "look-4", 42, identity="none")
    refused = look(li, "look-4", "LOOK-4")
    assert (refused.status_code, "not verified" in refused.text) == (403, True)
    bring(li, "look-5", 42)
    look(li, "look-5", "LOOK-9")
    found = look(li, "look-5", "LOOK-4").json()["decision_id"]
    bodies = [one.body for one in scan(world.settings.audit, "human_look")][-2:]
    told = [{"by": "li", "conversation": "look-5", "found": one} for one in ("", found)]
    assert bodies == told


def test_the_latest_of_an_application_is_found_whatever_shape_its_entries_have(tmp_path):
    """Entries of another model's vector, and older ones that do not say of which application."""
    stand_in = {"application": 7}
    with (
        closing(Vault(tmp_path / "keys.db")) as vault,
        closing(AuditLog(tmp_path / "audit", vault, SystemClock())) as log,
    ):
        log.append("decision", {"n": 0}, columns={"vector": np.zeros(2, np.float32)})
        for size in (3, 5, 3):
            columns = {"facts": 1, "vector": np.zeros(size, np.float32)}
            log.append("decision", {"n": size}, columns=columns | stand_in)
        every = [one.id for one in scan(tmp_path / "audit", "decision")]
        assert list(entering.decided(tmp_path / "audit", 7)) == every[:0:-1]


def test_where_nothing_was_decided_it_says_so(tmp_path):
    settings = Settings.from_env({"FINMODEL_HOME": str(tmp_path)})
    with open_assist_desk(settings, Telemetry()) as desk:
        given = brought(message(0, "我要人工复核"), customer="42")
        with assist_world(tmp_path / "other") as made, made.client() as li:
            assert li.post("/conversations/x/messages", json=given).status_code == 200
            there = dataclasses.replace(desk, conversations=made.desk.conversations)
            with pytest.raises(Exception, match="no decision here"):
                look_again("x", LookAsked("A-1"), LI, there)


def test_an_agent_asks_on_the_page(client, world, agents, li, browser):
    declined = decided(client, world, "LOOK-3", 42)
    bring(li, "look-3", 42)
    people = People(agents.desk.settings.people)
    people.set_password("li", "lantern orbit mustard quay")
    tab = browser.new_page(locale="zh-CN")
    tab.goto(agents.address)
    tab.fill("#own-name", "li")
    tab.fill("#password", "lantern orbit mustard quay")
    tab.click("#session-form button")
    tab.click("#lines button >> nth=0")
    tab.fill("#look-id", "LOOK-X")
    tab.click("#look button")
    expect(tab.locator("#look-problem")).to_contain_text("没有找到该客户这一申请编号的决定")
    tab.fill("#look-id", "LOOK-3")
    tab.click("#look button")
    expect(tab.locator("#look-said")).to_contain_text("已转人工审批")
    expect(tab.locator("#look-problem")).to_be_hidden()
    theirs = world.headers("underwriter")
    assert client.get(f"/cases/{declined['decision_id']}", headers=theirs).status_code == 200
    tab.close()
