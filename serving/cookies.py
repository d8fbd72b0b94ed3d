"""Cookies that a service sets: no script reads one, no other site's page sends one.

What is kept comes in, the header goes out. Knows nothing of what they say.
"""

from __future__ import annotations

from typing import Literal

from finmodel.identity_provider import loopback
from finmodel.settings import Settings
from serving.border import Call


def set_cookie(
    pair: str,
    seconds: int,
    *,
    secure: bool,
    path: str = "/",
    same_site: Literal["Strict", "Lax"] = "Strict",
) -> tuple[bytes, bytes]:
    """A cookie for so long; 0 seconds end it.

    `Lax` is for one that must come back with a person whom another site sends to us.
    """
    told = f"{pair}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={same_site}"
    return b"set-cookie", f"{told}; Secure".encode() if secure else told.encode()


def is_secure(call: Call, settings: Settings) -> bool:
    """Whether browsers may be told to keep it to encrypted ways: all but on this machine."""
    return encrypted(call) or not loopback(settings.host)


def encrypted(call: Call) -> bool:
    """Whether the browser came by TLS, as the first proxy on its way says."""
    return call.header(b"x-forwarded-proto").partition(",")[0].strip() == "https"
