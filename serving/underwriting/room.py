"""Where cases are kept up with the audit log, and where whatever is done with one is recorded.

Settings, the service's log and vault come in; cases go out. An act is judged, written to the log
and counted within one transaction of the book: two who claim one case come one after the other,
and what a crash leaves in the log alone is counted at the next look.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from finmodel.audit import AuditLog
from finmodel.audit_entries import find
from finmodel.clock import Clock, SystemClock, micros
from finmodel.errors import Refused
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.underwriting import case as judging
from risk.underwriting.book import ACT, CaseBook
from risk.underwriting.case import About, Act, Case
from risk.underwriting.codes import Verdict
from serving import dossier
from serving.underwriting.catching_up import BEGUN, catch_up
from serving.underwriting.entering import about_of, amount_of, customer_of, decision_of

_MINUTE_US: Final = 60_000_000


class CaseRoom:
    """The cases of one service. For the threads of one process, and beside others."""

    def __init__(
        self, settings: Settings, audit: AuditLog, vault: Vault, world: Clock | None = None
    ) -> None:
        """Claims end by the world's clock: a demo's stands still."""
        self._settings, self._audit, self._vault = settings, audit, vault
        self._world = world or SystemClock()
        self._gate = threading.Lock()
        self._book: CaseBook | None = None

    def close(self) -> None:
        """Let go of the book."""
        with self._gate:
            if self._book is not None:
                self._book.close()
            self._book = None

    def now_us(self) -> int:
        """The time by which claims end."""
        return micros(self._world.now())

    def waiting(self) -> tuple[list[Case], int]:
        """Cases without their last verdict, the oldest first, and how many there are."""
        with self._up_to_date() as book:
            return book.waiting(), book.count_waiting()

    def case(self, decision: str) -> Case:
        """The case of a decision; NotFound where it has none."""
        with self._up_to_date() as book:
            return book.case(decision)

    def ask(self, decision: str, person: Person) -> Case:
        """Bring a decision before a person, once; Refused where it was approved."""
        with self._up_to_date() as book:
            known = book.known(decision)
            if known is not None and (known.asked or known.final is not None):
                return known
            about = self._about(decision) if known is None else known.about
            return self._record(book, judging.ask(about, person))

    def claim(self, decision: str, person: Person) -> Case:
        """Take a case for a while; Refused where another has it."""
        with self._up_to_date() as book:
            now = self.now_us()
            until = now + int(self._settings.claim_minutes * _MINUTE_US)
            return self._record(book, judging.claim(book.case(decision), person, now, until))

    def release(self, decision: str, person: Person) -> Case:
        """Give a case back."""
        with self._up_to_date() as book:
            return self._record(book, judging.release(book.case(decision), person, self.now_us()))

    def judge(self, decision: str, person: Person, said: tuple[Verdict, str], note: str) -> Case:
        """Approve or decline, with a code and a note that lies sealed under the customer's key."""
        with self._up_to_date() as book:
            case, large = book.case(decision), self.needs_second(decision)
            erased = self._customer(decision) is None
            act = judging.judge(case, person, said, self.now_us(), large=large, erased=erased)
            return self._record(book, act, note)

    def amount(self, decision: str) -> int | None:
        """What was applied for; None where the customer's key was erased."""
        return amount_of(decision_of(self._settings, self._vault, decision))

    def needs_second(self, decision: str) -> bool:
        """Whether two people must agree on it, by the limit of now."""
        return judging.needs_second(self.amount(decision), self._settings.second_above_minor)

    def note_of(self, entry: str) -> str:
        """What was noted with a verdict; empty where nothing was, or its key is erased."""
        personal = find(self._settings.audit, entry, self._vault).personal
        return "" if personal is None else str(personal["note"])

    def _about(self, decision: str) -> About:
        entry = decision_of(self._settings, self._vault, decision)
        answer = dossier.read(entry).facts.decision
        if answer == "approve":
            raise Refused(
                "it was approved, there is nothing to look at again",
                where=f"decision {decision}",
                remedy="name a decision that was declined",
            )
        return about_of(entry, "asked" if answer == "decline" else "refer", self._settings)

    def _customer(self, decision: str) -> str | None:
        return customer_of(decision_of(self._settings, self._vault, decision))

    def _record(self, book: CaseBook, act: Act, note: str = "") -> Case:
        """Write an act to the log, and count what the log then holds."""
        customer = self._customer(act.about.decision)
        if note and customer is None:
            raise Refused(
                "the customer's data was erased, no note can be kept",
                where=f"decision {act.about.decision}",
                remedy="leave the note out",
            )
        written = self._audit.append(
            ACT,
            msgspec.to_builtins(act),
            personal={"note": note} if note else None,
            subject=customer,
        )
        entry = find(self._settings.audit, written)
        return book.take(act, entry.id, entry.time_us)

    @contextmanager
    def _up_to_date(self) -> Iterator[CaseBook]:
        """The book with all that the log holds by now, in one transaction."""
        book = self._opened()
        with book.writing():
            catch_up(book, self._settings, self._vault, self._begin)
            yield book

    def _opened(self) -> CaseBook:
        with self._gate:
            if self._book is None:
                self._book = CaseBook(self._settings.underwriting)
            return self._book

    def _begin(self, since_us: int) -> None:
        self._audit.append(BEGUN, {"since_us": since_us})
