"""The console: a few static files, read once when the service starts, and the script of charts.

Comes in: a file's name. Goes out: its bytes and their type. What the pages may load is said by the
border's content-security policy: nothing but these files.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path

from finmodel.errors import NotFound
from serving.border import PAGES, Headers

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
CHARTS = f"plotly-{metadata.version('plotly')}.js"
"""The script of charts, out of the package that ships it: its name changes with its version."""
KEPT_LONG: Headers = [(b"cache-control", b"public, max-age=31536000, immutable")]
_STYLES = (
    b"'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",  # of its maps, which we do not draw
    b"'unsafe-hashes' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",  # an empty one
)
WITH_CHARTS: Headers = [
    (
        b"content-security-policy",
        PAGES.replace(b"style-src 'self'", b" ".join((b"style-src 'self'", *_STYLES))),
    )
]
"""The monitoring page's policy: the two styles of its own that the script of charts sets inline,
and no other; a new version of it may need others, which the browser's console then tells."""


def held_by(origin: str) -> Headers | None:
    """What lets a page of one other origin hold ours in a frame; None lets none."""
    if not origin:
        return None
    policy = PAGES.replace(b"frame-ancestors 'none'", b"frame-ancestors " + origin.encode())
    # The older header knows no origins: the policy stands in its place wherever it is known.
    return [
        (b"content-security-policy", policy),
        (b"x-frame-options", b""),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]


def file(name: str) -> tuple[bytes, str]:
    """One file of the page; NotFound where it has no such file."""
    try:
        return FILES[name]
    except KeyError as error:
        raise NotFound("the console has no such file", where="the path", remedy="open /") from error


def chart_script(name: str) -> tuple[bytes, str]:
    """The script of charts and its type; NotFound by any other name."""
    if name != CHARTS:
        raise NotFound("there is no such file", where="the path", remedy="open /monitoring")
    return _chart_bytes(), TYPES[".js"]


@lru_cache(maxsize=1)
def _chart_bytes() -> bytes:
    # Read when it is first asked for: most services' pages are never opened.
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_bytes()
