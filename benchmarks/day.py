"""A lender's people at work at once, on one small machine: `finmodel bench day --json`.

The demo lender is served as `make run` does it, scripts only. Fifty agents answer customers, each
as the page does it (it looks every 2 s, asks for suggestions, checks, sends, wraps up); five
underwriters claim and judge cases that a road of applications refers; two analysts look at the
monitoring page. Counted are `page_p95_ms`, over everything that anybody
waited for, each kind of answer by itself, and `errors`: any refusal that was not a case that
somebody else had just claimed. `--minutes` is how long (10).
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _day_people import Agent, Analyst, Applicants, Heard, Underwriter, customers
from _report import ROOT, note, print_report

from finmodel.settings import Settings
from serving.access import People
from serving.assisting.demo import home_of

AGENTS, UNDERWRITERS, ANALYSTS = 50, 5, 2
PORT = 3981
FINMODEL = str(Path(sys.executable).with_name("finmodel"))


@dataclass
class Lender:
    """The demo, serving: where, and whom it knows."""

    decisions: str
    assistant: str
    keys: dict[str, str] = field(default_factory=dict)


@contextmanager
def serving(aside: Path) -> Iterator[Lender]:
    """The demo lender with both services and a year of decisions; its people besides."""
    home = aside / "home"
    words = {"FINMODEL_HOME": str(home), "FINMODEL_PORT": str(PORT), "FINMODEL_FETCH_BASE": "0"}
    child = subprocess.Popen(
        [FINMODEL, "demo", "--history", "--assistant"],
        env=os.environ | words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        start_new_session=True,
    )
    try:
        found = _read(child)
        here = Settings.from_env({"FINMODEL_HOME": str(home)})
        found.keys |= _people(here, home_of(here))
        yield found
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.communicate(timeout=60)


def _read(child: subprocess.Popen[str]) -> Lender:
    assert child.stdout is not None
    told = []
    for line in child.stdout:
        told.append(line)
        if line.startswith("Ctrl-C"):
            at = re.findall(r"^  (page|console) +(\S+)", "".join(told), re.M)
            where = dict(at)
            return Lender(where["console"], where["page"])
    raise SystemExit("the demo ended before it served")


def _people(decisions: Settings, assistant: Settings) -> dict[str, str]:
    """Everybody who works that day, in the home of the service that they work with."""
    there, here = People(assistant.people), People(decisions.people)
    keys = {f"agent{one}": there.add(f"agent{one}", ("agent",)) for one in range(AGENTS)}
    keys["vendor"] = there.add("vendor", ("engineer",))
    for one in range(UNDERWRITERS):
        keys[f"underwriter{one}"] = here.add(f"underwriter{one}", ("underwriter",))
    for one in range(ANALYSTS):
        keys[f"analyst{one}"] = here.add(f"analyst{one}", ("analyst",))
    keys["road"] = here.add("road", ("underwriter", "engineer"))
    return keys


def measure(minutes: float) -> dict[str, Any]:
    """What everybody waited for."""
    heard, over = Heard(), threading.Event()
    with tempfile.TemporaryDirectory() as aside, serving(Path(aside)) as lender:
        talks = customers(AGENTS)
        desks = [
            *(Agent(one, lender, talks[one], heard, over) for one in range(AGENTS)),
            *(Underwriter(one, lender, heard, over) for one in range(UNDERWRITERS)),
            *(Analyst(one, lender, heard, over) for one in range(ANALYSTS)),
            Applicants(lender, heard, over),
        ]
        note(f"{len(desks)} at work for {minutes:g} minutes")
        threads = [threading.Thread(target=one.work, daemon=True) for one in desks]
        for one in threads:
            one.start()
        over.wait(minutes * 60)
        over.set()
        for one in threads:
            one.join(60)
    return figures(heard) | {"minutes": minutes}


def figures(heard: Heard) -> dict[str, Any]:
    """Percentiles over all, and of each kind of answer."""
    every = [ms for took in heard.took.values() for ms in took]
    for what, count in sorted(heard.wrong.items()):
        note(f"{count} times: {what}")
    return {
        "page_p95_ms": float(np.percentile(every, 95)),
        "page_p99_ms": float(np.percentile(every, 99)),
        "requests": len(every),
        "errors": sum(heard.wrong.values()),
        "conflicts": heard.conflicts,
        "agents": AGENTS,
        "underwriters": UNDERWRITERS,
        "analysts": ANALYSTS,
    } | {
        f"{kind}_p95_ms": float(np.percentile(took, 95))
        for kind, took in sorted(heard.took.items())
    }


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--minutes", type=float, default=10.0)
    print_report("day", measure(words.parse_args().minutes))


if __name__ == "__main__":
    main()
