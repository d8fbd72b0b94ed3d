"""A new user's first hour: the demo, the pasted request, the audit, another model, Ctrl-C."""

import csv
import json
import re
import shlex
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import lightgbm as lgb
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from finmodel.audit import Entry, scan
from finmodel.settings import Settings
from risk.frames.load import load_frame
from risk.recipe import load_recipe
from risk.scorecard.card import decode
from serving import demo as road
from serving.doctor.finding import LOOK_CLOSER
from serving.launch import ASSIST, DECISIONS
from tests.serving.demo_shell import Answer, Demo, Shell, press_ctrl_c, processes_in, start_demo
from tests.serving.past_lender import MAPPING, Lender, make_lender
from tests.serving.small_world import ROOT, wait_until

RECIPE = ROOT / "risk" / "behaviour_risk.yaml"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo lender made from nothing, as `make run` makes it."""
    started = start_demo(Shell(tmp_path_factory.mktemp("demo") / "home"))
    yield started
    if started.child.poll() is None:
        press_ctrl_c(started.child)
        started.child.wait(30)


@pytest.fixture(scope="module")
def decided(demo) -> dict:
    done = subprocess.run(demo.curl, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def lin(demo) -> str:
    """A real engineer's key."""
    return demo.shell.finmodel("people", "add", "lin", "--role", "engineer").out.strip()


@pytest.fixture(scope="module")
def wang(demo) -> str:
    """A real validator's key."""
    return demo.shell.finmodel("people", "add", "wang", "--role", "validator").out.strip()


@pytest.fixture(scope="module")
def small_recipe(tmp_path_factory) -> Path:
    """The shipped recipe with fewer rounds and a lower bar."""
    recipe = yaml.safe_load(RECIPE.read_text())
    recipe["params"]["rounds"] = 40
    recipe["params"]["learning_rate"] = 0.1
    recipe["split"] |= {"folds": 2, "repeats": 1}
    recipe["gate"] |= {"auc": 0.7, "ks": 0.3, "brier": 0.2, "parity_rows": 500}
    path = tmp_path_factory.mktemp("recipe") / "behaviour_risk.yaml"
    path.write_text(yaml.safe_dump(recipe, allow_unicode=True))
    return path


@pytest.fixture
def from_elsewhere(demo, small_recipe) -> Path:
    """A model that LightGBM taught and saved itself, its features in another order."""
    here = Settings(home=demo.shell.home, data=demo.shell.home)
    recipe = load_recipe(small_recipe)
    frame = load_frame(recipe, replace(here, standing_clock=road.CLOCK))
    names = list(frame.names[::-1])
    rising = [recipe.monotone.get(name, 0) for name in names]  # the gate asks that of any model
    data = lgb.Dataset(frame.matrix[:, ::-1], frame.labels, feature_name=names)
    params = {"objective": "binary", "num_leaves": 7, "learning_rate": 0.1, "verbosity": -1}
    params |= {"num_threads": 1, "monotone_constraints": rising}
    file = small_recipe.with_name("champion.txt")
    lgb.train(params, data, 40).save_model(file)
    return file


def test_the_pasted_request_gets_a_whole_decision(decided):
    assert decided["decision"] in {"approve", "refer", "decline"}
    assert 0 < decided["probability_of_default"] < 1
    assert 300 < decided["points"] < 900
    assert 1 <= len(decided["reasons"]) <= 4
    assert all(reason["zh"] and reason["en"] and reason["code"] for reason in decided["reasons"])
    assert len(decided["feature_ages"]) >= 8
    assert {age["state"] for age in decided["feature_ages"].values()} == {"present"}
    assert decided["model"]["name"] == "behaviour_risk"
    assert decided["model"]["version"] == 1
    assert decided["model"]["demo"] is True
    assert (decided["policy"]["name"], decided["policy"]["version"]) == ("drawdown", 1)


def test_setting_up_says_nothing_of_its_libraries_to_the_user(demo):
    answer = demo.shell.finmodel("features", "apply")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_the_audit_log_shows_the_decision_and_computes_it_again(demo, decided):
    shown = demo.shell.finmodel("audit", "show", decided["decision_id"])
    assert shown.code == 0
    replayed = demo.shell.finmodel("audit", "replay", decided["decision_id"])
    assert replayed.code == 0
    assert replayed.json["same"] is True
    verified = demo.shell.finmodel("audit", "verify", "--json")
    assert verified.code == 0, verified.err


def test_the_console_and_explain_answer_there(demo, decided):
    assert "finmodel" in httpx.get(demo.address).text
    headers = {"Authorization": f"Bearer {demo.key('auditor')}"}
    answer = httpx.get(f"{demo.address}/explain/{decided['decision_id']}", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["decision_id"] == decided["decision_id"]


def test_the_doctor_finds_all_well_beside_the_running_service(demo, decided):
    answer = demo.shell.finmodel("doctor", "--json")
    amiss = [one for one in answer.json["findings"] if one["state"] != "ok"]
    full = [one for one in amiss if "are free" in one["says"]]  # this machine's disk
    assert amiss == full
    assert answer.code == (LOOK_CLOSER if answer.json["wrong"] else 0)


def test_what_the_demo_promoted_is_recorded_as_demo(demo):
    acts = {"promotion", "gate", "waiver", "policy_proposed", "policy_approved"}
    moved = [one for one in _audited(demo.shell) if one.kind in acts]
    assert [one.kind for one in moved] == [
        "gate",
        "waiver",
        "promotion",
        "policy_proposed",
        "policy_approved",
    ]
    assert all(one.body["demo"] is True for one in moved)


def test_demo_people_may_promote_nothing_outside_the_demo(demo):
    answer = demo.shell.finmodel("promote", "behaviour_risk", key=demo.key("auditor"))
    assert answer.code == 2
    assert "demo" in answer.err


def test_another_version_goes_live_and_back_with_no_failed_request(
    demo, lin, wang, small_recipe, from_elsewhere
):
    """One that was trained here, then one that was brought as LightGBM's own file."""

    def registered(*words: str) -> str:
        answer = demo.shell.finmodel(*words, "--json", key=lin)
        assert answer.code == 0, answer.err
        assert answer.json["passed"] is True, answer.out
        return str(answer.json["version"])

    def promote(version: str, key: str) -> Answer:
        waiver = ("--waive-out-of-time", "the shipped table has one date")
        words = ("promote", "behaviour_risk", "--version", version, *waiver)
        return demo.shell.finmodel(*words, key=key)

    def roll_back() -> Answer:
        return demo.shell.finmodel("rollback", "behaviour_risk", "--reason", "a test", key=wang)

    first = registered("train", str(small_recipe))
    own = promote(first, lin)
    assert own.code == 2
    assert "validator" in own.err
    with _asking(demo) as asked:
        assert promote(first, wang).code == 0
        wait_until(lambda: asked.versions[-1:] == [int(first)], 15)
        to_the_demos = roll_back()
        assert to_the_demos.code == 2
        assert "the demo's people" in to_the_demos.err
        file = ("model", "import", str(from_elsewhere), "--recipe", str(small_recipe))
        second = registered(*file)
        assert promote(second, wang).code == 0
        wait_until(lambda: asked.versions[-1:] == [int(second)], 15)
        decided = _decide(demo)
        assert decided["reasons"]
        headers = {"Authorization": f"Bearer {demo.key('auditor')}"}
        explained = httpx.get(f"{demo.address}/explain/{decided['decision_id']}", headers=headers)
        assert explained.json()["replay"]["same"] is True
        then = Shell(demo.shell.home, demo.shell.port, {"FINMODEL_STANDING_CLOCK": road.CLOCK})
        seen = then.finmodel("monitor", "behaviour_risk", "--json").json["header"]
        assert (seen["version"], seen["reference"]) == (int(second), "build sample: 1 × 2 folds")
        assert roll_back().code == 0
        wait_until(lambda: asked.versions[-1:] == [int(first)], 15)
    assert set(asked.codes) == {200}
    rows = demo.shell.finmodel("models", "--json").json
    assert [(row["version"], row["served_as"]) for row in rows] == [
        (3, ""),
        (2, "champion"),
        (1, ""),
    ]


def test_an_alias_moved_by_hand_serves_nothing_else_and_is_shown_and_audited(demo):
    client = _mlflow(demo.shell)
    client.set_registered_model_alias("behaviour_risk", "champion", 1)
    headers = {"Authorization": f"Bearer {demo.key('key')}"}

    def status() -> dict:
        return httpx.get(f"{demo.address}/status", headers=headers).json()

    wait_until(lambda: status()["alias"]["moved"], 90)
    moved = {"name": "behaviour_risk", "alias": "champion", "served": 2, "mlflow": 1}
    assert status()["alias"]["moved"] == [moved]
    assert status()["model"]["version"] == 2
    assert _decide(demo)["model"]["version"] == 2
    assert "moved outside the gate: MLflow says 1" in demo.shell.finmodel("doctor").out
    client.set_registered_model_alias("behaviour_risk", "champion", 2)
    wait_until(lambda: not status()["alias"]["moved"], 90)
    recorded = [one for one in _audited(demo.shell) if one.kind == "alias_moved"]
    assert [one.body["moved"] for one in recorded] == [[moved]]


def test_ctrl_c_in_the_middle_of_training_registers_nothing(demo, lin, small_recipe):
    before = demo.shell.finmodel("models", "--json").json
    recipe = yaml.safe_load(small_recipe.read_text())
    recipe["split"]["repeats"] = 50
    recipe["params"]["rounds"] = 2_000
    long = small_recipe.with_name("long.yaml")
    long.write_text(yaml.safe_dump(recipe, allow_unicode=True))
    child = demo.shell.start("train", str(long), key=lin)
    wait_until(lambda: _running_runs(demo.shell) == 1, 90)
    press_ctrl_c(child)
    _out, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "nothing is half-written" in said
    assert "Traceback" not in said
    assert _running_runs(demo.shell) == 0
    assert demo.shell.finmodel("models", "--json").json == before


def test_a_taken_port_is_one_sentence(demo):
    for word in ("serve", "demo"):
        answer = demo.shell.finmodel(word)
        assert answer.code == 2
        assert f"127.0.0.1:{demo.shell.port}" in answer.err
        assert "FINMODEL_PORT" in answer.err
        assert "Traceback" not in answer.err


def test_a_second_run_does_no_step_again(demo):
    settings = replace(
        Settings(home=demo.shell.home, data=demo.shell.home), standing_clock=road.CLOCK
    )
    assert road.due(settings) == []
    (demo.shell.home / "demo" / "features.done").unlink()
    assert [step.name for step in road.due(settings)] == ["features", "people", "model", "policy"]
    features = next(step for step in road.STEPS if step.name == "features")
    road.stamp_of(settings, features).write_text(road.digest(settings, features))


def test_steps_cut_short_are_done_again_from_their_beginning(demo, tmp_path):
    """The first step leaves a partial log when it is interrupted; the next run replaces it."""
    shell = Shell(tmp_path / "home")
    child = shell.start("demo", "--no-serve")
    wait_until(lambda: any(shell.home.glob("events/*/*/*.log")), 60)
    press_ctrl_c(child)
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert not (shell.home / "demo" / "history.done").exists()
    assert digests(shell.home / "events") != digests(demo.shell.home / "events")
    again = shell.start("demo", "--no-serve")
    wait_until((shell.home / "demo" / "history.done").exists, 60)
    press_ctrl_c(again)
    again.communicate(timeout=60)
    assert digests(shell.home / "events") == digests(demo.shell.home / "events")
    shutil.rmtree(shell.home)


def digests(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.rglob("*.log"))
    return {str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest() for p in found}


def test_the_assistant_is_served_beside_from_a_home_and_a_port_of_its_own(tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr(road, "STEPS", ())
    monkeypatch.setattr(road, "require_free_port", lambda settings: None)
    monkeypatch.setattr(road, "serve_all", lambda runs, helpers=(): served.append((runs, helpers)))
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path / "fm"), "FINMODEL_FETCH_BASE": "0"})
    road.run_demo(here, assistant=True)
    road.run_demo(here)
    ((beside, own), helpers), ((alone,), none) = served
    assert (helpers, none) == ((), ())
    assert beside.settings.home == tmp_path / "fm-assistant"
    assert beside.settings.port == own.settings.port + 1
    assert (beside.service, own.service) == (ASSIST, DECISIONS)
    assert beside.settings.standing_clock != own.settings.standing_clock == road.CLOCK
    assert alone.settings == own.settings


def test_a_home_that_is_not_the_demos_is_left_as_it_is(tmp_path):
    shell = Shell(tmp_path / "home")
    shell.finmodel("people", "add", "lin", "--role", "engineer")
    before = sorted(shell.home.rglob("*"))
    answer = shell.finmodel("demo", "--no-serve")
    assert answer.code == 2
    assert "not the demo's" in answer.err
    assert "FINMODEL_HOME" in answer.err
    assert sorted(shell.home.rglob("*")) == before


def test_real_people_in_the_demos_home_are_not_overrun_by_a_step_that_is_due(demo, lin):
    stamp = demo.shell.home / "demo" / "history.done"
    whole = stamp.read_text()
    stamp.unlink()
    answer = demo.shell.finmodel("demo", "--no-serve")
    stamp.write_text(whole)
    assert answer.code == 2
    assert "lin" in answer.err


def test_a_second_demo_waits_for_nobody_and_harms_nothing(tmp_path):
    shell = Shell(tmp_path / "home")
    first = shell.start("demo", "--no-serve")
    wait_until((shell.home / "demo" / ".lock").exists, 30)
    second = shell.finmodel("demo", "--no-serve")
    press_ctrl_c(first)
    first.communicate(timeout=60)
    assert second.code == 3
    assert "another demo" in second.err
    shutil.rmtree(shell.home)


def test_everything_is_for_its_owner_alone(demo):
    places = [demo.shell.home, *demo.shell.home.rglob("*")]
    public = {"signing.pub", "model.txt", "manifest.json", "SIGNATURE.json", "champion.json"}
    seen = [place for place in places if place.name not in public and place.suffix != ".done"]
    assert len(seen) > 50
    assert [str(place) for place in seen if place.stat().st_mode & 0o077] == []


def test_a_file_of_customers_is_scored_and_nobody_known_has_no_score(demo, tmp_path):
    (tmp_path / "in.csv").write_text("customer_id\n2\n99999999\n3\n")
    words = ("--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.csv"), "--json")
    now = demo.shell.finmodel("score", str(RECIPE), *words)
    assert now.json["unknown"] == 3  # as of today all that is known is stale
    then = Shell(demo.shell.home, demo.shell.port, {"FINMODEL_STANDING_CLOCK": road.CLOCK})
    scored = then.finmodel("score", str(RECIPE), *words)
    assert (scored.json["rows"], scored.json["unknown"]) == (3, 1)
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[2] == "99999999,,"
    assert float(rows[1].split(",")[1]) == pytest.approx(_decide(demo)["probability_of_default"])


def test_an_anchor_that_was_kept_tells_a_log_that_was_cut(demo, decided, tmp_path):
    kept = tmp_path / "anchor.json"
    kept.write_text(demo.shell.finmodel("audit", "anchor").out)
    assert demo.shell.finmodel("audit", "verify", "--anchor", str(kept)).code == 0
    elsewhere = Shell(tmp_path / "home")
    elsewhere.finmodel("people", "add", "lin", "--role", "engineer")
    answer = elsewhere.finmodel("audit", "verify", "--anchor", str(kept))
    assert answer.code == 4
    assert "another log" in answer.err


def test_an_application_stays_while_a_rule_holds_it_and_once_erased_is_gone_for_good(demo):
    key, asked = demo.key("auditor"), _request(demo)
    asked["content"] = asked["content"].replace('"customer_id": 2', '"customer_id": 7')
    entry = httpx.post(**asked).json()["decision_id"]

    def explained() -> dict:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.get(f"{demo.address}/explain/{entry}", headers=headers).json()

    assert explained()["application"]["customer_id"] == 7
    words = ("customer", "erase", "7", "--reason", "asked", "--json")
    restricted = demo.shell.finmodel(*words, key=key)
    assert restricted.json["answer"] == "restricted", restricted.err
    assert explained()["application"]["customer_id"] == 7
    erased = demo.shell.finmodel(*words, "--ended", "2005-10-01", key=key)
    assert erased.json["answer"] == "erased", erased.err
    assert {"event log", "snapshots", "online features"} <= {
        place for place, count in erased.json["removed"].items() if count
    }
    wait_until(lambda: explained()["personal_data"] == "erased", 15)
    assert explained()["application"] is None
    assert explained()["replay"]["same"] is True
    assert demo.shell.finmodel(*words, key=key).code == 2


def test_a_past_and_a_drift_can_be_simulated_beside_the_service(demo):
    then = Shell(demo.shell.home, demo.shell.port, {"FINMODEL_STANDING_CLOCK": road.CLOCK})
    played = demo.shell.finmodel("demo", "--history", "--drift", "--no-serve")
    assert played.code == 0, played.err
    window = ("--from", "2004-10-10T00:00:00+08:00", "--json")
    seen = then.finmodel("monitor", "behaviour_risk", *window).json
    light = seen["header"]["light"]
    assert light["colour"] in {"amber", "red"}
    assert {"psi", "mean", "csi"} <= {
        one["signal"] for one in seen["alerts"] if one["owner"] == road.VALIDATOR
    }
    assert seen["header"]["matured"] > 1_000


@pytest.fixture(scope="module")
def champion(demo, tmp_path_factory) -> Path:
    """A folder with a scorecard as CSV, and a recipe whose gate asks what a scorecard reaches."""
    tmp_path = tmp_path_factory.mktemp("champion")
    card = tmp_path / "card.json"
    demo.shell.finmodel("scorecard", "behaviour_risk", "--version", "1", "--output", str(card))
    told = json.loads(card.read_text())
    rows = [["variable", "bin", "woe", "points"], ["base points", "", "", told["base_points"]]]
    for one in decode(card.read_bytes()).variables:
        bins = zip(one.bins.labels(), one.woe, one.points, strict=True)
        rows += [[one.name, *described] for described in bins]
    with (tmp_path / "champion.csv").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    recipe = yaml.safe_load(RECIPE.read_text())
    recipe["gate"] |= {"auc": 0.765, "ks": 0.41, "brier": 0.139}
    (tmp_path / "champion.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True))
    return tmp_path


@pytest.fixture(scope="module")
def imported(demo, champion) -> int:
    """The version that the six commands of docs/moving_in.md import and promote.

    `make run` is what this file's demo was started as.
    """
    page = (ROOT / "docs" / "moving_in.md").read_text()
    run, *lines = re.search(r"```sh\n(.*?)```", page, re.S)[1].splitlines()
    assert run.split("#")[0].strip() == "make run"
    assert len(lines) <= 5
    keys: dict[str, str] = {}
    for line in lines:
        told = re.fullmatch(r"(?:(\w+)=\$\()?(?:FINMODEL_KEY=\$(\w+) )?finmodel (.*)", line)
        words = [
            str(champion / word) if (champion / word).is_file() else word
            for word in shlex.split(told[3].replace(")", ""), comments=True)
        ]
        answer = demo.shell.finmodel(*words, key=keys.get(told[2], ""))
        assert answer.code == 0, answer.err
        keys[told[1]] = answer.out.strip()
    newest = demo.shell.finmodel("models", "--json").json[0]
    assert newest["served_as"] == "champion"
    wait_until(lambda: _decide(demo)["model"]["version"] == newest["version"], 15)
    return newest["version"]


def test_six_commands_lead_to_an_imported_scorecard_that_decides(demo, imported):
    decided = _decide(demo)
    # The card's points have two decimals, a model's have not.
    assert decided["points"] == pytest.approx(round(decided["points"], 2), abs=1e-8)
    assert decided["reasons"]
    replayed = demo.shell.finmodel("audit", "replay", decided["decision_id"])
    assert replayed.json["same"] is True
    then = Shell(demo.shell.home, demo.shell.port, {"FINMODEL_STANDING_CLOCK": road.CLOCK})
    seen = then.finmodel("monitor", "behaviour_risk", "--json").json["header"]
    assert seen["version"] == imported
    assert seen["reference_zh"] == "建模样本：全部样本（是否参与过建模未知）"


@pytest.fixture(scope="module")
def elsewhere(demo, imported, tmp_path_factory) -> Lender:
    """What the imported card decided before; the mapping names the version that it is here."""
    mine = make_lender(tmp_path_factory.mktemp("elsewhere"), 600, demo.shell.home)
    mine.mapping.write_text(MAPPING.replace("version: 1", f"version: {imported}"))
    return mine


def _load(demo: Demo, mine: Lender, table: pd.DataFrame, *words: str) -> dict:
    told = ("decisions", "load", str(mine.write("past.csv", table)), "--json", *words)
    told = demo.shell.finmodel(*told, "--mapping", str(mine.mapping), key=mine.keys["analyst"])
    assert told.code == 0, told.err
    return told.json


def test_what_an_imported_card_decided_before_and_decides_here_is_one_series(
    demo, imported, elsewhere
):
    """Loaded as docs/moving_in.md has it; the page's own first question, and nothing waited for."""
    past = elsewhere.decisions.query("审批时间 > '2004-10-03'")  # 52 weeks before the demo's now
    key, named = elsewhere.keys["analyst"], elsewhere.mapping.read_text()
    elsewhere.mapping.write_text(MAPPING)
    (note,) = _load(demo, elsewhere, past, "--dry-run")["notes"]
    assert f"is of its champion, v{imported}, which the page shows: they are of v1" in note
    elsewhere.mapping.write_text(named)
    loaded = _load(demo, elsewhere, past)
    assert (loaded["new"], loaded["notes"]) == (len(past), [])
    months = past["审批时间"].str[:7].value_counts().to_dict()
    page = _page(demo, key)
    ours = page["panels"]["header"]["n"] - len(past)
    assert (page["current"], page["panels"]["header"]["imported"]) == (True, len(past))
    assert _months(page) == months | {"2005-10": ours}
    _decide(demo)
    wait_until(lambda: _page(demo, key, renew=True)["current"], 120)
    assert _months(_page(demo, key)) == months | {"2005-10": ours + 1}


def test_a_past_in_the_future_of_the_services_clock_is_told(demo, elsewhere):
    table = elsewhere.decisions.head(5).assign(
        审批时间="2024-03-01 10:00:00", 申请编号=[f"F-{number}" for number in range(5)]
    )
    told = _load(demo, elsewhere, table, "--dry-run")
    assert (told["new"], len(told["notes"])) == (5, 1)
    assert told["notes"][0].startswith("the service's clock stands at 2005-09-30T16:00:00")


def _page(demo: Demo, key: str, renew: bool = False) -> dict:
    """What the monitoring page shows first."""
    asked = {"question": {"model": "behaviour_risk"}, "renew": renew}
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{demo.address}/monitor", json=asked, headers=headers, timeout=30).json()


def _months(page: dict) -> dict[str, int]:
    return {row["period"]: row["n"] for row in page["panels"]["quality"]["rows"] if row["n"]}


def test_ctrl_c_ends_everything_that_it_started(demo):
    """Last, since it ends the demo of this file."""
    assert len(processes_in(demo.shell.home)) >= 3
    press_ctrl_c(demo.child)
    assert demo.child.wait(30) == 130
    assert processes_in(demo.shell.home) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(demo.address)


class _asking:
    """Asks for decisions all the time, and keeps each answer's status and model version."""

    def __init__(self, demo: Demo) -> None:
        self.codes: list[int] = []
        self.versions: list[int] = []
        self._demo, self._stop = demo, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "_asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(timeout=20) as client:
            while not self._stop.is_set():
                answer = client.post(**_request(self._demo))
                self.codes.append(answer.status_code)
                self.versions.append(answer.json()["model"]["version"])
                time.sleep(0.02)


def _request(demo: Demo) -> dict:
    curl = demo.curl
    headers = dict(curl[i + 1].split(": ", 1) for i, word in enumerate(curl) if word == "-H")
    return {
        "url": f"{demo.address}/decide",
        "headers": headers,
        "content": curl[curl.index("-d") + 1],
    }


def _decide(demo: Demo) -> dict:
    return httpx.post(**_request(demo)).json()


def _running_runs(shell: Shell) -> int:
    client = _mlflow(shell)
    names = [one.experiment_id for one in client.search_experiments()]
    return len(client.search_runs(names, "attributes.status = 'RUNNING'"))


def _mlflow(shell: Shell) -> MlflowClient:
    uri = f"sqlite:///{shell.home / 'mlflow.db'}"
    return MlflowClient(uri, uri)


def _audited(shell: Shell) -> list[Entry]:
    """Everything in the audit log but decisions."""
    return [one for one in scan(shell.home / "audit") if one.kind != "decision"]
