"""Decisions of the real service against LightGBM's own answers on the rows that were written."""

import asyncio

import numpy as np
import pytest

from finmodel.audit import find
from finmodel.errors import Damaged, NotFound
from finmodel.vault import Vault
from serving.flows import replay
from tests.serving.small_world import APPLICATION, CUSTOMERS, UNKNOWN, VIEWS

pytestmark = pytest.mark.servers


def decided(client, world, **changes):
    answer = client.post(
        "/decide", json=APPLICATION | changes, headers=world.headers("underwriter")
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_decision_says_what_lightgbm_says(client, world):
    for customer in (30, 123, 399):
        answer = decided(client, world, customer_id=customer)
        row = world.features[customer - 1 : customer]
        raw = world.boosters[1].predict(row, raw_score=True)[0]
        log_odds = 0.05 + 1.1 * raw
        assert answer["probability_of_default"] == pytest.approx(1 / (1 + np.exp(-log_odds)), 1e-12)
        points = 600 - 20 / np.log(2) * (log_odds + np.log(50))
        assert answer["points"] == pytest.approx(points, rel=1e-12)
        expected = "approve" if points >= 540 else "refer" if points >= 515 else "decline"
        assert (answer["decision"], answer["rule"]) == (expected, "points")


def test_reasons_are_the_costliest_groups_of_lightgbms_contributions(client, world):
    answer = decided(client, world, customer_id=77)
    contributions = world.boosters[1].predict(world.features[76:77], pred_contrib=True)[0]
    lost, start = {}, 0
    for place, width in enumerate(VIEWS.values()):
        share = 1.1 * contributions[start : start + width].sum()
        lost[f"R{place:02d}"] = 20 / np.log(2) * share
        start += width
    told = {reason["code"]: reason["points"] for reason in answer["reasons"]}
    expected = dict(sorted(((c, p) for c, p in lost.items() if p > 0), key=lambda cp: -cp[1]))
    assert list(told) == list(expected)
    assert told == pytest.approx(expected, abs=1e-6)
    assert all(reason["zh"] and reason["en"] for reason in answer["reasons"])


def test_the_model_is_named_by_version_and_digest(client, world):
    model = decided(client, world)["model"]
    assert (model["name"], model["demo"]) == ("behaviour_risk", True)
    assert len(model["digest"]) == 64


def test_stale_missing_and_zero_are_three_things(client, world):
    stale = decided(client, world, customer_id=5)
    assert (stale["decision"], stale["rule"]) == ("refer", "view_stale:balance")
    assert stale["feature_ages"]["balance"] == {
        "state": "stale",
        "age_s": 60 * 86400.0,
        "ttl_s": 45 * 86400.0,
    }
    missing = decided(client, world, customer_id=15)
    assert (missing["decision"], missing["rule"]) == ("refer", "view_missing:lateness")
    assert missing["feature_ages"]["lateness"]["age_s"] is None
    fresh = decided(client, world, customer_id=30)["feature_ages"]
    assert {age["state"] for age in fresh.values()} == {"present"}


def test_who_is_not_known_or_not_well_told_gets_no_decision(client, world):
    for status, code, changes in (
        (404, "NotFound", {"customer_id": UNKNOWN}),
        (422, "BadInput", {"customer_id": "42"}),
        (422, "BadInput", {"customer_id": 2**63}),
        (422, "BadInput", {"customer_id": True}),
        (422, "BadInput", {"amount_minor": 0}),
        (422, "BadInput", {"amount_minor": "many"}),
        (422, "BadInput", {"colour": "red"}),
        (422, "BadInput", {"bureau_score": 700}),
        (422, "BadInput", {"bureau_query_id": "Q-1"}),
        (422, "BadInput", {"bureau_queried_at": "yesterday"}),
    ):
        answer = client.post(
            "/decide", json=APPLICATION | changes, headers=world.headers("underwriter")
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), changes
        name, value = next(iter(changes.items()))
        told = answer.text
        assert str(value) not in told or isinstance(value, bool | int), told
        if status == 422:
            assert name in told
    assert "999999" not in told


def test_a_bureaus_answer_is_kept_with_its_query_and_consent(client, world):
    bureau = {
        "bureau_query_id": "Q-1",
        "bureau_consent_id": "C-1",
        "bureau_queried_at": "2005-09-30T10:00:00+08:00",
        "bureau_score": 700,
    }
    entry = entry_of(world, decided(client, world, **bureau)["decision_id"], with_vault=True)
    assert entry.personal["bureau_score"] == 700
    assert entry.personal["bureau_consent_id"] == "C-1"


def entry_of(world, decision_id, with_vault=False):
    vault = Vault(world.settings.vault) if with_vault else None
    return find(world.settings.audit, decision_id, vault)


def test_the_record_holds_the_very_bits_and_no_name(client, world):
    answer = decided(client, world, customer_id=210, application_id="A-secret")
    entry = entry_of(world, answer["decision_id"])
    assert entry.columns["vector"].tobytes() == world.features[209].tobytes()
    assert float(entry.columns["points"]) == answer["points"]
    assert entry.columns["ages_s"].tolist() == [30 * 86400.0] * len(VIEWS)
    raw = world.boosters[1].predict(world.features[209:210], raw_score=True)[0]
    assert entry.columns["raw"].tobytes() == np.float64(raw).tobytes()
    assert entry.personal is None
    assert "A-secret" not in str(entry.body)
    log = b"".join(path.read_bytes() for path in world.settings.audit.iterdir() if path.is_file())
    assert b"A-secret" not in log
    assert entry.body["actor"] == "the underwriter"


def test_a_replay_is_the_same_bit_for_bit_and_says_where_it_is_not(client, world):
    answer = decided(client, world, customer_id=300)
    entry = entry_of(world, answer["decision_id"])
    assert replay(entry, world.settings).same
    entry.columns["raw"] = np.nextafter(entry.columns["raw"], 1)
    entry.body["decision"] = "approve" if entry.body["decision"] != "approve" else "decline"
    replayed = replay(entry, world.settings)
    assert not replayed.same
    assert [check.name for check in replayed.checks if not check.same] == ["raw score", "decision"]


def test_a_replay_refuses_what_is_not_a_decision(client, world):
    answer = client.post(
        "/score", json={"customer_ids": [1]}, headers=world.headers("analyst")
    ).json()
    entry = entry_of(world, answer["score_id"])
    with pytest.raises(NotFound, match="not a decision"):
        replay(entry, world.settings)
    decision = entry_of(world, decided(client, world)["decision_id"])
    del decision.columns["vector"]
    with pytest.raises(Damaged, match="not known here"):
        replay(decision, world.settings)


def test_many_at_once_are_each_decided_on_their_own_row(client, world):
    """Concurrent decisions are not mixed up: each has the score of its own customer."""
    import httpx

    async def ask():
        async with httpx.AsyncClient(base_url=client.base_url, timeout=60) as asker:
            customers = list(range(21, min(CUSTOMERS, 21 + 48)))
            answers = await asyncio.gather(
                *(
                    asker.post(
                        "/decide",
                        json=APPLICATION | {"customer_id": c, "application_id": f"A-{c}"},
                        headers=world.headers("underwriter"),
                    )
                    for c in customers
                )
            )
        return customers, [answer.json() for answer in answers]

    customers, answers = asyncio.run(ask())
    raw = world.boosters[1].predict(world.features[np.array(customers) - 1], raw_score=True)
    expected = 1 / (1 + np.exp(-(0.05 + 1.1 * raw)))
    assert [answer["probability_of_default"] for answer in answers] == pytest.approx(expected)
    assert [answer["application_id"] for answer in answers] == [f"A-{c}" for c in customers]
    assert len({answer["decision_id"] for answer in answers}) == len(customers)
