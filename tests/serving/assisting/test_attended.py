"""What a supervisor sees of waiting, handling and coming again, out of what was brought."""

from datetime import timedelta

import pytest

from tests.serving.assist_world import NOW, assist_world, brought

DUE, TROUBLE = "我的还款日是哪天？", "App打不开了怎么办"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with assist_world(tmp_path_factory.mktemp("attended")) as made:
        yield made


def bring(world, name, customer, days, *turns, **more):
    start = NOW - timedelta(days=days)
    said = [
        {"id": f"{name} {seconds}", "who": who, "text": text, "identity": "verified",
         "at": (start + timedelta(seconds=seconds)).isoformat()}
        for seconds, who, text in turns
    ]  # fmt: skip
    given = brought(*said, customer=customer, **{"agent": "li"} | more)
    with world.client("vendor") as vendor:
        answer = vendor.post(f"/conversations/{name}/messages", json=given)
        assert answer.status_code == 200, answer.text


def test_waiting_handling_and_coming_again_stand_by_scenario_and_tenure(world):
    first = [
        (0, "customer", "您好"),
        (5, "agent", "您好"),
        (9, "customer", DUE),
        (60, "agent", "好"),
    ]
    bring(world, "c1", "u1", 20, *first)
    again = [(0, "customer", "请问还款日是几号"), (90, "agent", "好"), (100, "agent", "好")]
    bring(world, "c2", "u1", 14, *again, agent="wang")
    bring(world, "c3", "u2", 20, (0, "customer", TROUBLE), (30, "agent", "好"))
    bring(world, "c4", "u3", 1, (0, "customer", DUE), (10, "agent", "好"), scenario="complaint")
    bring(world, "c5", "u4", 1, (0, "customer", DUE), scenario="complaint")
    bring(world, "c6", "u5", 40, (0, "customer", DUE), (10, "agent", "好"))  # before the span
    with world.client("zhao") as zhao:
        told = zhao.get("/handling/scenario").json()
        groups = {one["group"]: one for one in told["groups"]}
        repayment, complaint = groups["repayment"]["handling"], groups["complaint"]["handling"]
        assert told["left"] == 0
        assert (repayment["contacts"], repayment["known"], repayment["resolved"]) == (3, 3, 2)
        assert (repayment["response_median_s"], repayment["response_p90_s"]) == (30.0, 90.0)
        assert (repayment["handled_median_s"], repayment["handled_p90_s"]) == (60.0, 100.0)
        assert groups["repayment"]["resolved_low"] < 2 / 3 < groups["repayment"]["resolved_high"]
        assert (complaint["contacts"], complaint["unanswered"], complaint["known"]) == (2, 1, 0)
        assert groups["complaint"]["resolved_low"] is None
        agents = {
            one["group"]: one["handling"] for one in zhao.get("/handling/agent").json()["groups"]
        }
        assert (agents["li"]["resolved"], agents["wang"]["resolved"]) == (1, 1)  # u1 came to wang
        tenures = [one["group"] for one in zhao.get("/handling/tenure_scenario").json()["groups"]]
        assert tenures == ["under_3_months · complaint", "under_3_months · repayment",
                           "unknown · repayment"]  # fmt: skip
        assert zhao.get("/handling/writer").status_code == 404
    with world.client("li") as li:
        assert li.get("/handling/agent").status_code == 403


def test_drafting_time_stands_beside(world):
    with world.client("li") as li:
        bring(world, "c7", "u7", 0.1, (0, "customer", DUE), scenario="consultation")
        shown = li.post("/suggest", json={"conversation": "c7"}).json()
        text = shown["suggestions"][0]["text"]
        given = {"shown": shown["shown"], "place": 1, "text": text, "seconds": 4.0}
        assert li.post("/feedback", json=given).status_code == 200
    with world.client("zhao") as zhao:
        groups = {one["group"]: one for one in zhao.get("/handling/scenario").json()["groups"]}
    assert groups["consultation"]["drafting_s"] == 4.0
    assert groups["repayment"]["drafting_s"] is None
    assert groups["consultation"]["handling"]["handled_median_s"] == 8640.0
