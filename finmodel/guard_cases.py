"""A lender's own cases of the guards: a file of JSON lines that an editor can read.

Cases come in one by one, each under its id once; all of them go out. The test set that ships with
the guards is another one and is never touched. What a case says is not known here.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from finmodel.assistant.guards.cases import Case
from finmodel.durable import disk_error, replace_file
from finmodel.text_lines import Kind, json_of, lines, record

_KIND: Final = Kind("case", "docs/quality.md", Case.__struct_fields__)


class GuardCases:
    """One file; safe for threads and processes."""

    def __init__(self, path: Path) -> None:
        """Where it lies; it is made with the first case."""
        self._path = path

    def every(self) -> list[Case]:
        """All cases, the oldest first; BadInput names the line that is none."""
        if not self._path.exists():
            return []
        found = lines(self._path, _KIND)
        return [
            record(json_of(line, where, _KIND), Case, where, _KIND)
            for where, line in found
            if line.strip()
        ]

    def put(self, case: Case) -> None:
        """Keep a case, in place of the one of its id."""
        self._change(lambda known: [one for one in known if one.id != case.id] + [case])

    def remove(self, name: str) -> bool:
        """Take out the case of this id; whether there was one."""
        return self._change(lambda known: [one for one in known if one.id != name])

    def _change(self, change: Callable[[list[Case]], list[Case]]) -> bool:
        with self._alone():
            known = self.every()
            changed = change(known)
            if changed == known:
                return False
            replace_file(self._path, msgspec.json.Encoder().encode_lines(changed))
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time: a change is read, made and written as one."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("w")
        except OSError as error:
            raise disk_error(error, self._path) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
