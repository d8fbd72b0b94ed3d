"""What agents did is read by the trainer's own readers, and only what may be learnt."""

from finmodel.conversation_files import read_conversations
from finmodel.verdict_files import read_verdicts
from serving.assisting.taking import take
from tests.serving.assist_world import assist_world, brought, message


def test_what_was_sent_with_consent_is_what_training_reads(tmp_path):
    with assist_world(tmp_path / "home") as world, world.client() as li:
        for name, consent in (("yes", True), ("no", False)):
            given = brought(
                message(1, "我想提前结清，一共要还多少钱"),
                customer=name,
                consent_to_training=consent,
            )
            li.post(f"/conversations/{name}/messages", json=given)
            told = li.post("/suggest", json={"conversation": name}).json()
            text = told["suggestions"][0]["text"]
            answer = li.post("/feedback", json={"shown": told["shown"], "place": 1, "text": text})
            assert answer.json()["verdict"] == "accepted"
        counts = take(world.desk.settings, tmp_path / "out", ("talks.jsonl", "verdicts.jsonl"))
    assert counts == {"conversations": 1, "verdicts": 1}
    (talk,) = read_conversations(tmp_path / "out" / "talks.jsonl")
    (verdict,) = read_verdicts(tmp_path / "out" / "verdicts.jsonl")
    assert (talk.id, verdict.conversation, verdict.after) == ("yes", "yes", "m1")
    assert talk.messages[-1].script.startswith("early_settlement")
    assert "{settlement_total}" in verdict.suggestion
