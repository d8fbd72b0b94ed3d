"""What is believed of an identity provider: one that is true, and one that lies in every way."""

import base64
import hmac
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import msgspec
import oidc_provider_mock
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from finmodel.errors import BadInput, NotReady
from finmodel.identity_provider import IdentityProvider, provider_of
from finmodel.settings import Settings
from serving.oidc import FRESH_S, MOST, REST_S, Errand, Identity, Provider, _hash
from serving.refusals import NoKey
from tests.serving.lying_provider import CLIENT, lying

pytestmark = pytest.mark.anyio

BACK = "http://127.0.0.1:3000/session/oidc/back"
ERRAND = Errand("s3cret")


@pytest.fixture(scope="module")
def liar():
    with lying() as made:
        yield made


@pytest.fixture
def provider(liar):
    liar.says = {}
    liar.asked.clear()
    return Provider(IdentityProvider(liar.issuer, CLIENT))


async def come_back(provider):
    return await provider.identity(ERRAND, BACK, "code")


async def test_an_account_of_authlibs_provider_comes_back():
    with oidc_provider_mock.run_server_in_thread() as server:
        issuer = f"http://localhost:{server.server_port}"
        provider = Provider(IdentityProvider(issuer, CLIENT, "a secret with : and 字"))
        address = await provider.address(ERRAND, BACK)
        sent = httpx.post(address, data={"sub": "42"})
        told = parse_qs(urlsplit(sent.headers["location"]).query)
        assert told["state"] == [ERRAND.state]
        found = await provider.identity(ERRAND, BACK, told["code"][0])
        assert found == Identity("42")
        with pytest.raises(NoKey, match="does not take our code"):
            await provider.identity(ERRAND, BACK, told["code"][0])
    with pytest.raises(NotReady, match="identity provider at localhost"):
        await Provider(IdentityProvider(issuer, CLIENT)).address(ERRAND, BACK)


async def test_the_way_there_says_no_more_than_hashes(provider, liar):
    asked = parse_qs(urlsplit(await provider.address(ERRAND, BACK)).query)
    assert asked["redirect_uri"] == [BACK]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["code_challenge"] == [_hash(ERRAND.verifier)]
    assert ERRAND.secret not in str(asked)
    assert ERRAND.verifier not in str(asked)
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert _hash(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_true_token_is_believed(provider, liar):
    liar.answers({"nonce": ERRAND.nonce, "preferred_username": "Li"})
    assert await come_back(provider) == Identity("7", "Li")
    (posted,) = [body for path, _, body in liar.asked if path == "/token"]
    assert parse_qs(posted)["code_verifier"] == [ERRAND.verifier]
    assert parse_qs(posted)["client_id"] == [CLIENT]


NOW = int(time.time())
TRUE = {"nonce": ERRAND.nonce, "preferred_username": "Li"}


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": Errand("another").nonce},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"iss": "https://another.example"},
        {"exp": NOW - 3_600},
        {"exp": None},
        {"iat": NOW + 3_600},
        {"sub": None},
        {"sub": ""},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"aud": [CLIENT, "another"]},
    ],
)
async def test_a_token_that_is_of_something_else_signs_nobody_in(provider, liar, claims):
    liar.answers(TRUE | claims)
    with pytest.raises(NoKey):
        await come_back(provider)


async def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(provider, liar):
    forged = rsa.generate_private_key(65_537, 2_048)
    liar.answers(TRUE, key=forged)
    with pytest.raises(NoKey, match="InvalidSignature"):
        await come_back(provider)
    liar.answers(TRUE, kid="two")
    with pytest.raises(NoKey, match="a key that it does not publish"):
        await come_back(provider)
    public = liar.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # The public key as the secret of an HMAC, and no signature at all.
    whole = {"iss": liar.issuer, "aud": CLIENT, "sub": "7", "iat": NOW, "exp": NOW + 600, **TRUE}
    bare = jwt.encode(whole, None, "none", headers={"kid": "one"})
    head = msgspec.json.encode({"alg": "HS256", "kid": "one"})
    signed = base64.urlsafe_b64encode(head).rstrip(b"=") + b"." + bare.encode().split(b".")[1]
    mac = base64.urlsafe_b64encode(hmac.digest(public, signed, "sha256")).rstrip(b"=")
    for token in (signed + b"." + mac, bare.encode(), b"no token"):
        liar.token = msgspec.json.encode({"id_token": token.decode()})
        with pytest.raises(NoKey, match="its token does not hold"):
            await come_back(provider)


async def test_who_is_meant_for_several_must_be_asked_for_by_us(provider, liar):
    liar.answers(TRUE | {"aud": [CLIENT, "another"], "azp": CLIENT})
    assert (await come_back(provider)).subject == "7"


async def test_a_key_that_was_withdrawn_is_trusted_no_longer_than_what_was_said(provider, liar):
    liar.answers(TRUE)
    await come_back(provider)
    kept = liar.public
    liar.public = kept | {"kid": "new"}
    await come_back(provider)
    provider._said_at -= FRESH_S + 1
    with pytest.raises(NoKey, match="a key that it does not publish"):
        await come_back(provider)
    liar.public = kept


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"keys": 1}', b'{"keys": [{}]}', b'{"a": "\xff"}']
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
async def test_whatever_a_provider_answers_is_a_sentence(liar, path, body):
    liar.answers(TRUE)
    liar.bodies = {path: body}
    fresh = Provider(IdentityProvider(liar.issuer, CLIENT))
    with pytest.raises((NotReady, NoKey)):
        await come_back(fresh)
    liar.bodies = {}


async def test_one_that_hangs_takes_few_places_and_is_left_alone_for_a_while(provider, liar):
    provider._inside = MOST
    with pytest.raises(NotReady, match="too many wait"):
        await provider.address(ERRAND, BACK)
    provider._inside = 0
    liar.asked.clear()
    with pytest.raises(NotReady, match="a moment ago"):
        await provider.address(ERRAND, BACK)
    assert liar.asked == []
    provider._failed_at -= REST_S
    await provider.address(ERRAND, BACK)


async def test_no_proxy_is_asked_for_what_is_on_this_machine(provider, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await provider.address(ERRAND, BACK)


async def test_a_secret_goes_as_the_provider_takes_it(liar, provider):
    secret = Provider(IdentityProvider(liar.issuer, CLIENT, "p&ss"))
    liar.answers(TRUE)
    await come_back(secret)
    assert ("Basic ZGVzazpwJTI2c3M=", "client_secret" in liar.asked[-2][2]) == (
        liar.asked[-2][1],
        False,
    )
    liar.says = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await come_back(Provider(IdentityProvider(liar.issuer, CLIENT, "p&ss")))
    asked = next(one for one in reversed(liar.asked) if one[0] == "/token")
    assert (asked[1], parse_qs(asked[2])["client_secret"]) == ("", ["p&ss"])


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ({"issuer": "https://another.example"}, r"it calls itself 'https://another\.example'"),
        ({"token_endpoint": "http://id.example/token"}, "without TLS"),
        ({"jwks_uri": "https://[::1"}, "without TLS"),
        ({"jwks_uri": 7}, "does not answer as an identity provider does"),
    ],
)
async def test_one_that_is_another_or_talks_in_clear_is_not_asked(provider, liar, says, why):
    liar.says = says
    with pytest.raises(NotReady, match=why):
        await provider.address(ERRAND, BACK)


async def test_an_answer_that_names_another_issuer_is_not_taken(provider):
    with pytest.raises(NoKey, match="another issuer"):
        await provider.identity(ERRAND, BACK, "code", "https://another.example")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"ISSUER": "http://id.example", "CLIENT": "desk"}, "no address that keeps"),
        ({"ISSUER": "https://u:p@id.example", "CLIENT": "desk"}, "'id.example'"),
        ({"ISSUER": "https://[::1", "CLIENT": "desk"}, "no address that keeps"),
        ({"ISSUER": "https://id.example"}, "FINMODEL_OIDC_CLIENT"),
    ],
)
def test_half_a_configuration_is_refused_and_repeats_no_password(told, says):
    with pytest.raises(BadInput, match=says) as refused:
        provider_of({f"FINMODEL_OIDC_{name}": value for name, value in told.items()})
    assert "u:p" not in str(refused.value)


def test_a_service_knows_the_secret_and_other_children_do_not(tmp_path, monkeypatch):
    monkeypatch.setenv("FINMODEL_OIDC_SECRET", "xyz")
    env = {"FINMODEL_OIDC_ISSUER": "https://id.example/", "FINMODEL_OIDC_CLIENT": "desk"}
    here = Settings.from_env(env | {"FINMODEL_OIDC_SECRET": "xyz", "FINMODEL_HOME": str(tmp_path)})
    assert "xyz" not in repr(here)
    assert "xyz" not in here.child_env().values()
    service = here.child_env() | here.provider.env
    assert Settings.from_env(service).provider == here.provider
