"""`finmodel bench NAME`: runs one file of benchmarks/ in a process of its own.

The benches measure a checkout (they need the servers that `make test` brings), so they are not part
of the installed packages.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from finmodel.errors import NotFound, NotReady
from serving.operators import Json

ITS_OWN_WORDS: Final = {"allow_extra_args": True, "ignore_unknown_options": True}

FILES = {"marketing": "bank_calls"}
"""Files of benches that are called as a package is: Python would find the file in its place."""
FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which bench: a file of benchmarks/.")],
    json: Json = False,
) -> None:
    """Measure what a figure in the README claims, with its peer, in this run on this machine.

    Further words are the bench's own, as in: finmodel bench lora --base 1.5b
    """
    raise typer.Exit(run_bench(name, json, context.args))


def run_bench(name: str, as_json: bool, words: Sequence[str] = ()) -> int:
    """Run `benchmarks/NAME.py` with words of its own, and give back its exit code."""
    if not FOLDER.is_dir():
        raise NotReady(
            "benches run from a checkout", where=str(FOLDER), remedy="clone the repository"
        )
    script = FOLDER / f"{FILES.get(name, name)}.py"
    if not script.is_file():
        called = {file: bench for bench, file in FILES.items()}
        stems = (path.stem for path in FOLDER.glob("[!_]*.py"))
        known = ", ".join(sorted(called.get(stem, stem) for stem in stems))
        raise NotFound("no such bench", where=name, remedy=f"choose one of: {known}")
    flags = ["--json"] if as_json else []
    return subprocess.run([sys.executable, str(script), *flags, *words], check=False).returncode
