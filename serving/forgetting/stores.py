"""Every place that may hold a customer, in the order in which it forgets them.

Settings and a customer's id come in; what each place holds goes out, in counts, and what it
removed. Conversations come before the verdicts in them, these before the log that they go into, and
the log before what is made of it, so that nothing is made again of what is gone. Where a person's
records must still be kept is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, Protocol

from feature_store.archive_forgetting import STORE as ARCHIVE
from feature_store.archive_forgetting import forget_in_archive, held_in_archive
from feature_store.dead_forgetting import STORE as DEAD
from feature_store.dead_forgetting import forget_in_dead, held_in_dead
from feature_store.event_forgetting import STORE as EVENTS
from feature_store.event_forgetting import forget_in_log, held_in_log
from feature_store.online_forgetting import STORE as ONLINE
from feature_store.online_forgetting import forget_online, held_online
from feature_store.snapshot_forgetting import STORE as SNAPSHOTS
from feature_store.snapshot_forgetting import forget_in_snapshots, held_in_snapshots
from finmodel.audit import scan
from finmodel.clock import china_day
from finmodel.decision_log import KIND as DECISION
from finmodel.forgotten_talks import ForgottenTalks
from finmodel.judged_events import log_number
from finmodel.mlflow_file import database_of
from finmodel.restriction_book import is_number
from finmodel.retention import Found, Kind
from finmodel.settings import Settings
from finmodel.suggestion_book import SuggestionBook
from finmodel.trained_on import Taught, taught_by, untaught
from finmodel.vault import Vault
from finmodel.wrap_up_book import WrapUpBook
from marketing.ledger.file import has_ledger, open_ledger
from marketing.ledger.forgetting import STORE as CONTACTS
from marketing.ledger.forgetting import forget_in_ledger, held_in_ledger
from serving.campaigns.forgetting import STORE as PLANS
from serving.campaigns.forgetting import forget_in_plans, held_in_plans
from serving.forgetting.false_alarms import STORE as ALARMS
from serving.forgetting.false_alarms import forget_in_cases, held_in_cases
from serving.forgetting.imported import STORE as IMPORTED
from serving.forgetting.imported import forget_imported, held_in_imported

TALKS: Final = "conversations"
SHOWN: Final = "suggestions"
WRITTEN: Final = "wrap-ups"
LISTS: Final = "adapters' lists"
LOG: Final = "audit log"


class _Book(Protocol):
    def __init__(self, path: Path, vault: Vault) -> None: ...

    def held(self, customer: str) -> int: ...

    def last(self, customer: str) -> datetime | None: ...

    def forget(self, customer: str) -> int: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Store:
    """One place."""

    name: str
    held: Callable[[Settings, str], Found]
    forget: Callable[[Settings, str], int]


def stores() -> tuple[Store, ...]:
    """All places whose rows can be removed; the audit log forgets with the key alone."""
    return (
        Store(ALARMS, held_in_cases, forget_in_cases),  # found by conversations that are there
        _sealed(TALKS, lambda here: here.conversations, ForgottenTalks),
        _sealed(SHOWN, lambda here: here.suggestions, SuggestionBook),
        _sealed(WRITTEN, lambda here: here.wrap_ups, WrapUpBook),
        _numbered(
            EVENTS,
            lambda here, one: held_in_log(here.events, one),
            lambda here, one: forget_in_log(here.events, one),
        ),
        _numbered(ARCHIVE, held_in_archive, forget_in_archive),
        _numbered(SNAPSHOTS, held_in_snapshots, forget_in_snapshots),
        _numbered(ONLINE, held_online, forget_online),
        _numbered(
            DEAD,
            lambda here, one: held_in_dead(here.dead_letters, one),
            lambda here, one: forget_in_dead(here.dead_letters, one),
        ),
        _numbered(CONTACTS, _held_contacts, _forget_contacts),
        _numbered(PLANS, held_in_plans, forget_in_plans),
        Store(IMPORTED, held_in_imported, forget_imported),
        Store(LISTS, _held_lists, _forget_lists),
    )


def held_in_audit(settings: Settings, customer: str) -> Found:
    """Entries of the audit log whose sealed part is about a customer."""
    count, newest = 0, dict[Kind, date]()
    if not settings.audit.is_dir():
        return Found(LOG, 0)
    with closing(Vault(settings.vault)) as vault:
        for entry in scan(settings.audit, vault=vault, subject=customer):
            count += 1
            if entry.kind == DECISION:
                # The others stay for good, and then name nobody.
                day = china_day(entry.time)
                newest["identification"] = max(day, newest.get("identification", day))
    return Found(LOG, count, newest)


def adapters_of(settings: Settings, customer: str) -> list[Taught]:
    """The adapters that a customer's conversations trained; MLflow is asked where there is one."""
    return taught_by(settings, customer) if _has_mlflow(settings) else []


def _numbered(
    name: str, held: Callable[[Settings, int], Found], forget: Callable[[Settings, int], int]
) -> Store:
    """A place that knows customers by numbers: by the one that stands in the log for another id."""
    return Store(
        name,
        lambda here, one: Found(name, 0) if (n := _number(here, one)) is None else held(here, n),
        lambda here, one: 0 if (n := _number(here, one)) is None else forget(here, n),
    )


def _number(settings: Settings, customer: str) -> int | None:
    """None where a home without a vault has made no number of an id that is none."""
    if is_number(customer) or not settings.vault.exists():
        return int(customer) if is_number(customer) else None
    with closing(Vault(settings.vault)) as vault:
        return log_number(customer, vault)


def _held_contacts(settings: Settings, customer: int) -> Found:
    if not has_ledger(settings):
        return Found(CONTACTS, 0)
    with closing(open_ledger(settings)) as ledger:
        return held_in_ledger(ledger, customer)


def _forget_contacts(settings: Settings, customer: int) -> int:
    if not has_ledger(settings):
        return 0
    with closing(open_ledger(settings)) as ledger:
        return forget_in_ledger(ledger, customer)


def _sealed(name: str, place: Callable[[Settings], Path], book: type[_Book]) -> Store:
    """A book of words under customers' keys; there is nothing in one that was never made."""

    @contextmanager
    def opened(here: Settings) -> Iterator[_Book]:
        with closing(Vault(here.vault)) as vault, closing(book(place(here), vault)) as found:
            yield found

    def held(here: Settings, customer: str) -> Found:
        if not place(here).exists():
            return Found(name, 0)
        with opened(here) as found:
            last = found.last(customer)
            newest: dict[Kind, date] = {} if last is None else {"conversations": china_day(last)}
            return Found(name, found.held(customer), newest)

    def forget(here: Settings, customer: str) -> int:
        if not place(here).exists():
            return 0
        with opened(here) as found:
            return found.forget(customer)

    return Store(name, held, forget)


def _held_lists(settings: Settings, customer: str) -> Found:
    return Found(LISTS, sum(one.trained == "yes" for one in adapters_of(settings, customer)))


def _forget_lists(settings: Settings, customer: str) -> int:
    return untaught(settings, customer) if _has_mlflow(settings) else 0


def _has_mlflow(settings: Settings) -> bool:
    path = database_of(settings)
    return path is None or path.exists()
