"""The real service with a policy in force and no model: rules and people decide."""

from __future__ import annotations

from dataclasses import replace

import httpx
import numpy as np
import pytest

from finmodel.audit import find, scan
from finmodel.audit_side import check_sides, pieces_of
from finmodel.clock import parse_time
from finmodel.decision_log import LAYOUT
from finmodel.decision_series import Series
from finmodel.drift import fit_bins
from finmodel.errors import BadInput, NotReady
from finmodel.manifest import Scaling
from finmodel.pointers import pointer_path
from risk.monitor.scan import Asked, scan_decisions
from risk.policy.registry import turn_off
from risk.policy.versions import active_path
from serving.decision_history import Window
from serving.flows import replay
from serving.in_force import POLICY
from serving.live import Live, Place
from serving.screen import Progress
from serving.simulation import simulate
from tests.serving.policy_world import AUTHOR, WORLDS_POLICY, decide_by, write_policy
from tests.serving.small_world import (
    APPLICATION,
    NAME,
    UNKNOWN,
    export,
    make_world,
    point_to,
    running,
    wait_until,
)

pytestmark = pytest.mark.servers
DAY = Window(parse_time("2005-09-30T00:00:00+08:00"), parse_time("2005-10-02T00:00:00+08:00"))
RULES = [
    *WORLDS_POLICY["rules"],
    {
        "code": "H3",
        "zh": "查询次数过多",
        "en": "The bureau was asked too often",
        "when": [{"request": "bureau_inquiry_count_90d", "at_least": 20}],
        "then": "decline",
    },
    {
        "code": "H4",
        "zh": "没有余额",
        "en": "No balance is known",
        "when": [{"feature": "balance_0", "missing": True}],
        "then": "decline",
    },
]
ASKED_OFTEN = {"bureau_query_id": "q", "bureau_consent_id": "c", "bureau_inquiry_count_90d": 25}
NO_MODEL = [
    {"step": "model", "reason": "no_model"},
    {"step": "scorecard", "reason": "no_model"},
]


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    """A policy was approved; then the champion's pointer was lost, and the service started anew."""
    world = make_world(tmp_path_factory.mktemp("no_model"))
    decide_by(world.settings, rules=RULES)
    pointer_path(world.settings.exports, NAME, "champion").unlink()
    with running(world.settings) as address, httpx.Client(base_url=address, timeout=20) as client:
        log = world.settings.home / "service.log"
        wait_until(lambda: asked(client, world).status_code == 200, 60, log)
        yield world, client


def asked(client, world, customer: int = 42, **changes):
    told = APPLICATION | {"customer_id": customer, "application_id": f"A-{customer}"} | changes
    return client.post("/decide", json=told, headers=world.headers("underwriter"))


def test_who_no_rule_stops_goes_to_a_person_with_the_reason(lender):
    world, client = lender
    answer = asked(client, world).json()
    assert (answer["decision"], answer["rule"]) == ("refer", "no_score")
    assert (answer["points"], answer["model"], answer["reasons"]) == (None, None, [])
    policy = answer["policy"]
    assert (policy["step"], policy["fallback"]) == ("rules", NO_MODEL)
    assert policy["propensity"] == 0.0
    assert answer["feature_ages"] == {}
    assert 'finmodel_fallbacks_total{step="model"}' in metrics(client, world)


def metrics(client, world) -> str:
    return client.get("/metrics", headers=world.headers("analyst")).text


def test_a_rule_on_the_request_still_declines_and_one_on_features_is_not_asked(lender):
    world, client = lender
    stopped = asked(client, world, **ASKED_OFTEN).json()
    assert (stopped["decision"], stopped["rule"]) == ("decline", "rule:H3")
    assert stopped["policy"]["rule_zh"] == "查询次数过多"
    assert asked(client, world, UNKNOWN).json()["rule"] == "no_score"


def test_readiness_and_status_say_that_no_model_is_in_service(lender):
    world, client = lender
    unready = client.get("/readyz")
    assert (unready.status_code, unready.json()["error"]["what"]) == (503, "no version is champion")
    status = client.get("/status", headers=world.headers("analyst")).json()
    assert (status["ready"], status["trouble"]) == (False, "no version is champion")
    assert (status["model"], status["policy"]["version"]) == (None, 1)
    scored = client.post("/score", json={"customer_ids": [1]}, headers=world.headers("analyst"))
    assert scored.status_code == 503


def test_each_comes_out_the_same_again_and_one_that_was_altered_does_not(lender):
    world, client = lender
    for changes in ({}, ASKED_OFTEN):
        answer = asked(client, world, **changes).json()
        entry = find(world.settings.audit, answer["decision_id"])
        assert (entry.body["model"], entry.body["version"]) == (NAME, 0)
        replayed = replay(entry, world.settings)
        assert replayed.same, replayed
        shown = client.get(
            f"/explain/{answer['decision_id']}", headers=world.headers("analyst")
        ).json()
        assert shown["replay"]["same"]
        assert (shown["model"], shown["policy"]["fallback"]) == (None, NO_MODEL)
        entry.body["policy"]["fallback"][0] = ["model", "it was tired"]
        wrong = [one.name for one in replay(entry, world.settings).checks if not one.same]
        assert wrong == ["policy's outcome"]


def test_monitoring_and_simulation_leave_them_out_and_the_simulation_counts_them(lender, tmp_path):
    world, client = lender
    asked(client, world)
    settings = replace(world.settings, key=world.keys["analyst"])
    files = (None, tmp_path / "who.csv")
    with pytest.raises(BadInput, match=r"no decision was logged then that can be read"):
        simulate(settings, write_policy(tmp_path), DAY, files, Progress())
    check_sides(settings.audit, LAYOUT)
    (piece,) = pieces_of(settings.audit, 1, LAYOUT)
    assert piece.columns["vector"].shape == (len(piece), 0)
    point_to(world.settings, 1)
    wait_until(lambda: client.get("/readyz").status_code == 200, 20)
    assert asked(client, world, 50).json()["model"]["version"] == 1
    columns = enumerate(np.nan_to_num(world.features).T)
    bins = {f"feature_{place}": fit_bins(column) for place, column in columns}
    seen = scan_decisions(Series(settings.audit), Asked(NAME, 1, (0, 2**62)), bins)
    assert len(seen.decisions) == 1
    found = simulate(settings, write_policy(tmp_path), DAY, files, Progress())
    logged = [one.body["version"] for one in scan(settings.audit, "decision")]
    assert found.without_model == logged.count(0) > 0
    assert found.figures.decisions == logged.count(1) == 1


@pytest.fixture
def started(tmp_path):
    world = make_world(tmp_path)

    def start() -> Live:
        here = world.settings
        place = Place(here.exports, NAME, here.signing, here.policies, POLICY, here.audit)
        return Live(place, lambda model: None, lambda kind, facts: None)

    return world, start


def test_without_a_policy_in_force_nothing_decides(started):
    world, start = started
    pointer_path(world.settings.exports, NAME, "champion").unlink()
    live = start()
    live.look()
    assert live.policy_alone is None
    with pytest.raises(NotReady, match="no version is champion"):
        live.current()


def test_a_policy_that_is_not_known_for_sure_does_not_decide(started):
    world, start = started
    decide_by(world.settings)
    pointer_path(world.settings.exports, NAME, "champion").unlink()
    active_path(world.settings.policies, POLICY).unlink()
    live = start()
    live.look()
    assert live.policy_alone is None


def test_what_was_switched_off_stays_off_and_a_damaged_export_is_no_model(started):
    world, start = started
    decide_by(world.settings)
    turn_off(world.settings, POLICY, ["rules"], AUTHOR, "a wrong rule")
    model = world.settings.exports / NAME / "1" / "model.txt"
    model.write_bytes(model.read_bytes().replace(b"tree", b"free", 1))
    live = start()
    assert live.policy_alone is None, "before it has looked it does not know"
    live.look()
    version, switch = live.policy_alone
    assert (version.about.version, switch.reasons) == (1, {"rules": "a wrong rule"})
    assert live.serving is None
    assert live.trouble.startswith("the champion: ")


def test_a_model_that_the_policy_does_not_fit_is_none_that_decides(started):
    world, start = started
    decide_by(world.settings)
    export(world.settings, 3, world.boosters[2].model_to_string(), scaling=Scaling(pdo=60.0))
    point_to(world.settings, 3)
    live = start()
    live.look()
    version, _ = live.policy_alone
    assert (version.about.version, live.serving) == (1, None)
    assert "points are on another scale than those of behaviour_risk" in live.trouble
    point_to(world.settings, 1)
    live.look()
    assert (live.current().manifest.version, live.policy_alone) == (1, None)
