"""The console: a few static files, read once when the service starts.

Comes in: a file's name. Goes out: its bytes and their type. What the page may load is said by the
border's content-security policy: nothing but these files.
"""

from __future__ import annotations

from pathlib import Path

from finmodel.errors import NotFound

FOLDER = Path(__file__).parent / "console"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def load(folder: Path = FOLDER) -> dict[str, tuple[bytes, str]]:
    """Each file's bytes and type, by its name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in TYPES)
    return {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in paths}


FILES = load()


def file(name: str) -> tuple[bytes, str]:
    """One file of the page; NotFound where it has no such file."""
    try:
        return FILES[name]
    except KeyError as error:
        raise NotFound("the console has no such file", where="the path", remedy="open /") from error
