"""What agents did is read by the trainer's own readers, and only what may be learnt."""

import json

import msgspec
from typer.testing import CliRunner

from finmodel import tracking
from finmodel.audit import scan
from finmodel.conversation_files import read_conversations, write_conversations
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.general import general_text
from finmodel.trained_on import taught_by
from finmodel.verdict_files import read_verdicts
from serving.assisting.taking import take
from serving.cli import app
from tests.fine_tune.small_model import small_base
from tests.serving.assist_world import assist_world, brought, message
from tests.serving.test_tuning import PREFERENCE, RECIPE

ASKED = "我想提前结清，一共要还多少钱"


def judged(world, name, change=str, said=ASKED, **more):
    """The first suggestion to what a customer said, sent as `change` makes it; the verdict."""
    with world.client() as li:
        given = brought(message(1, said), customer=f"u-{name}", **more)
        li.post(f"/conversations/{name}/messages", json=given)
        told = li.post("/suggest", json={"conversation": name}).json()
        text = change(told["suggestions"][0]["text"])
        answer = li.post("/feedback", json={"shown": told["shown"], "place": 1, "text": text})
        return answer.json()["verdict"]


def test_what_was_sent_with_consent_is_what_training_reads(tmp_path):
    with assist_world(tmp_path / "home") as world:
        for name, consent in (("yes", True), ("no", False)):
            assert judged(world, name, consent_to_training=consent) == "accepted"
        counts = take(world.desk.settings, tmp_path / "out", ("talks.jsonl", "verdicts.jsonl"))
    assert counts == {"conversations": 1, "verdicts": 1}
    (talk,) = read_conversations(tmp_path / "out" / "talks.jsonl")
    (verdict,) = read_verdicts(tmp_path / "out" / "verdicts.jsonl")
    assert (talk.id, verdict.conversation, verdict.after) == ("yes", "yes", "m1")
    assert talk.messages[-1].script.startswith("early_settlement")
    assert "{settlement_total}" in verdict.suggestion


def bare(one):
    """A conversation as a lender has it: nobody said in which split, or what was meant."""
    said = [msgspec.structs.replace(m, intent="", family="") for m in one.messages]
    return msgspec.structs.replace(one, split="", messages=tuple(said), consent_to_training=True)


def finmodel(*words):
    """A command's figures, as a shell has them."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_conversations_of_before_and_verdicts_of_the_service_teach_an_adapter(
    tmp_path, monkeypatch
):
    before = [bare(one.conversation) for one in write(40, seed=9)]
    write_conversations(tmp_path / "before.jsonl", before)
    said = [m.slotted or m.text for one in before for m in one.messages]
    (tmp_path / "base").mkdir()
    small_base(tmp_path / "base", [*said, *general_text(20_000, 7)])
    (tmp_path / "r.yaml").write_text(RECIPE + PREFERENCE)
    with assist_world(tmp_path / "home") as world:
        here, keys = world.desk.settings, world.keys
        assert judged(world, "c1") == "accepted"
        assert judged(world, "c4", lambda text: f"好的，{text}", "我叫王小明，" + ASKED) == "edited"
    told = {
        "HOME": here.home, "STANDING_CLOCK": "2027-06-01T00:00:00+08:00", "KEY": keys["vendor"],
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"FINMODEL_{name}", str(value))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("fine_tune.judging.assay.WRITTEN", 1)
    monkeypatch.setattr("serving.tuning.GENERAL", 2_000)

    loaded = finmodel("assist", "load", tmp_path / "before.jsonl", "--agent", "li")
    assert (loaded["new"], loaded["refused"]) == (40, 0)
    out = tmp_path / "taken"
    assert finmodel("assist", "export", out) == {"conversations": 42, "verdicts": 2}
    assert finmodel("assist", "trace")["verdicts"] == 2
    kept = map(json.loads, (out / "verdicts.jsonl").read_text("utf-8").splitlines())
    (edited,) = (one for one in kept if one["conversation"] == "c4")
    told = finmodel("assist", "said", f"tr-{edited['id']}")
    assert (told["sent"], told["suggestion"]) == (edited["sent"], edited["suggestion"])
    assert [one.body["entry"] for one in scan(here.audit, "personal_data_shown")] == [
        f"tr-{edited['id']}"
    ]
    files = ("--conversations", out / "conversations.jsonl", "--verdicts", out / "verdicts.jsonl")
    learnt = finmodel("tune", tmp_path / "r.yaml", *files)
    (version,) = tracking.versions(here, "scripts")
    assert version.version == learnt["version"]
    # The recipe learns pairs, and the one that there is came of the verdict that edited.
    assert not [why for why in learnt["left_out"] if "verdict" in why]
    assert [one.trained for one in taught_by(here, "u-c4")] == ["yes"]
