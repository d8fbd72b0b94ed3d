"""What is approved now: the shipped shelf, with the lender's scripts and product facts over it.

Settings come in, a shelf goes out, another one as soon as something was published. What does not
hold is refused loudly, and what was said before is still said. Who published is not known here.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import NamedTuple

from finmodel.assistant.suggesting.shelf import Shelf, shipped_shelf, with_facts, with_scripts
from finmodel.editing.published import Ours, active_path, load_ours, readable, sayable
from finmodel.settings import Settings
from serving.following import Followed, Refusal
from serving.inbound_guard import inbound_guard_or_shipped

log = logging.getLogger("bentoml.finmodel")


class _Said(NamedTuple):
    version: int
    own: int
    facts: int
    left_out: int
    shelf: Shelf


class Shelves:
    """The shelf of this process. Safe for threads."""

    def __init__(self, settings: Settings) -> None:
        """Damaged where something was published, and what it was cannot be read."""
        self._shipped = replace(shipped_shelf(), guard=inbound_guard_or_shipped(settings))
        self._settings = settings
        self._followed = Followed(
            "scripts", active_path(settings), self._take, version=lambda said: said.version
        )
        self._looking = threading.Lock()
        self._followed.look()
        self._said = self._followed.value or self._of(load_ours(settings))

    def now(self) -> Shelf:
        """What is approved now: one look at a file, unless something was published."""
        # Whoever comes while another takes in a new version is answered by the one before.
        if self._looking.acquire(blocking=False):
            try:
                told = self._followed.look()
                if isinstance(told, Refusal) and told.first:
                    kept = self._said.version
                    log.error("scripts are refused, version %d stays: %s", kept, told.why)
                elif told is True and self._followed.value is not None:
                    self._said = self._followed.value
            finally:
                self._looking.release()
        return self._said.shelf

    @property
    def state(self) -> str:
        """Which scripts are said, and which product facts are read, in a sentence."""
        self.now()
        version, own, facts, left, _ = self._said
        said = f"version {version}, {own} of our own" if version else "as shipped"
        said += f"; product facts: {facts} of our own" if facts else ""
        left_out = f"; {left} left out, which may not be said any more" if left else ""
        trouble = f"; a newer one is refused: {self._followed.trouble}"
        return f"scripts {said}{left_out}{trouble if self._followed.trouble else ''}"

    def _take(self) -> tuple[int, _Said]:
        ours = load_ours(self._settings)
        return ours.sequence, self._of(ours)

    def _of(self, ours: Ours) -> _Said:
        if not ours.version:
            return _Said(0, 0, 0, 0, self._shipped)
        scripts, unsaid = sayable(ours)
        facts, unread = readable(ours)
        for why in (*unsaid, *unread):
            log.error("version %d is said without one: %s", ours.version, why)
        shelf = with_scripts(self._shipped, scripts)
        if ours.facts:
            shelf = with_facts(shelf, facts)
        own = len(ours.scripts) - len(unsaid)
        read = len(ours.facts) - len(unread)
        return _Said(ours.version, own, read, len(unsaid) + len(unread), shelf)


def lender_shelf(settings: Settings) -> Shelf:
    """What is approved now, for one question."""
    return Shelves(settings).now()
