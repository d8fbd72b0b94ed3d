"""An erasure that was asked for: answered by a restriction while a rule holds, then carried out.

Settings, a customer and a person come in; what was done, and the sentence for the customer, goes
out, with an entry of the audit log. Each step may be done again: who was killed is followed up by
the next call, for the restriction is written first and the key is destroyed last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from finmodel.acts import opened_log, require_reason
from finmodel.clock import china_day
from finmodel.errors import BadInput, NotFound
from finmodel.progress import Progress, silent
from finmodel.records import Person
from finmodel.restriction_book import Restriction, RestrictionBook, is_number
from finmodel.retention import Found, Hold, holds_on
from finmodel.settings import Settings
from finmodel.vault import Vault
from marketing.ledger.file import has_ledger, open_ledger
from marketing.ledger.forgetting import restrict
from serving.forgetting.stores import adapters_of, held_in_audit, stores

ELSEWHERE: Final = (
    "records in Kafka, until its own retention ends",
    "what Redis wrote to its disk before, until it writes it anew",
    "files that people exported or were handed, and copies of this home",
)
"""What no command of this home reaches."""
DUE: Final = "no rule holds the records any more"


@dataclass(frozen=True, slots=True)
class Asked:
    """An erasure that a customer asks for, or that has come due."""

    customer: str = field(repr=False)
    reason: str
    ended: date | None = None
    """The day that the relationship ended; as it was said before, where none is said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was done."""

    answer: str
    """`restricted` or `erased`."""
    said: str
    until: str = ""
    """The last day of the restriction; empty where none is known, and of an erasure."""
    rules: tuple[str, ...] = ()
    removed: dict[str, int] = field(default_factory=dict)
    """By place, what this call removed."""
    cannot_forget: tuple[str, ...] = ()
    """Adapters that learnt, or may have learnt, of the customer's conversations."""
    elsewhere: tuple[str, ...] = ()
    audit_entry: str = ""


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of everybody who was restricted; nobody is named."""

    restricted: int
    due: int
    erased: int
    next: str
    """The day after which the next one is due; empty where none is known."""


def where(settings: Settings, customer: str) -> list[Found]:
    """What every place holds of a customer, also those that hold nothing."""
    return [*(one.held(settings, customer) for one in stores()), held_in_audit(settings, customer)]


def erase(settings: Settings, asked: Asked, person: Person) -> Answer:
    """Restrict a customer, and erase whom no rule holds.

    NotFound where nothing is known of the customer; BadInput for an end that is still to come.
    """
    require_reason(asked.reason, "--reason")
    today, customer = _today(settings), asked.customer
    if asked.ended is not None and asked.ended > today:
        raise BadInput("it is still to come", where="--ended", remedy="ask again on that day")
    return _decided(settings, asked, person, where(settings, customer))


def _decided(settings: Settings, asked: Asked, person: Person, found: list[Found]) -> Answer:
    """What becomes of a customer of whom so much is held."""
    today, customer = _today(settings), asked.customer
    with _book(settings) as (vault, book):
        before = book.of(customer)
        if before is None and not any(one.count for one in found) and not vault.known(customer):
            raise NotFound(
                "nothing is held of this customer", where=f"customer {customer}", remedy="check it"
            )
        kept = before or Restriction(customer, settings.clock.now())
        ended = asked.ended or kept.ended
        holds = [one for one in holds_on(found, ended, settings.keep) if not one.over(today)]
        until = holds[0].until if holds else None
        book.restrict(Restriction(customer, kept.asked, ended, until, due=not holds))
    _stop_marketing(settings, customer)
    if holds:
        return _restricted(settings, asked, person, holds)
    return _erased(settings, asked, person)


def sweep(
    settings: Settings, person: Person, *, dry_run: bool = False, progress: Progress = silent
) -> Swept:
    """Erase every restricted customer whom no rule holds any more; with `dry_run` only count."""
    today, due, erased = _today(settings), 0, 0
    with _book(settings) as (_, book):
        if not dry_run:
            book.tidy()
        every = book.every()
    # Nobody is looked for in every place before the day that is known.
    looked = [one for one in every if one.due or (one.until is not None and one.until < today)]
    for done, one in enumerate(looked):
        progress("customers looked for in every place", done, len(looked))
        found = where(settings, one.customer)
        if not all(hold.over(today) for hold in holds_on(found, one.ended, settings.keep)):
            continue
        due += 1
        if not dry_run:
            answer = _decided(settings, Asked(one.customer, DUE), person, found)
            erased += answer.answer == "erased"
    later = [one.until for one in every if one.until is not None and one.until >= today]
    return Swept(len(every), due, erased, min(later).isoformat() if later else "")


def _restricted(settings: Settings, asked: Asked, person: Person, holds: list[Hold]) -> Answer:
    rules = tuple(one.rule for one in holds)
    until = "" if holds[0].until is None else holds[0].until.isoformat()
    when = f"restricted until {until}" if until else "restricted"
    said = f"{when}, no marketing and no training: {'; '.join(rules)}"
    if not until:
        said += "; when the relationship ended is not known: say it with --ended"
    with opened_log(settings, settings.audit) as log:
        entry = log.append(
            "customer_restricted",
            {"by": person.name, "reason": asked.reason, "rules": list(rules)},
            personal={"customer": asked.customer, "until": until},
            subject=asked.customer,
        )
    return Answer("restricted", said, until, rules, audit_entry=entry)


def _erased(settings: Settings, asked: Asked, person: Person) -> Answer:
    learnt = tuple(
        f"{one.adapter} {one.version}" + (f" ({one.trained})" if one.trained != "yes" else "")
        for one in adapters_of(settings, asked.customer)
    )
    removed = {one.name: one.forget(settings, asked.customer) for one in stores()}
    body = {"by": person.name, "reason": asked.reason, "removed": removed}
    with opened_log(settings, settings.audit) as log:
        entry = log.append("customer_erased", body | {"cannot_forget": list(learnt)})
    with _book(settings) as (vault, book):
        vault.erase(asked.customer)
        book.tidy()
    places = [f"{name} {count:,}" for name, count in removed.items() if count]
    said = f"erased: the key is destroyed; removed: {', '.join(places) or 'nothing was left'}"
    if learnt:
        said += f"; what {', '.join(learnt)} learnt stays until it is retired"
    return Answer(
        "erased",
        said,
        removed=removed,
        cannot_forget=learnt,
        elsewhere=ELSEWHERE,
        audit_entry=entry,
    )


def _stop_marketing(settings: Settings, customer: str) -> None:
    if is_number(customer) and has_ledger(settings):
        with closing(open_ledger(settings)) as ledger:
            restrict(ledger, [int(customer)])


@contextmanager
def _book(settings: Settings) -> Iterator[tuple[Vault, RestrictionBook]]:
    settings.make_home()
    with (
        closing(Vault(settings.vault)) as vault,
        closing(RestrictionBook(settings, vault)) as book,
    ):
        yield vault, book


def _today(settings: Settings) -> date:
    return china_day(settings.clock.now())
