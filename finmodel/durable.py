"""Files that are whole and on the disk, or not there, and what the disk's refusals mean.

Bytes and a place come in; NoRoom, Refused or Damaged comes out where the disk will not have them,
BadInput where a person names a place for none.
It knows nothing of what it writes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from finmodel.errors import BadInput, Damaged, FinmodelError, NoRoom, Refused


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Have a folder, where there is none yet; the disk's refusal is a sentence."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder) from error


def require_writable(path: Path) -> None:
    """BadInput where no file can be put there: asked before the work whose answer it will hold."""
    folder = path.parent
    if not folder.is_dir():
        raise BadInput("there is no such folder", where=str(folder), remedy="make it")
    if path.is_dir():
        raise BadInput("it is a folder", where=str(path), remedy="name a file in it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput("you may not write there", where=str(folder), remedy="name another folder")


def replace_file(path: Path, data: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Make a file or replace it, in one step, with its bytes on the disk before its name."""
    aside = path.with_name(f".{path.name}.aside")
    try:
        write_file(aside, data, mode, sync=sync)
        os.replace(aside, path)
        if sync:
            sync_folder(path.parent)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        aside.unlink(missing_ok=True)


def write_file(path: Path, data: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Write a file whole where none must be seen yet; NoRoom where it does not fit."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(error, path) from error


@contextmanager
def replacing(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which takes its name when it is whole and on the disk."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(aside, flags, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def made_aside(path: Path) -> Iterator[Path]:
    """Where to make a file or a folder, which takes its name when it is whole; else nothing stays.

    What a process left there that was killed is removed first.
    """
    aside = path.with_name(f".{path.name}.aside")
    try:
        _remove(aside)
        yield aside
        if aside.is_dir():
            sync_folder(aside)
        os.replace(aside, path)
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def make_file_once(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make a file whole, unless it is there: of two processes, the first one's stays."""
    if path.exists():
        return
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_file(aside, data, mode)
        with suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def held_alone(path: Path, busy: FinmodelError) -> Iterator[None]:
    """Hold a lock file; `busy` is raised where another process holds it."""
    try:
        lock = path.open("w")
    except OSError as error:
        raise disk_error(error, path) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        yield


def sync_file(path: Path) -> None:
    """Put a file that a library wrote on the disk, readable by its owner alone."""
    with path.open("rb+") as file:
        os.fchmod(file.fileno(), 0o600)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Put a folder's names on the disk."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def disk_error(error: OSError, path: Path) -> FinmodelError:
    """What the operating system's refusal means for whoever reads or writes this file.

    >>> disk_error(OSError(errno.ENOSPC, "No space left on device"), Path("logs/a.log"))
    NoRoom('a.log: there is no room left on the disk; make room, then try again')
    """
    where = path.name
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoRoom(
            "there is no room left on the disk", where=where, remedy="make room, then try again"
        )
    what = error.strerror or "the disk failed"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refused(what, where=where, remedy="give this user the right to it")
    return Damaged(what, where=where, remedy="check the disk")
