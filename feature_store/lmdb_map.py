"""One LMDB map, opened once per process, read and written in transactions.

A path goes in, transactions come out, and LMDB's errors become ours. LMDB must not be opened twice
in a process nor carried through a fork, so maps are kept by path here, opened when first used,
and given up in a forked child. What lies in the map is not this module's business.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmdb

from finmodel.errors import BadInput, Damaged, FinmodelError, NoRoom, NotReady, Refused

_MAX_DBS = 192
_MAX_READERS = 512
_META_PAGES = 2
_PATIENCE_S = 1.0
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_BROKEN = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
)


@dataclass(frozen=True, slots=True)
class MapPlace:
    """Where a map lies and how it is opened; the first in a process to open it decides."""

    path: Path
    map_gb: float = 8.0
    """Most that it may grow to, in GiB (a sparse file; it only grows)."""
    sync: bool = True
    """A commit is on the disk when it returns; False only to load what can be loaded again."""


class LmdbMap:
    """A map that threads share; opened for reading until somebody writes."""

    def __init__(self, place: MapPlace) -> None:
        self.place, self._opened = place, 0
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        # LMDB waits for its writers with the interpreter held while it makes a database: of two
        # threads here, the one that writes could never end.
        self._writer = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._env: lmdb.Environment | None = None
        self._file: tuple[int, int] | None = None
        self._handles: dict[bytes, Any] = {}
        self._writable = False
        self._active = 0

    def reading(self, *names: bytes) -> Reading:
        """A snapshot, and the databases of these names (None where there is none yet).

        NotReady if there is no map; Damaged if it is not one.
        """
        return Reading(self, names)

    @contextmanager
    def writing(
        self, names: dict[bytes, bool]
    ) -> Iterator[tuple[lmdb.Transaction[memoryview], list[Any]]]:
        """The one write transaction, and databases (made if need be; True: integer keys).

        All of it is written or none. NoRoom if the map or the disk is full.
        """
        with self._writer:
            yield from self._written(names)

    def _written(
        self, names: dict[bytes, bool]
    ) -> Iterator[tuple[lmdb.Transaction[memoryview], list[Any]]]:
        env = self._enter_to_write()
        try:
            env.reader_check()  # frees the slots of readers that were killed
            for name, integer in names.items():
                if name not in self._handles:
                    self._handles[name] = env.open_db(name, integerkey=integer)
            with env.begin(write=True, buffers=True) as txn:
                yield txn, [self._handles[name] for name in names]
        except lmdb.Error as error:
            raise self.typed(error) from error
        finally:
            self.leave()

    def enter(self, *, writable: bool) -> lmdb.Environment:
        """The open map, which stays open until the caller's `leave`."""
        with self._lock:
            while self._env is None or (writable and not self._writable):
                if self._active:
                    self._idle.wait()
                else:
                    self._shut()
                    self._open(writable or self._writes_here())
            self._active += 1
            return self._env

    def _writes_here(self) -> bool:
        """Whether this process wrote to a map that is still there."""
        return self._writable and (self.place.path / "data.mdb").exists()

    def _enter_to_write(self) -> lmdb.Environment:
        env = self.enter(writable=True)
        try:
            env.begin().abort()
        except lmdb.MapResizedError:
            self.leave()
            self.close()
            env = self.enter(writable=True)
        return env

    def leave(self) -> None:
        """The caller's transaction has ended."""
        with self._lock:
            self._active -= 1
            if not self._active:
                self._idle.notify_all()

    @property
    def opened(self) -> int:
        """How often a map was opened in this process: what was met before lies elsewhere."""
        return self._opened

    @property
    def last_page(self) -> int:
        """The number of the last page that was ever written."""
        env = self.enter(writable=False)
        try:
            return int(env.info()["last_pgno"])
        finally:
            self.leave()

    @property
    def used_pages(self) -> int:
        """How many pages hold something, LMDB's own two among them."""
        with self.reading() as (txn, _), txn.cursor() as cursor:
            names = [bytes(name) for name in cursor.iternext(values=False)]
        with self.reading(*names) as (txn, handles):
            stats = [txn.stat(), *(txn.stat(one) for one in handles if one is not None)]
        used = sum(one["branch_pages"] + one["leaf_pages"] + one["overflow_pages"] for one in stats)
        return _META_PAGES + used

    @property
    def free_pages(self) -> int:
        """How many pages hold nothing that can be read, and LMDB's own list of them."""
        return self.last_page + 1 - self.used_pages

    def close(self) -> None:
        """Close the map in this process, once nobody reads; the next use opens it again."""
        with self._lock:
            while self._active:
                self._idle.wait()
            self._shut()

    def let_go(self) -> None:
        """Close the map as `close` does, but leave it open where somebody goes on reading.

        LMDB keeps pages in memory that it wrote, and writes them again with what stood in them
        where nothing new does; with the map they are let go.
        """
        with self._lock:
            if self._idle.wait_for(lambda: not self._active, _PATIENCE_S):
                self._shut()

    def renew_if_replaced(self) -> None:
        """Close the map if other files lie at its path now (somebody made it anew)."""
        if self._env is not None and self._file != _identity(self.place.path):
            self.close()

    def renounce(self) -> None:
        """In a forked child: let go of what the parent opened, which stays open there."""
        if self._env is not None and not self._active:
            self._env.close()  # this process's copy; LMDB leaves the parent's locks and slots alone
        else:
            _inherited.append(self._env)  # a thread of the parent was reading: it is not ours
        self._opened += 1
        self._reset()

    def _shut(self) -> None:
        if self._env is not None:
            self._env.close()
        self._env, self._handles = None, {}

    def _open(self, writable: bool) -> None:
        path = self.place.path
        _refuse_network(path)
        if not writable and not (path / "data.mdb").exists():
            raise NotReady(
                "there is no map of online features", where=str(path), remedy="materialise first"
            )
        try:
            if writable:
                path.mkdir(parents=True, exist_ok=True)
            self._env = lmdb.open(
                str(path),
                map_size=int(self.place.map_gb * 2**30) if writable else 0,  # 0: as it is
                readonly=not writable,
                create=writable,
                sync=self.place.sync,
                max_dbs=_MAX_DBS,
                max_readers=_MAX_READERS,
            )
        except lmdb.Error as error:
            raise self.typed(error) from error
        self._file, self._writable = _identity(path), writable
        self._opened += 1

    def handle(self, env: lmdb.Environment, name: bytes) -> Any:
        """A database by its name, or None if nothing was ever written to it."""
        found = self._handles.get(name)
        if found is None:
            try:
                # Before the caller's transaction begins: one cannot use a handle younger than it.
                found = self._handles[name] = env.open_db(name, create=False)
            except lmdb.NotFoundError:
                return None
        return found

    def typed(self, error: lmdb.Error) -> FinmodelError:
        """What an error of LMDB's means to whoever uses the map."""
        where = str(self.place.path)
        if isinstance(error, lmdb.MapFullError):
            return NoRoom(
                f"the map is full ({self.place.map_gb:g} GiB) and nothing was written",
                where=where,
                remedy="set FINMODEL_ONLINE_MAP_GB higher and start again",
            )
        if error.code in _FULL:
            return NoRoom("the disk is full and nothing was written", where=where, remedy="free it")
        if error.code in _DENIED:
            return Refused("this user may not open the map", where=where, remedy="ask its owner")
        if isinstance(error, _BROKEN):
            return Damaged(
                f"the map is broken ({type(error).__name__})",
                where=where,
                remedy="move it away and materialise again",
            )
        return NotReady(f"LMDB says {error}", where=where, remedy="try again")


class Reading:
    """One read transaction; a class because a generator would cost more than the read."""

    __slots__ = ("_map", "_names", "_txn")

    def __init__(self, found: LmdbMap, names: tuple[bytes, ...]) -> None:
        self._map, self._names = found, names

    def __enter__(self) -> tuple[lmdb.Transaction[memoryview], list[Any]]:
        try:
            return self._begin()
        except lmdb.MapResizedError:  # another process gave the map more room
            self._map.close()
            return self.__enter__()
        except lmdb.Error as error:
            raise self._map.typed(error) from error

    def _begin(self) -> tuple[lmdb.Transaction[memoryview], list[Any]]:
        env = self._map.enter(writable=False)
        try:
            # From the last, which writers make last: with it the others are there.
            handles = [self._map.handle(env, name) for name in reversed(self._names)][::-1]
            self._txn = env.begin(buffers=True)
        except BaseException:
            self._map.leave()
            raise
        return self._txn, handles

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._txn.abort()
        self._map.leave()
        if isinstance(error, lmdb.Error):
            raise self._map.typed(error) from error


_maps: dict[Path, LmdbMap] = {}
_maps_lock = threading.Lock()
_inherited: list[Any] = []
"""Maps that were in use while this process was forked: never freed, never used."""


def open_map(place: MapPlace) -> LmdbMap:
    """This process's one map at a place; nothing is touched on the disk until it is used."""
    path = place.path.resolve()
    with _maps_lock:
        found = _maps.setdefault(path, LmdbMap(place))
    found.renew_if_replaced()
    return found


def _renounce_all() -> None:
    global _maps_lock
    _maps_lock = threading.Lock()
    for found in _maps.values():
        found.renounce()


os.register_at_fork(after_in_child=_renounce_all)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = (path / "data.mdb").stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def _refuse_network(path: Path) -> None:
    mounts = Path("/proc/mounts")
    kind = filesystem_of(path.resolve(), mounts.read_text()) if mounts.exists() else ""
    if kind.startswith(_NETWORK):
        raise BadInput(
            f"it lies on {kind}, and a memory map shared over a network breaks",
            where=str(path),
            remedy="put it on a local disk",
        )


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of the file system under an absolute path, by the text of /proc/mounts.

    >>> mounts = "/dev/a / ext4 rw 0 0\\nhost:/x /srv/on\\\\040line nfs4 rw 0 0"
    >>> filesystem_of(Path("/srv/on line/map"), mounts)
    'nfs4'
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        point = Path(line.split(" ")[1].replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), line.split(" ")[2]
    return kind
