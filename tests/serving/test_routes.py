"""What may be sent where, and what is answered to everything else, by the real service."""

import pytest

from finmodel.records import ROLES
from tests.serving.small_world import APPLICATION

pytestmark = pytest.mark.servers
MAY = {
    "/decide": {"underwriter"},
    "/score": {"underwriter", "analyst", "engineer"},
    "/echo": set(ROLES),
}


@pytest.mark.parametrize("path", MAY)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_its_work_and_no_more(client, world, path, role):
    body = APPLICATION if path == "/decide" else {"customer_ids": [1]}
    status = client.post(path, json=body, headers=world.headers(role)).status_code
    assert status == (200 if role in MAY[path] else 403)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.bentoml+pickle",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/vnd.apache.arrow.stream",
        "text/json",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/decide", "/score"])
def test_only_json_is_read(client, world, path, content_type):
    pickled = b"\x80\x04cos\nsystem\n(S'true'\ntR."
    headers = world.headers("underwriter") | {"content-type": content_type}
    answer = client.post(path, content=pickled, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "WrongType")


def test_bentomls_own_addresses_are_not_there(client, world):
    for path in (
        "/docs.json",
        "/schema.json",
        "/static_content/index.css",
        "/assets/x",
        "/decide/",
    ):
        assert client.get(path, headers=world.headers("engineer")).status_code == 404


def test_no_body_is_told_apart_from_a_wrong_one(client, world):
    headers = world.headers("underwriter") | {"content-type": "application/json"}
    for body in (b"", b"{", b"[]", b"null", b"\xff", b"NaN", b"[" * 100_000, b'{"a":' * 10_000):
        answer = client.post("/decide", content=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "BadInput"), body[:9]


def test_a_probe_needs_no_key_and_numbers_do(client, world):
    for path in ("/livez", "/readyz", "/healthz"):
        assert client.get(path).status_code == 200
    assert client.head("/readyz").status_code == 200
    assert client.get("/metrics").status_code == 401
    counted = client.get("/metrics", headers=world.headers("auditor"))
    assert counted.headers["content-type"].startswith("text/plain")
    assert "finmodel_request_seconds_bucket" in counted.text


def test_status_tells_a_stranger_only_what_a_stranger_may_know(client, world):
    told = client.get("/status").json()
    assert (told["ready"], told["demo"], told["clock_stands"]) == (True, True, True)
    assert told["clock"] == "2005-09-30T16:00:00Z"
    assert (told["person"], told["model"], told["alias"], told["examples"]) == (
        None,
        None,
        None,
        [],
    )
    assert client.get("/status", headers={"authorization": "Bearer fm_no"}).status_code == 401


def test_status_shows_the_model_to_who_is_signed_in(client, world):
    told = client.get("/status", headers=world.headers("agent")).json()
    assert told["person"] == {"name": "the agent", "roles": ["agent"], "demo": False}
    model = told["model"]
    assert (model["name"], model["card"], model["decision_point"]) == (
        "behaviour_risk",
        "B",
        "支用",
    )
    assert model["metrics"] == {"auc": 0.78, "ks": 0.43}
    assert (model["refer_points"], model["approve_points"]) == (515.0, 540.0)
    assert model["customer_id_type"] == "integer"
