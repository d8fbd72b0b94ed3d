"""After a chat an agent writes it down over HTTP: drafted, corrected, kept; tickets are seen."""

import pytest

from tests.serving.assist_world import FACTS, assist_world, brought, message

OWED = FACTS | {"overdue_total": 123_456, "penalty_interest": 1_200, "days_past_due": 12}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with assist_world(tmp_path_factory.mktemp("assist")) as made:
        yield made


@pytest.fixture
def li(world):
    with world.client() as made:
        yield made


def bring(client, name, *texts):
    said = [message(at, text) for at, text in enumerate(texts)]
    given = brought(*said, facts=OWED, account="overdue", scenario="collection")
    assert client.post(f"/conversations/{name}/messages", json=given).status_code == 200


def test_a_promise_is_drafted_with_the_ledgers_amount_and_becomes_a_ticket(li):
    bring(li, "p1", "我周五发工资，到时候一定还上")
    drafted = li.get("/conversations/p1/wrap-up").json()
    assert drafted["promise"] == {
        "slot": "overdue_total",
        "amount": "1,234.56元",
        "day": "2026-06-05",
    }
    assert drafted["follow_up"] == {"kind": "promise", "due": "2026-06-05"}
    assert "1,234.56元，2026-06-05" in drafted["text"]
    given = {
        "category": drafted["category"],
        "intents": [one["name"] for one in drafted["intents"]],
        "text": drafted["text"],
        "promise": {"slot": "overdue_total", "day": "2026-06-05"},
        "follow_up": drafted["follow_up"],
    }
    (ticket,) = li.post("/conversations/p1/wrap-up", json=given).json()["tickets"]
    assert (ticket["kind"], ticket["due"], ticket["overdue"]) == ("promise", "2026-06-05", False)
    assert drafted["kept"] is None
    again = li.get("/conversations/p1/wrap-up").json()["kept"]
    assert again["text"] == drafted["text"]


def test_a_complaint_gets_its_ticket_whether_it_is_named_or_not(li, world):
    bring(li, "q1", "你们催收天天骚扰我家人，我要投诉")
    given = {"category": "complaint", "intents": ["complaint_collection"], "text": "投诉催收"}
    (ticket,) = li.post("/conversations/q1/wrap-up", json=given).json()["tickets"]
    assert (ticket["kind"], ticket["due"]) == ("complaint", "2026-06-18")
    longer = li.post(f"/tickets/{ticket['id']}", json={"is_complex": True}).json()
    assert longer["due"] == "2026-07-03"
    with world.client("wang") as wang:
        refused = wang.post(f"/tickets/{ticket['id']}", json={"done": True})
        assert refused.status_code == 404
        assert "no ticket of yours" in refused.text
        assert wang.get("/tickets").json() == {"tickets": [], "overdue": 0}
    with world.client("zhao") as zhao:
        mine = zhao.get("/tickets").json()["tickets"]
        assert ticket["id"] in [one["id"] for one in mine]
        done = zhao.post(f"/tickets/{ticket['id']}", json={"done": True}).json()
    assert done["closed"]
    assert ticket["id"] not in [one["id"] for one in li.get("/tickets").json()["tickets"]]


@pytest.mark.parametrize("follow_up", [None, {"kind": "refund"}, {"kind": "complaint"}])
def test_a_category_of_complaint_opens_its_ticket_once_whatever_was_asked(li, follow_up):
    name = f"k-{follow_up['kind'] if follow_up else 'none'}"
    bring(li, name, "我要还多少钱")
    assert li.get(f"/conversations/{name}/wrap-up").json()["category"] == "repayment"
    given = {"category": "complaint", "intents": [], "text": "客户投诉", "follow_up": follow_up}
    first, *others = li.post(f"/conversations/{name}/wrap-up", json=given).json()["tickets"]
    assert (first["kind"], first["due"]) == ("complaint", "2026-06-18")
    assert [one["kind"] for one in others] == (["refund"] if name == "k-refund" else [])
    corrected = given | {"intents": ["complaint_fee"], "follow_up": None}
    (again,) = li.post(f"/conversations/{name}/wrap-up", json=corrected).json()["tickets"]
    assert again == first
    open_now = [one for one in li.get("/tickets").json()["tickets"] if one["conversation"] == name]
    assert [one["kind"] for one in open_now].count("complaint") == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"intents": ["unheard_of"]}, "unheard_of"),
        ({"promise": {"slot": "hotline"}}, "hotline is no amount"),
        ({"promise": {"slot": "settlement_fee_x"}}, "is no amount that is known"),
        ({"follow_up": {"kind": "refund", "due": "2026-06-02"}}, "2026-06-02 has passed"),
        ({"follow_up": {"kind": "complaint", "due": "2026-06-30"}}, "within 15 days"),
        ({"follow_up": {"kind": "party"}}, "follow_up.kind"),
        ({"text": ""}, "text"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_nothing_is_kept(li, change, says):
    bring(li, "w1", "我要还多少钱")
    before = li.get("/tickets").json()
    given = {"category": "repayment", "text": "咨询应还金额"} | change
    refused = li.post("/conversations/w1/wrap-up", json=given)
    assert refused.status_code in (404, 422)
    assert says in refused.text
    assert li.get("/tickets").json() == before


def test_nobody_wraps_up_another_agents_conversation(li, world):
    bring(li, "o1", "在吗")
    with world.client("wang") as wang:
        assert wang.get("/conversations/o1/wrap-up").status_code == 404
        given = {"category": "repayment", "text": "咨询"}
        assert wang.post("/conversations/o1/wrap-up", json=given).status_code == 404
    refused = li.post("/tickets/none", json={})
    assert refused.status_code == 422
    assert "nothing becomes of it" in refused.text
