"""The other door of a service: people who sign in at their lender's identity provider.

Comes in: GET /session/oidc, and the browser as it comes back. Goes out: the way there, a session
in a cookie, or the page with a word of why not in its address. Knows nothing of tokens.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
from contextlib import closing
from typing import Final
from urllib.parse import parse_qs

from finmodel.acts import audited
from finmodel.errors import FinmodelError, NotFound, NotReady
from finmodel.settings import Settings
from serving.access import People
from serving.answering import Reply, Route
from serving.border import Call, Rule
from serving.cookies import encrypted, is_secure, set_cookie
from serving.oidc import Errand, Identity, open_provider
from serving.refusals import NoKey
from serving.sessions import Sessions, cookie_of
from serving.signing_in import DOOR, Settled, session_cookie

log = logging.getLogger("bentoml.finmodel")

COOKIE: Final = "finmodel_errand"
PATH: Final = "/session/oidc"
BACK: Final = "/session/oidc/back"
MINUTES: Final = 10
"""So long somebody may take to sign in there."""
_PAGE: Final = re.compile(r"/([a-z]+)?")
_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:]+")


async def go(call: Call, desk: Settled) -> Reply:
    """GET /session/oidc: on to the provider, with what must match at the way back in a cookie."""
    asked, page = desk.settings.provider, _page(_asked(call).get("to", ""))
    if not asked.issuer:
        raise NotFound(
            "no identity provider is configured",
            where=PATH,
            remedy="sign in with a password, or set FINMODEL_OIDC_ISSUER",
        )
    secret = secrets.token_urlsafe(32)
    try:
        there = await open_provider(asked).address(Errand(secret), _back(call))
    except FinmodelError as error:
        return _turned(error, page)
    return _on(there, _kept(f"{secret}{page}", call, desk.settings))


async def back(call: Call, desk: Settled) -> Reply:
    """GET /session/oidc/back: a session, and on to the page from which somebody left."""
    settings, given = desk.settings, _asked(call)
    errand, page = _kept_errand(call)
    try:
        _require_own(errand, given)
        code, issuer = given.get("code", ""), given.get("iss", "")
        provider = open_provider(settings.provider)
        identity = await provider.identity(errand, _back(call), code, issuer)
        run = asyncio.get_running_loop().run_in_executor
        token = await run(DOOR, entered_as, identity, settings)
    except FinmodelError as error:
        return _turned(error, page)
    return _on(page, session_cookie(token, call, settings), _kept("", call, settings))


class Stale(NoKey):
    """What must match is not there: it took too long, or somebody else's answer came."""


class Cancelled(NoKey):
    """The person, or the provider, did not go on."""


WORDS: Final[dict[type[FinmodelError], str]] = {
    NotFound: "unknown",
    NoKey: "refused",
    Stale: "stale",
    Cancelled: "cancelled",
    NotReady: "unreachable",
}
"""What the page says of each; of anything else, that it failed."""


def entered_as(identity: Identity, settings: Settings) -> str:
    """A session's token; NotFound where the account is linked to nobody here.

    Where the audit log cannot be written nobody is let in.
    """
    found = People(settings.people).by_account(identity.subject)
    if found is None:
        told = {"name": "", "how": "oidc", "subject": identity.subject, "called": identity.called}
        audited(settings, "sign_in_refused", told)
        raise NotFound(
            "nobody here is linked to the account",
            where="the account",
            remedy="link it: finmodel people link NAME",
        )
    person, stamp = found
    with closing(Sessions(settings)) as sessions:
        audited(settings, "signed_in", {"name": person.name, "how": "oidc"})
        return sessions.begin(person.name, stamp)


ROUTES: Final = (
    Route(Rule("GET", PATH), None, go),
    Route(Rule("GET", BACK), None, back),
)


def _turned(error: FinmodelError, page: str) -> Reply:
    """Back to the page, which says why not: a person at a browser reads no JSON.

    The errand stays where it is: a stranger's link must not end it.
    """
    log.warning("sign-in at the identity provider: %s: %s", error.code, error.what)
    return _on(f"{page}#sign-in/{WORDS.get(type(error), 'failed')}")


def _on(address: str, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(b"", "text/plain", [(b"location", address.encode()), *headers], status=303)


def _kept(errand: str, call: Call, settings: Settings) -> tuple[bytes, bytes]:
    seconds = MINUTES * 60 if errand else 0
    secure = is_secure(call, settings)
    return set_cookie(f"{COOKIE}={errand}", seconds, secure=secure, path=PATH, same_site="Lax")


def _kept_errand(call: Call) -> tuple[Errand, str]:
    """The errand of this browser, and the page from which it left; an empty one where none is."""
    secret, mark, page = cookie_of(call.header(b"cookie"), COOKIE).partition("/")
    return Errand(secret), _page(mark + page)


def _require_own(errand: Errand, given: dict[str, str]) -> None:
    """Refuse what did not come of this browser's own errand, or did not come to its end."""
    state, own = given.get("state", "").encode(), errand.state.encode()
    if "error" in given and state in (b"", own):  # not every provider says of whose errand
        raise Cancelled("it did not go on", where="the identity provider", remedy="sign in again")
    if not errand.secret or not hmac.compare_digest(state, own):
        raise Stale("this sign-in is not known here", where=BACK, remedy="begin it again")


def _asked(call: Call) -> dict[str, str]:
    """What stands behind the address, each thing that is said once; of too much nothing."""
    try:
        told = parse_qs(call.query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    return {name: values[0] for name, values in told.items() if len(values) == 1}


def _page(address: str) -> str:
    """A page of ours to come back to, and nobody else's.

    >>> _page("/road"), _page("//evil.example"), _page("https://evil.example"), _page("")
    ('/road', '/', '/', '/')
    """
    return address if _PAGE.fullmatch(address) else "/"


def _back(call: Call) -> str:
    """Our address as the browser knows it; the provider sends to those alone that it was told."""
    host = call.header(b"host")
    scheme = "https" if encrypted(call) else "http"
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}{BACK}"
