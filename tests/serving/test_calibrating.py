"""`finmodel guards calibrate`: kept signed, taken by who reads messages, and taken away again."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from finmodel.assistant.guards.calibration import is_ordinary
from finmodel.assistant.guards.classifier import INBOUND, load_classifier
from finmodel.assistant.guards.inbound import asked
from finmodel.audit import scan
from finmodel.errors import BadInput, Damaged, FinmodelError, Refused
from finmodel.lender.talk.attacks import harmless
from finmodel.settings import Settings
from serving.access import People
from serving.assisting.shelves import Shelves
from serving.cli import app
from serving.doctor.models import guard
from serving.inbound_guard import inbound_guard, inbound_guard_or_shipped
from tests.serving.assist_world import assist_world, brought, message

run = CliRunner()


@pytest.fixture(scope="module")
def messages():
    return [text for text, _ in harmless("inbound", 1, 7)][:1_200]


@pytest.fixture
def here(tmp_path, monkeypatch, messages):
    monkeypatch.setenv("FINMODEL_HOME", str(tmp_path / "home"))
    here = Settings.from_env()
    monkeypatch.setenv("FINMODEL_KEY", People(here.people).add("Li", {"engineer"}))
    (tmp_path / "messages.txt").write_text("\n".join([*messages, "", "我要投诉你们"]), "utf-8")
    monkeypatch.chdir(tmp_path)
    return here


def calibrate(*words, given=None):
    done = run.invoke(app, ["guards", "calibrate", *words, "--json"], input=given)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_ordinary_messages_make_a_calibration_that_services_take(here, messages):
    told = calibrate("messages.txt", "--told", "0.05")
    out = sum(not is_ordinary(text) for text in messages)
    assert told["left_out"] == out + 1  # the complaint
    assert told["told"] == pytest.approx(0.05, abs=0.02)
    assert told["told_before"] < told["told"]
    mine = inbound_guard(here)
    assert mine.threshold == told["threshold"]
    guard = Shelves(here).now().guard
    assert guard.threshold == mine.threshold
    assert (guard.bias == mine.bias).all()
    assert not (guard.bias == load_classifier(INBOUND).bias).all()
    (entry,) = scan(here.audit, "guards_calibrated")
    assert (entry.body["by"], entry.body["messages"]) == ("Li", told["messages"])
    assert "投诉" not in here.guard_calibration.read_text()


def test_a_service_reads_messages_by_it(here, messages):
    calibrate("messages.txt", "--told", "0.1")
    mine = inbound_guard(here)
    text = next(text for text in messages if asked(text, model=mine) and not asked(text))
    with assist_world(here.home) as world, world.client() as li:
        told = li.post("/check", json={"text": text, "who": "customer"}).json()
        li.post("/conversations/c1/messages", json=brought(message(1, text)))
        routed = li.post("/suggest", json={"conversation": "c1"}).json()["routed"]
    assert [one["by"] for one in told["calls"]] == ["classifier"] * len(told["calls"])
    assert routed["intent"] in {one["intent"] for one in told["calls"]}


def test_the_shell_asks_the_guard_of_this_home(here, messages):
    def tried(text):
        done = run.invoke(app, ["guards", "try", text, "--direction", "in", "--json"])
        return json.loads(done.stdout)["found"]

    before = {text for text in messages[:300] if tried(text)}
    calibrate("messages.txt", "--told", "0.1")
    after = {text for text in messages[:300] if tried(text)}
    assert before < after


def test_as_shipped_takes_it_away(here):
    assert [one.says[:10] for one in guard(here)] == ["as shipped"]
    calibrate("messages.txt")
    assert "as they start" in calibrate("--as-shipped")["said"]
    assert inbound_guard(here) is load_classifier(INBOUND)
    assert "already" in calibrate("--as-shipped")["said"]
    assert [one.body["messages"] > 0 for one in scan(here.audit, "guards_calibrated")] == [
        True,
        False,
    ]


def test_a_dry_run_keeps_nothing(here):
    assert calibrate("messages.txt", "--dry-run")["kept_in"] == ""
    assert not here.guard_calibration.exists()
    given = "\n".join(f"第{number}期怎么还款啊{chr(0x4E00 + number)}" for number in range(900))
    assert "was kept" in calibrate("-", "--dry-run", given=given)["said"]


def test_an_altered_calibration_is_refused_and_a_service_goes_on_as_shipped(here, caplog):
    calibrate("messages.txt")
    assert [one.says[-16:] for one in guard(here)] == ["for this release"]
    whole = here.guard_calibration.read_text()
    here.guard_calibration.write_text(whole.replace('"threshold":0.', '"threshold":0.9'))
    with pytest.raises(Damaged):
        guard(here)
    with caplog.at_level("ERROR", "bentoml.finmodel"):
        assert inbound_guard_or_shipped(here) is load_classifier(INBOUND)
    assert "the inbound guard is as shipped" in caplog.text


@pytest.mark.parametrize(
    ("words", "piece"),
    [
        ((), "give a file"),
        (("messages.txt", "--as-shipped"), "both a file"),
        (("nowhere.txt",), "no such file"),
        (("few.txt",), "500 are needed"),
        (("latin.txt",), "UTF-8"),
    ],
)
def test_what_is_wrong_is_said(here, tmp_path, words, piece):
    (tmp_path / "few.txt").write_text("怎么还款啊\n" * 9, "utf-8")
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=piece):
        calibrate(*words)
    assert not here.guard_calibration.exists()


def test_an_agent_calibrates_nothing(here, monkeypatch):
    monkeypatch.setenv("FINMODEL_KEY", People(here.people).add("Wang", {"agent"}))
    with pytest.raises(Refused, match="Wang is agent"):
        calibrate("messages.txt")


def test_a_key_that_is_gone_leaves_a_service_as_shipped(here):
    calibrate("messages.txt")
    shutil.rmtree(here.signing)
    assert inbound_guard_or_shipped(here) is load_classifier(INBOUND)


def test_where_nothing_can_be_kept_nothing_is_entered(here):
    here.guard_calibration.parent.write_text("a file in the folder's place")
    with pytest.raises(FinmodelError, match="guards"):
        calibrate("messages.txt")
    assert not here.audit.exists()
