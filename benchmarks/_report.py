"""What every bench prints: its name, the machine, the commit, and its figures."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def machine() -> str:
    """The processor, its cores and the memory, as the operating system names them.

    >>> "cores" in machine()
    True
    """
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB"


def commit() -> str:
    """The checkout's commit; with '+' where files differ from it; 'none' outside a checkout."""
    head = _git("rev-parse", "--short", "HEAD")
    if not head:
        return "none"
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def print_report(
    name: str, figures: Mapping[str, float | int | str | None], **more: object
) -> None:
    """Print one JSON object on standard output; `more` is what is not a figure."""
    told = {"name": name, "machine": machine(), "commit": commit(), "figures": dict(figures)}
    json.dump(told | more, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def note(text: str) -> None:
    """Say on standard error what is being measured now."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
