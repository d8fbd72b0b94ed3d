"""What campaigns of the same home told a customer and will tell them, for whoever serves them.

A customer's name comes in; times, whether they said stop, and hints of offers go out. Where the
home has no campaigns, or its customers have no numbers, nothing is known.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Final

from finmodel.assistant.contact_policy import CAPS, Elsewhere
from finmodel.assistant.hints import Hint
from finmodel.audit_entries import time_of
from finmodel.clock import CHINA, micros
from finmodel.errors import FinmodelError
from finmodel.restriction_book import is_number
from finmodel.settings import Settings
from marketing.ledger.file import Ledger, has_ledger, open_ledger
from marketing.ledger.told import Planned, has_stopped, planned_for, told_to

log = logging.getLogger("bentoml.finmodel")
_SPAN: Final = timedelta(days=max(cap.days for cap in CAPS["marketing"]) + 1)
_CHANNELS: Final = {"app": "手机应用", "push": "推送", "sms": "短信", "call": "电话"}


class Campaigned:
    """The ledger of one home's campaigns, opened once there is one. For any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._gate = settings, threading.Lock()
        self._ledger: Ledger | None = None

    def of(self, customer: str, now: datetime) -> Elsewhere:
        """What a customer was told until now, as far back as a cap counts."""
        ledger = self._opened() if is_number(customer) else None
        if ledger is None:
            return Elsewhere()
        told = told_to(ledger, int(customer), micros(now - _SPAN), micros(now))
        return Elsewhere(tuple(map(time_of, told.contacts_us)), told.stopped)

    def hints(self, customer: str, now: datetime) -> list[Hint]:
        """Offers that are still to be sent to a customer; none for who may be offered nothing.

        None either where the ledger cannot be read: a conversation is shown without it.
        """
        try:
            ledger = self._opened() if is_number(customer) else None
            if ledger is None or has_stopped(ledger, int(customer)):
                return []
            return [_hint(one) for one in planned_for(ledger, int(customer), micros(now))]
        except FinmodelError as error:
            log.warning("what campaigns plan is not shown: %s", error.code)
            return []

    def close(self) -> None:
        """Let go of the ledger."""
        with self._gate:
            if self._ledger is not None:
                self._ledger.close()
            self._ledger = None

    def _opened(self) -> Ledger | None:
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
