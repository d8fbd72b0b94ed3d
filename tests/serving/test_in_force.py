"""The policy in service: it follows what was approved, and never serves what does not fit."""

from __future__ import annotations

import msgspec
import pytest

from finmodel.errors import NotReady
from finmodel.manifest import Scaling
from finmodel.pointers import Pointer, set_champion
from risk.policy.registry import rollback, turn_off, turn_on
from risk.policy.versions import active_path, switch_path
from serving.in_force import POLICY
from serving.live import Live, Place
from serving.policy_asked import decider
from serving.schemas import Application
from tests.serving.policy_world import APPROVER, AUTHOR, decide_by
from tests.serving.small_world import APPLICATION, NAME, export, make_world, point_to


@pytest.fixture
def world(tmp_path):
    return make_world(tmp_path)


@pytest.fixture
def told():
    return []


@pytest.fixture
def start(world, told):
    def started() -> Live:
        here = world.settings
        place = Place(here.exports, NAME, here.signing, here.policies, POLICY, here.audit)
        live = Live(place, lambda model: None, lambda kind, facts: told.append((kind, facts)))
        live.look()
        return live

    return started


def versions(live: Live) -> tuple[int, int | None]:
    model = live.current()
    return model.manifest.version, model.policy and model.policy.about.version


def test_an_approval_and_a_rollback_are_followed(world, start, told):
    live = start()
    assert versions(live) == (1, None)
    decide_by(world.settings)
    live.look()
    assert versions(live) == (1, 1)
    decide_by(world.settings, currency="USD")
    live.look()
    assert versions(live) == (1, 2)
    rollback(world.settings, "drawdown", APPROVER, "try")
    live.look()
    assert versions(live) == (1, 1)
    kinds = [(kind, facts["version"]) for kind, facts in told]
    assert kinds == [("model_in_service", 1), *(("policy_in_service", n) for n in (1, 2, 1))]


def test_who_holds_a_model_keeps_its_policy(world, start):
    decide_by(world.settings)
    live = start()
    held = live.current()
    decide_by(world.settings, currency="USD")
    live.look()
    assert held.policy is not None
    assert held.policy.about.version == 1


def test_a_model_that_the_policy_does_not_fit_is_not_served(world, start, told):
    decide_by(world.settings)
    live = start()
    export(world.settings, 3, world.boosters[2].model_to_string(), scaling=Scaling(pdo=60.0))
    point_to(world.settings, 3)
    live.look()
    assert versions(live) == (1, 1)
    assert "points are on another scale than those of behaviour_risk" in live.trouble
    refused = [facts for kind, facts in told if kind == "policy_refused"]
    assert [facts["kept_version"] for facts in refused] == [1]
    turn_off(world.settings, "drawdown", [], AUTHOR, "stop")
    live.look()
    assert live.current().policy.off == ("model", "scorecard", "rules")
    point_to(world.settings, 2)
    live.look()
    assert versions(live) == (2, 1)
    assert live.trouble == ""
    assert ("model_in_service", 2) in [(kind, facts.get("version")) for kind, facts in told]


def damaged(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_damaged_policy_is_refused_and_the_one_before_stays(world, start, told):
    decide_by(world.settings)
    live = start()
    decide_by(world.settings, currency="USD")
    damaged(world.settings.policies / "drawdown" / "2" / "policy.yaml")
    live.look()
    assert versions(live) == (1, 1)
    assert "the policy: it was changed after it was signed" in live.trouble
    assert [kind for kind, _ in told].count("policy_refused") == 1


@pytest.mark.parametrize("lose", [lambda path: path.unlink(), damaged])
def test_without_knowing_which_policy_decides_nothing_is_served(world, start, lose):
    """The manifest's own cut-offs in its place would be a silent change of policy."""
    decide_by(world.settings)
    lose(active_path(world.settings.policies, "drawdown"))
    live = start()
    with pytest.raises(NotReady):
        live.current()
    assert live.trouble


def test_the_switch_is_followed_and_a_damaged_one_switches_everything_off(world, start):
    decide_by(world.settings)
    live = start()
    turn_off(world.settings, "drawdown", ["model"], AUTHOR, "it drifts")
    live.look()
    assert live.current().policy.off == ("model",)
    turn_on(world.settings, "drawdown", APPROVER, "mended")
    live.look()
    assert live.current().policy.off == ()
    damaged(switch_path(world.settings.policies, "drawdown"))
    live.look()
    assert live.current().policy.off == ()
    assert "the policy's switch" in live.trouble
    assert start().current().policy.off == ("model", "scorecard", "rules")


def lost(path, _before):
    path.unlink()


def older(path, before):
    path.write_bytes(before)


@pytest.mark.parametrize("lose", [lost, older])
def test_a_kill_outlives_the_file_of_the_switch(world, start, told, lose):
    """The log was told before the file: a service that starts without it does not decide again."""
    decide_by(world.settings)
    turn_off(world.settings, "drawdown", [], AUTHOR, "try it")
    turn_on(world.settings, "drawdown", APPROVER, "tried")
    path = switch_path(world.settings.policies, "drawdown")
    before = path.read_bytes()
    turn_off(world.settings, "drawdown", ["model"], AUTHOR, "it drifts")
    lose(path, before)
    live = start()
    force = live.current().policy
    assert force.off == ("model",)
    assert force.switch.reasons == {"model": "it drifts"}
    assert "holds until it is revived: it drifts" in force.switch.reason
    (facts,) = [facts for kind, facts in told if kind == "switch_in_service"]
    assert facts["reason"] == force.switch.reason
    live.look()
    assert live.current().policy.off == ("model",)
    turn_on(world.settings, "drawdown", APPROVER, "mended")
    live.look()
    assert (live.current().policy.off, live.trouble) == ((), "")
    path.unlink()
    live.look()
    assert live.current().policy.off == start().current().policy.off == ()


def test_a_log_that_cannot_be_read_leaves_it_to_people(world, start):
    decide_by(world.settings)
    turn_off(world.settings, "drawdown", ["rules"], AUTHOR, "a wrong rule")
    switch_path(world.settings.policies, "drawdown").unlink()
    damaged(world.settings.audit / "audit-000001.log")
    force = start().current().policy
    assert force.off == ("model", "scorecard", "rules")
    assert "the switch cannot be read" in force.switch.reason


def test_each_step_is_logged_with_the_reason_that_switched_it_off(world, start):
    decide_by(world.settings)
    turn_off(world.settings, "drawdown", ["model"], AUTHOR, "it drifts")
    turn_off(world.settings, "drawdown", ["rules"], APPROVER, "a wrong rule")
    application = msgspec.convert(APPLICATION, Application)
    _, asked = decider(application, start().current())
    assert asked.off == {"model": "it drifts", "rules": "a wrong rule"}


def challenge(world, version: int, sequence: int = 1) -> None:
    pointer = Pointer(NAME, "challenger", version, sequence, (), "v", "", True, "a test", "")
    set_champion(world.settings.exports, pointer, world.settings.signing)


def test_a_challenger_is_followed_where_the_policy_wants_one(world, start, told):
    challenge(world, 2)
    live = start()
    assert live.current().challenger is None
    decide_by(world.settings)
    live.look()
    other = live.current().challenger
    assert other is not None
    assert (other.manifest.version, other.policy.about.version) == (2, 1)
    assert ("challenger_in_service", 2) in [(kind, facts.get("version")) for kind, facts in told]
    export(world.settings, 3, world.boosters[2].model_to_string(), scaling=Scaling(pdo=60.0))
    challenge(world, 3, sequence=2)
    live.look()
    assert live.current().challenger is None
    assert "challenger_refused" in [kind for kind, _ in told]


def test_a_challenger_that_became_the_champion_is_not_compared_with_itself(world, start):
    challenge(world, 2)
    decide_by(world.settings)
    live = start()
    assert live.current().challenger is not None
    point_to(world.settings, 2)
    live.look()
    assert (live.current().manifest.version, live.current().challenger) == (2, None)


def test_a_challenger_that_was_withdrawn_is_out_of_service(world, start, told):
    challenge(world, 2)
    decide_by(world.settings)
    live = start()
    assert live.current().challenger is not None
    challenge(world, 0, sequence=2)
    live.look()
    assert (live.current().challenger, live.trouble) == (None, "")
    assert ("challenger_withdrawn", {"name": NAME, "sequence": 2}) in told
    count = len(told)
    live.look()
    again = start()
    assert again.current().challenger is None
    new = [kind for kind, _ in told[count:]]
    assert "challenger_withdrawn" not in new, "who never had it in service has nothing to tell"
    challenge(world, 2, sequence=1)
    again.look()
    assert again.current().challenger is None, "an older pointer came back"
    challenge(world, 2, sequence=3)
    again.look()
    assert again.current().challenger is not None
