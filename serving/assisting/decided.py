"""What the decision service of the same home decided of a customer, as a hint of risk.

A customer's name and roles come in; a hint goes out, for who may see one: approved, referred or
declined, when, and the main reason. Nothing is computed here: the audit log says it. Where no
decision is near the log's end there is no hint.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from finmodel.assistant.hints import SEEN_BY, Hint
from finmodel.audit_about import NOTHING, Newest, newest_about
from finmodel.audit_entries import Entry
from finmodel.audit_segments import MARK_NAME
from finmodel.clock import CHINA
from finmodel.decision_log import KIND
from finmodel.errors import FinmodelError
from finmodel.manifest import ReasonGroup
from finmodel.pointers import export_folder
from finmodel.settings import Settings
from finmodel.signing import verify_folder
from finmodel.vault import Vault

log = logging.getLogger("bentoml.finmodel")
_MOST: Final = 1_000
"""Customers of whom is remembered what was found."""
_ANSWERS: Final = {
    "approve": ("批准", "approved"),
    "refer": ("转人工", "referred to a person"),
    "decline": ("拒绝", "declined"),
}


class Decided:
    """The decisions of one home, near the end of its audit log. Safe for threads."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings, self._vault, self._gate = settings, vault, threading.Lock()
        self._known = OrderedDict[bytes, Newest]()

    def hints(self, customer: str, roles: Collection[str]) -> list[Hint]:
        """The customer's latest decision, for who may see risk; nothing is looked for otherwise.

        Where it cannot be read, a conversation is shown without it.
        """
        if not SEEN_BY["risk"] & set(roles) or not (self._settings.audit / MARK_NAME).exists():
            return []
        try:
            entry = self._latest(customer)
            return [] if entry is None else [self._hint(entry)]
        except FinmodelError as error:
            log.warning("what was decided is not shown: %s", error.code)
            return []

    def _latest(self, customer: str) -> Entry | None:
        pseudonym = self._vault.known(customer)
        if pseudonym is None:
            return None
        with self._gate:  # one at a time: a look fills 64 MiB at least
            known = self._known.pop(pseudonym, NOTHING)
            audit = self._settings.audit
            found = newest_about(audit, KIND, pseudonym, known)
            self._known[pseudonym] = found
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found.entry

    def _hint(self, entry: Entry) -> Hint:
        body, chinese, english = entry.body, *_ANSWERS[entry.body["decision"]]
        day = f"{entry.time.astimezone(CHINA):%Y-%m-%d}"
        why = self._reason(body) if body["reasons"] else None
        return Hint(
            kind="risk",
            chinese=f"{day} 决策：{chinese}" + (f"，主要原因：{why.zh}" if why else ""),
            english=f"{english} on {day}" + (f", mainly: {why.en}" if why else ""),
            source=entry.id,
            at=entry.time,
        )

    def _reason(self, body: Mapping[str, Any]) -> ReasonGroup | None:
        """The words of the first reason, by the version that decided; None once it is gone."""
        folder = export_folder(self._settings.exports, body["model"], body["version"])
        if not folder.is_dir():
            return None
        code = body["reasons"][0][0]
        groups = _groups(folder, self._settings.signing)
        return next((one for one in groups if one.code == code), None)


class _Reasoned(msgspec.Struct, frozen=True):
    """Of a version's manifest, what is told."""

    reasons: tuple[ReasonGroup, ...]


@lru_cache(maxsize=16)
def _groups(folder: Path, keys: Path) -> tuple[ReasonGroup, ...]:
    """The reasons of a signed version; Damaged where it is not as it was signed."""
    from finmodel.export import FILES, MANIFEST  # it brings a compiler: once somebody asks

    return msgspec.json.decode(verify_folder(folder, keys, FILES)[MANIFEST], type=_Reasoned).reasons
