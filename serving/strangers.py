"""Accounts of the identity provider that came to the door and are linked to nobody.

The audit log is read from its end; who came, when and as whom goes out, for whoever links them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from finmodel.audit_back import Wanted, newest
from finmodel.clock import CHINA
from finmodel.settings import Settings

MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Stranger:
    """An account that was refused."""

    at: str
    account: str
    """Its subject, as `finmodel people link` takes it."""
    called: str
    """As the provider calls its owner: for recognition, never a proof."""


def lately(settings: Settings) -> list[Stranger]:
    """The accounts that were refused lately, each once, the latest first."""
    if not settings.audit.is_dir():
        return []
    page = newest(settings.audit, Wanted(kind="sign_in_refused"))
    found: dict[str, Stranger] = {}
    for entry in page.entries:
        account = entry.body.get("subject", "")
        if account and len(found) < MOST:
            at = entry.time.astimezone(CHINA).isoformat(timespec="seconds")
            found.setdefault(account, Stranger(at, account, entry.body.get("called", "")))
    return list(found.values())
