"""One customer's false alarms out of the guards' cases, which hold masked words of conversations.

Settings and a customer come in; how many cases goes out. Which they are is known by the findings of
the customer's conversations alone: cases go before conversations do.
"""

from __future__ import annotations

from contextlib import closing
from typing import Final

from finmodel.forgotten_talks import ForgottenTalks
from finmodel.guard_cases import GuardCases
from finmodel.retention import Found
from finmodel.settings import Settings
from finmodel.vault import Vault

STORE: Final = "guards' cases"


def held_in_cases(settings: Settings, customer: str) -> Found:
    """A customer's false alarms; BadInput names a line of the file that is no case."""
    return Found(STORE, len(_ids(settings, customer)))


def forget_in_cases(settings: Settings, customer: str) -> int:
    """Take a customer's false alarms out of the cases; how many there were."""
    cases = GuardCases(settings.guard_cases)
    return sum(cases.remove(one) for one in _ids(settings, customer))


def _ids(settings: Settings, customer: str) -> list[str]:
    if not settings.guard_cases.exists() or not settings.conversations.exists():
        return []
    with (
        closing(Vault(settings.vault)) as vault,
        closing(ForgottenTalks(settings.conversations, vault)) as talks,
    ):
        findings = talks.findings(customer)
    return [one.id for one in GuardCases(settings.guard_cases).every() if one.id in findings]
