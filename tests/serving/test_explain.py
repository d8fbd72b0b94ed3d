import numpy as np
import pytest

from finmodel.audit import scan
from finmodel.vault import Vault
from tests.serving.small_world import APPLICATION, VIEWS, plan

pytestmark = pytest.mark.servers


@pytest.fixture
def decision(client, world):
    return decided(client, world, 250)


def decided(client, world, customer):
    return client.post(
        "/decide",
        json=APPLICATION | {"customer_id": customer},
        headers=world.headers("underwriter"),
    ).json()


def explained(client, world, decision_id, role):
    return client.get(f"/explain/{decision_id}", headers=world.headers(role))


def test_an_explanation_shows_all_of_the_decision_again(client, world, decision):
    told = explained(client, world, decision["decision_id"], "validator").json()
    for part in ("decision_id", "decision", "rule", "points", "probability_of_default", "reasons"):
        assert told[part] == decision[part]
    assert told["model"] == decision["model"]
    assert [feature["name"] for feature in told["features"]] == list(plan().names)
    values = [feature["value"] for feature in told["features"]]
    assert np.array(values, dtype=np.float32).tobytes() == world.features[249].tobytes()
    parts = [feature["contribution"] for feature in told["features"]]
    assert sum(parts) + told["base"] == pytest.approx(told["raw_score"], abs=1e-9)
    assert {view["name"]: view["state"] for view in told["views"]} == dict.fromkeys(
        VIEWS, "present"
    )
    assert told["actor"] == "the underwriter"
    assert set(told["digests"]) == {"schema", "model", "calibration", "policy"}


def test_the_pd_for_prices_is_the_step_of_the_raw_score_and_moves_nothing_else(client, world):
    steps = {}
    for customer in range(100, 130):
        decision = decided(client, world, customer)
        told = explained(client, world, decision["decision_id"], "analyst").json()
        raw = told["raw_score"]
        steps[told["pricing_pd"]] = True
        expected = 0.05 if raw < -2 else 0.2 if raw < -1 else 0.4 if raw < 0 else 0.7
        assert told["pricing_pd"] == expected
        odds = np.exp(0.05 + 1.1 * raw)
        assert told["probability_of_default"] == pytest.approx(odds / (1 + odds))
        assert told["replay"]["same"]
    assert len(steps) >= 3


def test_it_is_computed_again_and_the_same(client, world, decision):
    replay = explained(client, world, decision["decision_id"], "engineer").json()["replay"]
    assert replay["same"]
    assert len(replay["checks"]) == 10


def test_a_missing_value_is_null(client, world):
    decision_id = decided(client, world, 15)["decision_id"]
    told = explained(client, world, decision_id, "analyst").json()
    assert {f["value"] for f in told["features"] if f["view"] == "lateness"} == {None}
    assert told["replay"]["same"]


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        ("underwriter", True),
        ("auditor", True),
        ("validator", False),
        ("analyst", False),
        ("engineer", False),
    ],
)
def test_personal_data_is_for_those_whose_work_needs_it(client, world, decision, role, sees):
    told = explained(client, world, decision["decision_id"], role).json()
    assert told["personal_data"] == ("open" if sees else "sealed")
    assert (told["application"] or {}).get("customer_id") == (250 if sees else None)


def test_each_look_at_personal_data_is_recorded(client, world, decision):
    explained(client, world, decision["decision_id"], "auditor")
    looks = list(scan(world.settings.audit, "personal_data_shown"))
    assert looks[-1].body == {
        "entry": decision["decision_id"],
        "actor": "the auditor",
        "actor_roles": ["auditor"],
    }


def test_an_erased_customer_is_decided_for_ever_and_known_no_more(client, world):
    decision = decided(client, world, 251)
    assert Vault(world.settings.vault).erase("251")
    told = explained(client, world, decision["decision_id"], "auditor").json()
    assert (told["personal_data"], told["application"]) == ("erased", None)
    assert told["replay"]["same"]


@pytest.mark.parametrize(
    "decision_id",
    ["nothing", "a000001-00000000-000000000000", "a999999-00000068-000000000000", "imported-1-7"],
)
def test_what_is_no_decision_is_not_found(client, world, decision_id):
    answer = explained(client, world, decision_id, "auditor")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")


@pytest.mark.parametrize("role", ["agent", "supervisor", "script_editor"])
def test_others_may_not_look(client, world, decision, role):
    assert explained(client, world, decision["decision_id"], role).status_code == 403
