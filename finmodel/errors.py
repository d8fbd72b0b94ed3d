"""The tree of what can go wrong, grouped by what the caller can do about it.

    FinmodelError
    ├── BadInput      mend what you sent            exit 2   HTTP 422
    │   └── NotFound  name something that exists    exit 2   HTTP 404
    ├── Refused       ask somebody who may          exit 2   HTTP 403
    ├── NotReady      try again later               exit 3   HTTP 503
    │   └── NoRoom    make room, then try again     exit 3   HTTP 507
    └── Damaged       stop; a person must look      exit 4   HTTP 503

Every message names the thing, the place and the remedy. This module knows no library and no file.
"""

from __future__ import annotations

from typing import ClassVar


class FinmodelError(Exception):
    """What is wrong, where, and what to do.

    >>> str(BadInput("label is constant", where="t.csv: column bad", remedy="give both classes"))
    't.csv: column bad: label is constant; give both classes'
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 503

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        place = f"{where}: " if where else ""
        super().__init__(f"{place}{what}{'; ' + remedy if remedy else ''}")

    @property
    def code(self) -> str:
        """The type's name, as clients and logs see it."""
        return type(self).__name__


class BadInput(FinmodelError):
    """What was given is wrong; the giver can mend it."""

    exit_code = 2
    http_status = 422


class NotFound(BadInput):
    """What was named does not exist."""

    http_status = 404


class Refused(FinmodelError):
    """A rule, a gate or a missing right forbids it."""

    exit_code = 2
    http_status = 403


class NotReady(FinmodelError):
    """Something that is needed is not there yet, or is busy."""

    exit_code = 3
    http_status = 503


class NoRoom(NotReady):
    """A disk, a map or the memory is full; nothing was half-written."""

    http_status = 507


class Damaged(FinmodelError):
    """A digest, a signature or a chain does not hold: nothing that reads it may go on."""

    exit_code = 4
    http_status = 503
