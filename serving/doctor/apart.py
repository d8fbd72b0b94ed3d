"""A check in a process of its own, so that no check can end the others or hold them up.

What is looked at may be broken in any way: a map that is cut short kills whoever reads it (SIGBUS),
a disk across a network may never answer. Work comes in, findings go out, however it ended. Knows
nothing of what is looked at.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait as ready
from typing import Final, NoReturn

import msgspec

from finmodel.errors import FinmodelError
from serving.doctor.finding import Finding, wrong

log = logging.getLogger(__name__)
SECONDS: Final = 120
"""Enough to compile what reads models, once after an installation. What takes longer is wrong."""
GRACE_S: Final = 2.0
_PIECE: Final = 65_536


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at, and what to do where it cannot be."""

    at: str
    look: Callable[[], Sequence[Finding]]
    remedy: str
    seconds: int = SECONDS


@dataclass(frozen=True, slots=True)
class Begun:
    """A check under way."""

    check: Check
    process: int
    reads: int
    until: float


def begin(check: Check) -> Begun:
    """Start to look."""
    reads, writes = os.pipe()
    process = os.fork()
    if not process:
        _look(check, writes)
    os.close(writes)
    return Begun(check, process, reads, time.monotonic() + check.seconds + GRACE_S)


def ended(begun: Begun) -> list[Finding]:
    """What was found; that it could not be looked at is a finding too."""
    told = _told(begun)
    ended_by = _end_of(begun.process, wait=told is not None)
    try:
        return msgspec.json.decode(told or b"", type=list[Finding])
    except msgspec.DecodeError:
        return [wrong(begun.check.at, _why(begun.check, ended_by), begun.check.remedy)]


def guarded(check: Check) -> list[Finding]:
    """Look here: what goes wrong while looking is what was found."""
    try:
        return list(check.look())
    except FinmodelError as error:
        says = str(error)
    except OSError as error:
        says = f"{error.filename or 'it'}: {error.strerror or type(error).__name__}"
    except Exception as error:
        log.debug("the check of %s failed", check.at, exc_info=True)
        says = f"the check itself failed ({type(error).__name__})"
    return [wrong(check.at, says, check.remedy)]


def _look(check: Check, writes: int) -> NoReturn:
    """In the child: say what was found, and end without touching what the parent has open."""
    try:
        faulthandler.disable()  # the parent tells what killed this process
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(check.seconds)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):  # what libraries print is no finding
            os.dup2(nowhere, stream)
        with os.fdopen(writes, "wb") as out:
            out.write(msgspec.json.encode(guarded(check)))
    finally:
        os._exit(0)


def _told(begun: Begun) -> bytes | None:
    """What the child wrote until its end; None where it did not end in time."""
    pieces: list[bytes] = []
    with os.fdopen(begun.reads, "rb", buffering=0) as reads:
        # select() would know files up to number 1,023 alone.
        while ready([reads.fileno()], max(0.0, begun.until - time.monotonic())):
            piece = reads.read(_PIECE)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
    return None


def _end_of(process: int, *, wait: bool) -> int:
    """The signal that ended the child; 0 where none did."""
    if not wait:
        os.kill(process, signal.SIGKILL)  # it may be stuck where no signal reaches it
        os.waitpid(process, os.WNOHANG)
        return signal.SIGALRM
    return os.WTERMSIG(status) if os.WIFSIGNALED(status := os.waitpid(process, 0)[1]) else 0


def _why(check: Check, ended_by: int) -> str:
    if ended_by == signal.SIGALRM:
        return f"it did not answer within {check.seconds} s"
    if ended_by in (signal.SIGBUS, signal.SIGSEGV):
        return "reading it kills the reader: a file of it is damaged or cut short"
    return "the look at it ended without an answer"
