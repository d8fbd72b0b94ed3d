"""The whole chain checked for an auditor, in a process of its own: nobody who decides waits for it.

What `finmodel audit verify` checks: the log, its columns, and imported decisions against it.

    python -m serving.auditing.chain      # checks the log of these settings, and says what it found

Who asks comes in; how far it is, or how it ended, goes out. Each check is itself recorded.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from finmodel.audit_proof import verify
from finmodel.audit_side import check_sides
from finmodel.decision_log import LAYOUT
from finmodel.errors import Damaged, FinmodelError
from finmodel.imported_proof import check_loads
from finmodel.settings import Settings
from serving.auditing.asked import ChainState, Checked, Held

log = logging.getLogger("bentoml.finmodel")

Record = Callable[[str, dict[str, Any]], Any]


class ChainCheck:
    """The one check of a service that runs at a time, and the last one's end."""

    def __init__(self, settings: Settings, record: Record) -> None:
        self._settings, self._record = settings, record
        self._state, self._gate = ChainState(), threading.Lock()
        self._began = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False

    def begin(self, by: str) -> ChainState:
        """Begin to check, unless one is under way; how far it is."""
        with self._gate:
            if not self._state.checking and not self._closed:
                self._began = time.monotonic()
                self._state = ChainState(checking=True, by=by, at=datetime.now(UTC))
                threading.Thread(target=self._run, name="chain", daemon=True).start()
        return self.state

    @property
    def state(self) -> ChainState:
        """How far it is, or how the last one ended."""
        state = self._state
        if not state.checking:
            return state
        return msgspec.structs.replace(state, seconds=time.monotonic() - self._began)

    def close(self) -> None:
        """Leave what is not done."""
        with self._gate:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _run(self) -> None:
        checked = self._checked()
        ended = msgspec.structs.replace(
            self._state,
            checking=False,
            seconds=time.monotonic() - self._began,
            held=checked.held,
            broken=checked.broken,
        )
        if not self._closed:
            self._note(ended)
        self._state = ended

    def _checked(self) -> Checked:
        with self._gate:
            if self._closed:
                return Checked()
            self._child = subprocess.Popen(
                [sys.executable, "-m", "serving.auditing.chain"],
                stdout=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                env=self._settings.child_env(),
                cwd=Path(__file__).resolve().parent.parent.parent,
            )
        told, _ = self._child.communicate()
        try:
            return msgspec.json.decode(told, type=Checked)
        except msgspec.MsgspecError:
            return Checked(broken="the check ended by itself; see the service's log")

    def _note(self, ended: ChainState) -> None:
        held = ended.held
        facts = {"entries": held.entries, "head": held.head} if held else {"broken": ended.broken}
        try:
            self._record("chain_verified", {"by": ended.by, "holds": held is not None} | facts)
        except FinmodelError:
            log.exception("a check of the chain could not be recorded")


def checked(here: Settings) -> Checked:
    """Walk the whole log of a home, and what is kept beside it."""
    try:
        found = verify(here.audit)
        check_sides(here.audit, LAYOUT)
        check_loads(here.imported, here.audit)
    except Damaged as error:
        return Checked(broken=f"{error.where}: {error.what}")
    except FinmodelError as error:
        return Checked(broken=str(error))
    return Checked(
        Held(
            entries=found.entries,
            segments=found.segments,
            bytes=found.size,
            first=found.first,
            last=found.last,
            head=found.head,
            counts=found.counts,
        )
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(checked(Settings.from_env())))
