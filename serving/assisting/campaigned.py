"""What campaigns of the same home told a customer and will tell them, for whoever serves them.

A customer's name comes in; times, whether they may be offered nothing, and hints go out. Where the
home has no campaigns, or its customers have no numbers, who asked to be erased is known alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from finmodel.assistant.contact_policy import CAPS, Elsewhere
from finmodel.assistant.hints import Hint
from finmodel.audit_entries import time_of
from finmodel.clock import CHINA, micros
from finmodel.errors import FinmodelError
from finmodel.restriction_book import RestrictionBook, is_number
from finmodel.settings import Settings
from finmodel.vault import Vault
from marketing.ledger.file import Ledger, has_ledger, open_ledger
from marketing.ledger.told import Planned, has_stopped, planned_for, told_to

log = logging.getLogger("bentoml.finmodel")
_SPAN: Final = timedelta(days=max(cap.days for cap in CAPS["marketing"]) + 1)
_CHANNELS: Final = {"app": "手机应用", "push": "推送", "sms": "短信", "call": "电话"}


class Campaigned:
    """The campaigns and restrictions of one home, each opened once it is there. For threads."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings, self._vault, self._gate = settings, vault, threading.Lock()
        self._ledger: Ledger | None = None
        self._restricted: RestrictionBook | None = None

    def of(self, customer: str, now: datetime) -> Elsewhere:
        """What a customer was told until now, as far back as a cap counts."""
        restricted, ledger = self._is_restricted(customer), self._ledger_of(customer)
        if ledger is None:
            return Elsewhere(stopped=restricted)
        told = told_to(ledger, int(customer), micros(now - _SPAN), micros(now))
        return Elsewhere(tuple(map(time_of, told.contacts_us)), told.stopped or restricted)

    def hints(self, customer: str, brought: Sequence[Hint], now: datetime) -> list[Hint]:
        """What was brought, and offers still to be sent; no offer for who asked to be erased.

        Nothing is planned for who said stop. Where it cannot be read who may be offered what, a
        conversation is shown without offers.
        """
        others = [one for one in brought if one.kind != "offer"]
        try:
            if self._is_restricted(customer):
                return others
        except FinmodelError as error:
            log.warning("no offers are shown: %s", error.code)
            return others
        return [*brought, *self._planned(customer, now)]

    def close(self) -> None:
        """Let go of the files."""
        with self._gate:
            for one in (self._ledger, self._restricted):
                if one is not None:
                    one.close()
            self._ledger = self._restricted = None

    def _planned(self, customer: str, now: datetime) -> list[Hint]:
        try:
            ledger = self._ledger_of(customer)
            if ledger is None or has_stopped(ledger, int(customer)):
                return []
            return [_hint(one) for one in planned_for(ledger, int(customer), micros(now))]
        except FinmodelError as error:
            log.warning("what campaigns plan is not shown: %s", error.code)
            return []

    def _is_restricted(self, customer: str) -> bool:
        with self._gate:
            if self._restricted is None and self._settings.restrictions.exists():
                self._restricted = RestrictionBook(self._settings, self._vault)
            book = self._restricted
        return book is not None and book.of(customer) is not None

    def _ledger_of(self, customer: str) -> Ledger | None:
        """The ledger, where there is one and it can know a customer of this name."""
        if not is_number(customer):
            return None
        with self._gate:
            if self._ledger is None and has_ledger(self._settings):
                self._ledger = open_ledger(self._settings)
            return self._ledger


def _hint(one: Planned) -> Hint:
    opens = time_of(one.opens_us).astimezone(CHINA)
    channel = _CHANNELS.get(one.channel, one.channel)
    return Hint(
        kind="offer",
        chinese=f"计划{channel}营销 {one.offer}，{opens:%m-%d %H:%M} 起",
        english=f"{one.offer} is planned by {one.channel} from {opens:%m-%d %H:%M} on",
        source=f"{one.campaign} {one.number}",
        at=time_of(one.made_us),
    )
