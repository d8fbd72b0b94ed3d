"""What the decision service decided stands beside a conversation, for who may see risk."""

from contextlib import closing

import pytest

from finmodel.acts import opened_log
from finmodel.audit_segments import segment_name
from finmodel.records import Person
from serving.assisting.conversing import view
from serving.assisting.decided import Decided
from tests.serving.assist_world import assist_world
from tests.serving.assisting.test_looking import agents, bring, decided  # noqa: F401

SEES = Person("li", frozenset({"agent", "underwriter"}))
LI = Person("li", frozenset({"agent"}))


@pytest.mark.servers
def test_the_latest_decision_is_a_hint_of_risk_for_who_may_see_one(client, world, agents):  # noqa: F811
    declined = decided(client, world, "HINT-1", 42)
    assert declined["decision"] == "decline"
    with agents.client() as li:
        bring(li, "hint-1", 42)
        bring(li, "hint-2", "42a")
        assert li.get("/conversations/hint-1").json()["hints"] == []  # a plain agent
    (hint,) = view("hint-1", SEES, agents.desk).hints
    reason = declined["reasons"][0]
    assert (hint.kind, hint.source) == ("risk", declined["decision_id"])
    assert hint.chinese == f"2005-10-01 决策：拒绝，主要原因：{reason['zh']}"
    assert hint.english == f"declined on 2005-10-01, mainly: {reason['en']}"
    again = decided(client, world, "HINT-1", 42, amount_minor=400_000)
    (hint,) = view("hint-1", SEES, agents.desk).hints
    assert hint.source == again["decision_id"]
    assert view("hint-2", SEES, agents.desk).hints == ()
    assert view("hint-1", LI, agents.desk).hints == ()


def test_a_page_goes_on_without_what_cannot_be_read(tmp_path, caplog):
    with assist_world(tmp_path / "home") as world, world.client() as li:
        here, desk = world.desk.settings, world.desk
        bring(li, "c1", 42)
        assert view("c1", SEES, desk).hints == ()  # no audit log yet, or none of decisions
        body = {"decision": "refer", "model": "gone", "version": 1, "reasons": [["R1", 3.0]]}
        with opened_log(here, here.audit) as log:
            name = log.append("decision", body, personal={"customer_id": 42}, subject="42")
        (hint,) = view("c1", SEES, desk).hints
        assert (hint.chinese, hint.source) == ("2026-06-03 决策：转人工", name)
        assert hint.english == "referred to a person on 2026-06-03"
        path = here.audit / segment_name(1)
        path.write_bytes(b"x" * 10 + path.read_bytes()[10:])
        with closing(desk.suggestions):
            fresh = Decided(here, desk.verdict_log.vault)
            assert fresh.hints("42", SEES.roles) == []
        assert "what was decided is not shown: Damaged" in caplog.text
