"""A lender's identity provider, asked who signed in there: the code flow of OpenID Connect.

Comes in: one errand (a browser sent there), and what it came back with. Goes out: where to send
the browser, and whose account it was. Knows no person of ours, no cookie and no session. Sources:
OpenID Connect Core 1.0 §3.1, Discovery 1.0 §4, RFC 7636 (PKCE), RFC 9207 (who answers).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from finmodel.errors import NotReady
from finmodel.identity_provider import IdentityProvider, kept_secret
from serving.refusals import NoKey

if TYPE_CHECKING:
    import httpx
    import jwt

T = TypeVar("T")
SECONDS: Final = 7.0
"""For all that one step asks: the border gives up after ten."""
MOST: Final = 8
"""So many ask at once: a provider that hangs takes no more of a service's places."""
FRESH_S: Final = 600.0
"""So long what a provider says of itself is believed, its keys too."""
REST_S: Final = 5.0
"""One that did not say what it is, is not asked again for so long."""
SKEW_S: Final = 60
SIGNED_BY: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Keys that only the provider has: never our own secret, never none."""


class Errand(NamedTuple):
    """One browser's way there and back; all that must match is a hash of its one secret."""

    secret: str

    @property
    def state(self) -> str:
        """Comes back with the browser: nobody else's answer is taken for its own."""
        return _hash(f"state {self.secret}")

    @property
    def nonce(self) -> str:
        """Comes back in the token: no token of another errand is taken."""
        return _hash(f"nonce {self.secret}")

    @property
    def verifier(self) -> str:
        """Goes with the code: whoever sees a code alone can do nothing with it."""
        return _hash(f"verifier {self.secret}")


class Identity(NamedTuple):
    """An account of the provider."""

    subject: str
    """Never given to another account."""
    called: str = ""
    """As its owner is called there: it proves nothing, and may change."""


class _Said(msgspec.Struct, frozen=True):
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class Provider:
    """One identity provider; what it says of itself and its keys are kept for some minutes.

    Of one event loop.
    """

    def __init__(self, asked: IdentityProvider) -> None:
        self._asked, self._inside = asked, 0
        self._said: _Said | None = None
        self._said_at = self._failed_at = float("-inf")
        self._keys: dict[str, jwt.PyJWK] = {}

    async def address(self, errand: Errand, back: str) -> str:
        """Where to send a browser; NotReady where the provider does not answer."""
        said = await self._description()
        asked = {
            "response_type": "code",
            "client_id": self._asked.client,
            "redirect_uri": back,
            "scope": "openid profile",
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": _hash(errand.verifier),
            "code_challenge_method": "S256",
        }
        mark = "&" if "?" in said.authorization_endpoint else "?"
        return f"{said.authorization_endpoint}{mark}{urlencode(asked)}"

    async def identity(self, errand: Errand, back: str, code: str, issuer: str = "") -> Identity:
        """Whose account came back with a code; NoKey where what the provider says does not hold.

        `issuer` is who says that it answers, where it says so.
        """
        if issuer and issuer != self._asked.issuer:
            raise _refused("the answer is of another issuer")
        said = await self._description()
        async with self._asking() as client:
            token = await self._token(client, said, errand, back, code)
            claims = await self._claims(client, said, token, errand)
        called = claims.get("preferred_username")
        return Identity(str(claims["sub"]), called[:64] if isinstance(called, str) else "")

    async def _description(self) -> _Said:
        now = time.monotonic()
        if self._said is not None and now - self._said_at <= FRESH_S:
            return self._said
        if now - self._failed_at <= REST_S:
            raise self._silent("it did not answer a moment ago")
        try:
            async with self._asking() as client:
                said = await self._described(client)
        except NotReady:
            self._failed_at = time.monotonic()
            raise
        # A key that it withdrew is trusted no longer than what it said.
        self._said, self._said_at, self._keys = said, time.monotonic(), {}
        return said

    async def _described(self, client: httpx.AsyncClient) -> _Said:
        address = described_at(self._asked)
        said = _read(await _get(client, address), _Said, address)
        if said.issuer != self._asked.issuer:
            raise NotReady(
                f"it calls itself {said.issuer[:200]!r}",
                where=f"the identity provider at {self._asked.host}",
                remedy="set FINMODEL_OIDC_ISSUER to that, letter by letter, if it is the one",
            )
        for one in (said.authorization_endpoint, said.token_endpoint, said.jwks_uri):
            if not kept_secret(one):
                raise NotReady(
                    "it would be reached without TLS",
                    where=one[:200],
                    remedy="have the identity provider name an https address",
                )
        return said

    async def _token(
        self, client: httpx.AsyncClient, said: _Said, errand: Errand, back: str, code: str
    ) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": errand.verifier,
        }
        headers, more = self._proof(said)
        answer = await client.post(said.token_endpoint, data=form | more, headers=headers)
        if answer.status_code in (400, 401):
            why = _reason(answer)
            raise _refused(f"it does not take our code{f' ({why})' if why else ''}")
        answer.raise_for_status()
        return _read(answer.content, _Tokens, said.token_endpoint).id_token

    def _proof(self, said: _Said) -> tuple[dict[str, str], dict[str, str]]:
        """That it is we who ask: a header, or fields where no header is taken (RFC 6749 §2.3.1)."""
        client, secret = self._asked.client, self._asked.secret
        if secret and "client_secret_basic" in said.token_endpoint_auth_methods_supported:
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}, {}
        return {}, {"client_id": client} | ({"client_secret": secret} if secret else {})

    async def _claims(
        self, client: httpx.AsyncClient, said: _Said, token: str, errand: Errand
    ) -> Mapping[str, Any]:
        """What a token says, once its signature, issuer, audience, time and nonce hold."""
        import jwt

        try:
            key = await self._key(client, said, jwt.get_unverified_header(token).get("kid", ""))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(SIGNED_BY),
                audience=self._asked.client,
                issuer=self._asked.issuer,
                leeway=SKEW_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise _refused(f"its token does not hold ({type(error).__name__})") from error
        if claims.get("nonce") != errand.nonce:
            raise _refused("its token is of another sign-in")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", "" if several else self._asked.client) != self._asked.client:
            raise _refused("its token is for another client")
        if not claims["sub"]:
            raise _refused("its token is of no account")
        return claims

    async def _key(self, client: httpx.AsyncClient, said: _Said, name: str) -> jwt.PyJWK:
        """The provider's key of this name, or its only one; asked for again where it is new."""
        if name not in self._keys:
            import jwt

            told = _read(await _get(client, said.jwks_uri), dict[str, Any], said.jwks_uri)
            usable = [one for one in jwt.PyJWKSet.from_dict(told).keys if _signs(one)]
            self._keys = {one.key_id or "": one for one in usable}
            if not name and len(usable) == 1:
                return usable[0]
        if name not in self._keys:
            raise _refused("its token is signed by a key that it does not publish")
        return self._keys[name]

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client, and all that goes wrong between two machines as NotReady.

        It trusts what the machine trusts, and follows nobody elsewhere. What is on this machine is
        reached without a proxy.
        """
        import httpx

        if self._inside >= MOST:
            raise self._silent("too many wait for its answers already")
        self._inside += 1
        try:
            async with asyncio.timeout(SECONDS):
                async with httpx.AsyncClient(
                    timeout=SECONDS, verify=self._trusted, trust_env=not self._asked.here
                ) as client:
                    yield client
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ImportError) as error:
            # What an error says may hold a code: its kind is enough.
            answered = getattr(getattr(error, "response", None), "status_code", "")
            why = f"it does not answer as it should ({answered or type(error).__name__})"
            raise self._silent(why) from None
        except ValueError as error:  # an address of another kind than it should be, or of a proxy
            raise self._silent(f"it cannot be asked ({type(error).__name__})") from None
        finally:
            self._inside -= 1

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """What this machine trusts, or what SSL_CERT_FILE names."""
        return ssl.create_default_context()

    def _silent(self, why: str) -> NotReady:
        return NotReady(
            why,
            where=f"the identity provider at {self._asked.host}",
            remedy="sign in with a password, or try again",
        )


@lru_cache(maxsize=1)
def open_provider(asked: IdentityProvider) -> Provider:
    """The provider of a service's settings, the same one as long as they are."""
    return Provider(asked)


def described_at(asked: IdentityProvider) -> str:
    """Where a provider says what it is."""
    return asked.issuer.rstrip("/") + "/.well-known/openid-configuration"


async def answers(asked: IdentityProvider) -> None:
    """Ask a provider what it is; NotReady where it does not say."""
    await Provider(asked).address(Errand(""), "")


async def _get(client: httpx.AsyncClient, address: str) -> bytes:
    answer = await client.get(address, headers={"Accept": "application/json"})
    answer.raise_for_status()
    return answer.content


def _read(body: bytes, kind: type[T], address: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        # Its kind, and never what stands in it: it may be a token.
        raise NotReady(
            f"it does not answer as an identity provider does ({type(error).__name__})",
            where=address,
            remedy="set FINMODEL_OIDC_ISSUER to the issuer that your provider names",
        ) from None


def _reason(answer: httpx.Response) -> str:
    """The error's name, such as invalid_grant, where it is one."""
    try:
        told = msgspec.json.decode(answer.content, type=dict[str, Any]).get("error", "")
    except (msgspec.DecodeError, UnicodeError):
        return ""
    return told if isinstance(told, str) and told.replace("_", "").isalnum() else ""


def _signs(key: jwt.PyJWK) -> bool:
    return key.public_key_use in (None, "sig") and key.algorithm_name in SIGNED_BY


def _refused(why: str) -> NoKey:
    return NoKey(why, where="the identity provider's answer", remedy="sign in again")


def _hash(text: str) -> str:
    """SHA-256 in base64url without padding, as RFC 7636 has it: 43 characters."""
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
