"""Who wrote a chat down, and what became of its tickets, is in the audit log, without a word."""

import pytest

from finmodel.audit import scan
from tests.serving.assist_world import assist_world, brought, message


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with assist_world(tmp_path_factory.mktemp("assist")) as made:
        yield made


def test_each_act_with_a_ticket_is_an_entry_and_no_word_of_the_customer(world):
    given = {
        "category": "complaint", "text": "客户张伟投诉催收",
        "follow_up": {"kind": "complaint", "due": "2026-06-10", "note": "电话13812345678"},
    }  # fmt: skip
    with world.client() as li:
        said = brought(message(1, "我要投诉"))
        assert li.post("/conversations/c1/messages", json=said).is_success

        def wrap_up(**changes):
            kept = li.post("/conversations/c1/wrap-up", json=given | changes)
            return kept.json()["tickets"][0]["id"]

        ticket = wrap_up()
        assert wrap_up(follow_up=None) == ticket
        wrap_up(follow_up={"kind": "complaint", "due": "2026-06-08"})
        assert li.post(f"/tickets/{ticket}", json={"is_complex": True}).is_success
        assert li.post(f"/tickets/{ticket}", json={"is_complex": True}).is_success
        with world.client("zhao") as zhao:
            assert zhao.post(f"/tickets/{ticket}", json={"done": True}).is_success
        assert not li.post(f"/tickets/{ticket}", json={"done": True}).is_success
        again = wrap_up(follow_up=None)
    acts = [one for one in scan(world.desk.settings.audit) if "ticket" in f"{one.kind}{one.body}"]
    assert [(one.kind, one.body["by"], one.body.get("due")) for one in acts] == [
        ("wrap_up_kept", "li", None), ("ticket_opened", "li", "2026-06-10"),
        ("wrap_up_kept", "li", None),
        ("wrap_up_kept", "li", None), ("ticket_moved", "li", "2026-06-08"),
        ("ticket_extended", "li", "2026-07-03"),
        ("ticket_closed", "zhao", "2026-07-03"),
        ("wrap_up_kept", "li", None), ("ticket_opened", "li", "2026-06-18"),
    ]  # fmt: skip
    assert acts[5].body["due_before"] == "2026-06-08"
    assert acts[0].body["tickets"] == [ticket] != acts[-2].body["tickets"] == [again]
    said = "".join(str(one.body) for one in acts)
    assert not any(word in said for word in ("张伟", "1381", "u1", "催收"))
