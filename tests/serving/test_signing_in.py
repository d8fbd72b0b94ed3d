"""Sign in and out through the border, as a browser's cookies do, without a server."""

import dataclasses
import http.cookies
import re

import httpx
import pytest

from finmodel.audit import scan
from finmodel.settings import Settings
from serving import oidc_door
from serving.access import People
from serving.answering import Reply, Route, Routes, signed_in
from serving.assisting.routes import ROUTES as ASSIST
from serving.border import Border, Limits, Rule
from serving.routes import ROUTES as DECISIONS
from serving.sessions import Sessions
from serving.signing_in import ROUTES
from serving.telemetry import Telemetry

pytestmark = pytest.mark.anyio

PASSWORD = "lantern orbit mustard quay"
OURS = {"x-finmodel": "act"}


async def who(call, _desk):
    return Reply(signed_in(call).name.encode(), "text/plain")


@dataclasses.dataclass
class Desk:
    settings: Settings


class World:
    def __init__(self, home, **changes):
        self.settings = Settings(home=home, data=home, **changes)
        self.people = People(self.settings.people)
        self.key = self.people.add("Li", {"agent"})
        self.people.set_password("Li", PASSWORD)
        routes = [
            *ROUTES,
            *oidc_door.ROUTES,
            *(Route(Rule(way, "/who", frozenset({"agent"})), None, who) for way in ("GET", "POST")),
            Route(Rule("GET", "/open", weighs=False), None, open_to_all),
        ]
        rules = [one.rule for one in routes]
        self.sessions = Sessions(self.settings)
        app = Routes(routes, Desk(self.settings))
        self.border = Border(app, rules, self.people, Telemetry(), Limits(), sessions=self.sessions)
        self.client = self.browser()

    def browser(self):
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.border), base_url="http://127.0.0.1", headers=OURS
        )

    async def sign_in(self, name="Li", password=PASSWORD, **more):
        return await self.client.post("/session", json={"name": name, "password": password}, **more)

    def told(self):
        return [(one.kind, one.body) for one in scan(self.settings.audit)]


async def open_to_all(call, _desk):
    return Reply((call.person.name if call.person else "nobody").encode(), "text/plain")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.sessions.close()


async def test_a_name_and_a_password_open_a_session_and_its_end_closes_it(world):
    entered = await world.sign_in()
    assert entered.json() == {"name": "Li", "roles": ["agent"], "idle_minutes": 30, "hours": 12}
    (morsel,) = http.cookies.SimpleCookie(entered.headers["set-cookie"]).values()
    assert morsel["httponly"]
    assert (morsel["samesite"], morsel["path"], morsel["max-age"]) == ("Strict", "/", "43200")
    assert not morsel["secure"]
    assert (await world.client.get("/who")).text == "Li"
    assert (await world.client.get("/open")).text == "Li"
    first = morsel.value
    await world.sign_in()
    stale = {"cookie": f"finmodel_session={first}"}
    async with world.browser() as other:
        assert (await other.get("/who", headers=stale)).status_code == 401
        assert (await other.get("/open", headers=stale)).text == "nobody"
    assert (await world.client.delete("/session")).json() == {"name": "Li"}
    assert (await world.client.get("/who")).status_code == 401
    assert (await world.client.delete("/session")).json() == {"name": ""}
    assert world.told() == [
        ("signed_in", {"name": "Li", "how": "password"}),
        ("signed_in", {"name": "Li", "how": "password"}),
        ("signed_out", {"name": "Li"}),
    ]


async def test_an_unknown_name_and_a_wrong_password_cannot_be_told_apart(world):
    for name in ("Li", "Nobody"):
        answers = [await world.sign_in(name, "a wrong one, and long") for _ in range(6)]
        assert {one.status_code for one in answers} == {401}
        assert all("set-cookie" not in one.headers for one in answers)
        seen = [one.json()["error"]["what"] for one in answers]
        assert seen == [
            *["this name and this password do not belong together"] * 5,
            "too many wrong passwords were given for this name",
        ]
        assert re.match("wait [1-3][0-9] s", answers[-1].json()["error"]["remedy"])
    # The right one waits as well, and the key opens all the same.
    assert (await world.sign_in()).status_code == 401
    key = {"authorization": f"Bearer {world.key}"}
    assert (await world.client.get("/who", headers=key)).text == "Li"
    refused = [body for kind, body in world.told() if kind == "sign_in_refused"]
    assert [one["name"] for one in refused] == ["Li"] * 5 + [""] * 5
    assert [one["waits_s"] for one in refused] == [0, 0, 0, 0, 30] * 2
    assert "wrong one" not in str(world.told())


async def test_a_role_removed_while_signed_in_counts_and_a_revoked_person_is_out(world):
    await world.sign_in()
    world.people.set_roles("Li", {"auditor"})
    refused = await world.client.get("/who")
    assert (refused.status_code, refused.json()["error"]["what"]) == (
        403,
        "Li has none of the roles that this needs",
    )
    assert (await world.client.get("/open")).text == "Li"
    world.people.revoke("Li")
    ended = await world.client.get("/who")
    assert ended.status_code == 401
    assert ended.json()["error"]["what"].startswith("this session has ended")
    assert (await world.client.get("/open")).text == "nobody"


async def test_another_sites_form_changes_nothing(world):
    """What a browser may send across origins without asking first: no header of ours, no JSON."""
    await world.sign_in()
    async with world.browser() as theirs:
        theirs.headers.pop("x-finmodel")
        theirs.cookies = world.client.cookies
        refused = await theirs.post("/who", content=b"{}", headers={"content-type": "text/plain"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Refused")
        assert (await theirs.delete("/session")).status_code == 403
        assert (await theirs.options("/who")).status_code == 405
        form = b'{"name": "Li", "password": "x"}'
        text = await theirs.post("/session", content=form, headers={"content-type": "text/plain"})
        assert text.status_code in (403, 415)
    assert (await world.client.post("/who")).text == "Li"


async def test_the_cookie_asks_for_encryption_where_others_could_listen(tmp_path):
    world = World(tmp_path, host="0.0.0.0")
    assert "; Secure" in (await world.sign_in()).headers["set-cookie"]
    world.settings = dataclasses.replace(world.settings, host="127.0.0.1")
    async with world.browser():
        proxied = await world.sign_in(headers={"x-forwarded-proto": "https"})
    assert "; Secure" in proxied.headers["set-cookie"]


async def test_what_is_no_name_and_password_is_refused_without_being_repeated(world):
    for body in ({"name": "Li"}, {"name": "", "password": "x"}, {"name": "Li", "password": 7}):
        refused = await world.client.post("/session", json=body)
        assert refused.status_code == 422
    refused = await world.sign_in(password="secret" * 30)
    assert refused.status_code == 422
    assert "secret" not in refused.text


async def test_where_the_log_cannot_be_written_nobody_is_let_in(world):
    world.settings.audit.write_text("no folder")
    refused = await world.sign_in()
    assert refused.status_code >= 403
    assert "set-cookie" not in refused.headers
    assert (await world.client.get("/who")).status_code == 401


def test_both_services_have_the_door():
    for routes in (DECISIONS, ASSIST):
        assert set(ROUTES) <= set(routes)
