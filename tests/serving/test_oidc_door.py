"""Sign in at a real identity provider, through the border: who is let in, and what is said else."""

import dataclasses
import threading
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import oidc_provider_mock
import pytest
import uvicorn
from playwright.sync_api import expect
from typer.testing import CliRunner

from finmodel.audit_back import Wanted, newest
from finmodel.errors import BadInput, FinmodelError, Refused
from finmodel.identity_provider import IdentityProvider
from serving import oidc_door, page
from serving.answering import Reply, Route, Routes
from serving.border import Border, Limits, Rule
from serving.cli import app as command
from serving.openapi import JSON
from serving.routes import console
from serving.signing_in import ROUTES
from serving.telemetry import Telemetry
from tests.serving.test_signing_in import PASSWORD, Desk, World

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def issuer():
    users = [
        oidc_provider_mock.User(sub=sub, claims={"preferred_username": name})
        for sub, name in (("42", "Li"), ("43", "Wang"), ("44", "Li"))
    ]
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def world(tmp_path, issuer):
    made = World(tmp_path, provider=IdentityProvider(issuer, "desk", "s3cret"))
    made.people.link("Li", "42")
    yield made
    made.sessions.close()


async def sent(world, to=""):
    """A browser is sent to the provider: with which address."""
    gone = await world.client.get(f"/session/oidc{to}")
    assert (gone.status_code, gone.content) == (303, b"")
    return gone.headers["location"]


async def returned(world, account, to=""):
    there = await sent(world, to)
    came = httpx.post(there, data={"sub": account})
    return await world.client.get(came.headers["location"])


async def test_an_account_opens_a_session_of_the_person_of_its_name(world):
    back = await returned(world, "42", "?to=/road")
    assert (back.status_code, back.headers["location"]) == (303, "/road")
    assert (await world.client.get("/who")).text == "Li"
    strict = next(one for one in back.headers.get_list("set-cookie") if "finmodel_session" in one)
    assert "HttpOnly; SameSite=Strict" in strict
    assert world.told() == [("signed_in", {"name": "Li", "how": "oidc"})]
    world.people.set_roles("Li", {"auditor"})
    assert (await world.client.get("/who")).status_code == 403


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/..//evil", "/a?b", "%0d"]
)
async def test_it_comes_back_to_pages_of_ours_alone(world, to):
    assert (await returned(world, "42", f"?to={to}")).headers["location"] == "/"


async def test_an_account_of_the_same_name_is_nobody_here_until_it_is_linked(world, monkeypatch):
    """Names at a provider are changed by their owners: 44 calls itself Li too."""
    back = await returned(world, "44")
    assert back.headers["location"] == "/#sign-in/unknown"
    assert (await world.client.get("/who")).status_code == 401
    ((kind, body),) = world.told()
    assert (kind, body["name"], body["subject"]) == ("sign_in_refused", "", "44")
    world.people.add("Han", {"agent"})
    assert finmodel(monkeypatch, world, "link").split()[-2:] == ["44", "Li"]
    finmodel(monkeypatch, world, "link", "Han", "44")
    assert (await returned(world, "44")).headers["location"] == "/"
    assert (await world.client.get("/who")).text == "Han"
    kinds = [kind for kind, _ in world.told()]
    assert kinds == ["sign_in_refused", "account_linked", "signed_in"]
    found = newest(world.settings.audit, Wanted(person="Han")).entries
    assert [one.kind for one in found] == ["signed_in", "account_linked"]


async def test_who_is_unlinked_is_out_at_once_and_an_account_is_one_persons(world, monkeypatch):
    await returned(world, "42")
    world.people.add("Han", {"agent"})
    with pytest.raises(Refused, match="linked to another person"):
        world.people.link("Han", "42")
    finmodel(monkeypatch, world, "unlink", "Li")
    assert (await world.client.get("/who")).status_code == 401
    assert "no account is linked to Li" in finmodel(monkeypatch, world, "unlink", "Li")
    assert (await returned(world, "42")).headers["location"] == "/#sign-in/unknown"
    with pytest.raises(BadInput, match="no subject"):
        world.people.link("Han", "x" * 256)
    assert world.people.by_account("") is None


def finmodel(monkeypatch, world, *words):
    monkeypatch.setenv("FINMODEL_HOME", str(world.settings.home))
    words = words if len(words) > 1 else (*words, "Han")
    done = CliRunner().invoke(command, ["people", *words])
    assert done.exit_code == 0, done.output
    return done.output


async def test_what_no_browser_sends_is_a_sentence(world):
    many = "&".join("a=1" for _ in range(60))
    assert (await world.client.get(f"/session/oidc?{many}")).status_code == 303
    odd = await world.client.get("/session/oidc/back?state=%C3%A9")
    assert odd.headers["location"] == "/#sign-in/stale"
    assert (await world.client.get(f"/session/oidc/back?{many}")).status_code == 303


async def test_a_strangers_link_does_not_end_an_errand(world):
    there = await sent(world, "?to=/road")
    await world.client.get("/session/oidc/back?error=access_denied&state=another")
    came = httpx.post(there, data={"sub": "42"}).headers["location"]
    assert (await world.client.get(came)).headers["location"] == "/road"


async def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(world):
    """Somebody else's code in a link: the person would act in an account that is not theirs."""
    there = await sent(world)
    came = httpx.post(there, data={"sub": "42"}).headers["location"]
    async with world.browser() as other:
        for address in (came, "/session/oidc/back", "/session/oidc/back?code=x&state="):
            assert (await other.get(address)).headers["location"] == "/#sign-in/stale"
    code = parse_qs(urlsplit(came).query)["code"][0]
    wrong = f"/session/oidc/back?code={code}&state=another"
    assert (await world.client.get(wrong)).headers["location"] == "/#sign-in/stale"
    assert not world.settings.audit.exists()


async def test_who_says_no_there_is_not_signed_in_here(world):
    there = await sent(world)
    came = httpx.post(there, data={"action": "deny"}).headers["location"]
    assert (await world.client.get(came)).headers["location"] == "/#sign-in/cancelled"


async def test_a_provider_that_is_down_is_a_sentence_and_passwords_go_on(tmp_path):
    down = World(tmp_path, provider=IdentityProvider("http://127.0.0.1:9", "desk"))
    gone = await down.client.get("/session/oidc?to=/audit")
    assert gone.headers["location"] == "/audit#sign-in/unreachable"
    assert (await down.sign_in()).status_code == 200
    down.sessions.close()


async def test_where_none_is_configured_the_way_is_not_there(tmp_path):
    bare = World(tmp_path)
    gone = await bare.client.get("/session/oidc")
    assert gone.json()["error"]["what"] == "no identity provider is configured"
    assert (await bare.client.get("/session/oidc/back")).headers["location"] == "/#sign-in/stale"
    bare.sessions.close()


def test_every_word_in_the_address_has_a_sentence_in_both_languages():
    words = page.file("words.js")[0].decode()
    for word in {*oidc_door.WORDS.values(), "failed"}:
        assert words.count(f"\n      {word}: ") == 2
    assert all(issubclass(one, FinmodelError) for one in oidc_door.WORDS)


async def status(call, desk):
    who = call.person
    told = {
        "ready": True,
        "provider": desk.settings.provider.host,
        "person": {"name": who.name, "roles": ["agent"], "demo": False} if who else None,
    }
    return Reply(msgspec.json.encode(told), JSON)


@dataclasses.dataclass
class Served:
    """A world behind a real server, with the console's pages."""

    world: World

    def __enter__(self):
        routes = [*ROUTES, *oidc_door.ROUTES]
        routes.append(Route(Rule("GET", "/status", weighs=False), None, status))
        for path in ("/", "/console/{file}"):
            routes.append(Route(Rule("GET", path, weighs=False), None, console))
        border = Border(
            Routes(routes, Desk(self.world.settings)),
            [one.rule for one in routes],
            self.world.people,
            Telemetry(),
            Limits(),
            self.world.sessions,
        )
        self.server = uvicorn.Server(uvicorn.Config(border, port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < until
            time.sleep(0.02)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_error):
        self.server.should_exit = True
        self.thread.join()


@pytest.mark.servers
def test_a_person_signs_in_at_the_company_and_reads_why_where_it_fails(tmp_path, issuer, browser):
    world = World(tmp_path, provider=IdentityProvider(issuer, "desk", "s3cret"))
    world.people.link("Li", "42")
    with Served(world) as address:
        tab = browser.new_page(locale="zh-CN")
        tab.goto(address)
        link = tab.locator("#provider")
        expect(link).to_have_text(f"使用公司统一账号登录（{issuer.partition('//')[2]}）")
        link.click()
        tab.fill("input[name=sub]", "43")
        tab.click("text=Authorize >> nth=-1")
        expect(tab.locator("#provider-problem")).to_contain_text("尚未与这里的人员关联")
        assert tab.url == f"{address}/"
        link.click()
        tab.fill("input[name=sub]", "42")
        tab.click("text=Authorize >> nth=-1")
        expect(tab.locator("#person")).to_contain_text("Li")
        # A session that ends while something is typed: the way leads into another tab.
        tab.evaluate("document.title = 'kept'")
        world.people.set_password("Li", PASSWORD + "!")
        expect(tab.locator("#session-ended")).to_be_visible(timeout=10_000)
        with tab.context.expect_page() as opened:
            link.click()
        opened.value.click("button[value='42']")
        expect(opened.value.locator("#person")).to_contain_text("Li")
        expect(tab.locator("#person")).to_contain_text("Li", timeout=10_000)
        tab.close()
    world.sessions.close()
