"""Scores of many customers against `Booster.predict`, in JSON and in Arrow."""

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from finmodel.audit import find
from tests.serving.small_world import CUSTOMERS, UNKNOWN, VIEWS

pytestmark = pytest.mark.servers
ARROW = "application/vnd.apache.arrow.stream"


def scored(client, world, ids, **headers):
    return client.post(
        "/score", json={"customer_ids": ids}, headers=world.headers("analyst") | headers
    )


def expected(world, ids):
    raw = world.boosters[1].predict(world.features[np.array(ids) - 1], raw_score=True)
    return 1 / (1 + np.exp(-(0.05 + 1.1 * raw)))


@pytest.mark.parametrize("count", [1, 7, CUSTOMERS])
def test_scores_are_lightgbms_in_the_order_of_the_ids(client, world, count):
    ids = np.random.default_rng(count).permutation(CUSTOMERS)[:count] + 1
    answer = scored(client, world, ids.tolist()).json()
    assert answer["probability_of_default"] == pytest.approx(expected(world, ids), rel=1e-12)
    assert answer["unknown"] == 0
    assert [len(column) for column in answer["states"].values()] == [count] * len(VIEWS)


def test_an_id_asked_twice_is_answered_twice(client, world):
    answer = scored(client, world, [3, 8, 3]).json()
    first, _, last = answer["points"]
    assert first == last


def test_who_is_not_known_is_null_and_counted(client, world):
    answer = scored(client, world, [30, UNKNOWN, 15, -1]).json()
    assert [one is None for one in answer["points"]] == [False, True, False, True]
    assert [one is None for one in answer["probability_of_default"]] == [False, True, False, True]
    assert answer["unknown"] == 2
    assert answer["states"] == {
        "balance": [0, 2, 0, 2],
        "lateness": [0, 2, 2, 2],
        "account_use": [0, 2, 0, 2],
    }


def test_arrow_holds_the_same_columns_with_their_ids(client, world):
    ids = [30, UNKNOWN, 5]
    plain = scored(client, world, ids).json()
    answer = scored(client, world, ids, accept=ARROW)
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table["customer_id"].to_pylist() == ids
    assert table["probability_of_default"].to_pylist() == plain["probability_of_default"]
    assert table["points"].to_pylist() == plain["points"]
    assert table["state_balance"].to_pylist() == plain["states"]["balance"]
    assert table.schema.metadata[b"score_id"].startswith(b"a0")


def test_one_record_a_call_holds_the_hash_of_its_rows(client, world):
    ids = np.array([31, 32], dtype=np.int64)
    answer = scored(client, world, ids.tolist()).json()
    entry = find(world.settings.audit, answer["score_id"])
    rows = sha256(ids.tobytes() + world.features[ids - 1].tobytes())
    rows.update(np.array(answer["probability_of_default"]).tobytes())
    assert entry.kind == "scores"
    assert entry.body["rows_sha256"] == rows.hexdigest()
    assert (entry.body["customers"], entry.body["actor"]) == (2, "the analyst")


@pytest.mark.parametrize(
    ("status", "code", "ids"),
    [
        (422, "BadInput", []),
        (422, "BadInput", list(range(10_001))),
        (422, "BadInput", ["1"]),
        (422, "BadInput", [1, "1"]),
        (422, "BadInput", [1.5]),
        (422, "BadInput", [None]),
        (422, "BadInput", "12"),
        (413, "TooLarge", list(range(1_000_000))),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_cannot_be_scored_is_refused(client, world, status, code, ids):
    answer = scored(client, world, ids)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_ten_thousand_are_scored_in_one_call(client, world):
    ids = np.random.default_rng(1).integers(1, CUSTOMERS + 1, 10_000)
    answer = scored(client, world, ids.tolist()).json()
    assert answer["probability_of_default"] == pytest.approx(expected(world, ids), rel=1e-12)
