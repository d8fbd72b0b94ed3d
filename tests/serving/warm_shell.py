"""`finmodel …` in a process of its own, forked where its libraries are loaded already.

A command's words, environment and folder come in; its exit code and what it wrote go out. It runs
`serving.cli.main` as the installed command does, and spares importing MLflow and Feast hundreds of
times, six seconds of a core each. What is left running, interrupted or on a terminal is started as
the installed command: demo_shell.
"""

import atexit
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

SECONDS = 240
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.serving.warm_libraries"])


def run(words: tuple[str, ...], environment: Mapping[str, str], cwd: Path) -> tuple[int, str, str]:
    """Run `finmodel …` to its end: exit code, standard output, standard error."""
    with tempfile.TemporaryDirectory() as aside:
        told = [Path(aside) / name for name in ("out", "err")]
        child = _FORKING.Process(target=_main, args=(words, dict(environment), cwd, told))
        child.start()
        child.join(SECONDS)
        if child.exitcode is None:
            child.kill()
            child.join()
        out, err = (one.read_text() if one.exists() else "" for one in told)
        assert child.exitcode is not None
        return child.exitcode, out, err


def _main(words: tuple[str, ...], environment: dict[str, str], cwd: Path, told: list[Path]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, place in enumerate(told, start=1):
        kept = os.open(place, os.O_WRONLY | os.O_CREAT)
        os.dup2(kept, number)
        os.close(kept)
    sys.argv = ["finmodel", *words]
    from serving.cli import main

    try:
        main()
    finally:  # multiprocessing ends a process without them
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
