"""The assistant's demo: simulated customers of unseen phrasings whose last words wait for a reply.

Settings come in; a home of its own, with an agent's and a supervisor's key, goes out, and what is
to be served. Set up again it keeps what was said and sent there. A real base is brought beside, and
the shipped adapter laid over it, unless that is not wanted; until it is here scripts answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from rich.console import Console

from finmodel.arrival import Arrival, expected
from finmodel.assistant.scripts import Scripts, load_scripts
from finmodel.clock import Clock, parse_time
from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Conversation
from finmodel.durable import make_file_once, replace_file
from finmodel.event_broker import EventBroker
from finmodel.finding_book import FindingBook
from finmodel.lender.talk.conversations import write
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.access import People
from serving.assisting.campaigned import Campaigned
from serving.assisting.demo_findings import COLLEAGUE, judged_in_the_demo
from serving.assisting.examining import of_brought
from serving.assisting.signed_writers import CHAMPION
from serving.launch import ASSIST, Helper, Run

NOW: Final = "2026-06-03T20:00:00+08:00"
AGENT: Final = "demo agent"
PEOPLE: Final = {AGENT: ("agent",), "demo supervisor": ("supervisor",)}
WAITING: Final = 12
"""Customers at first."""
BASE: Final = "qwen2.5-coder-1.5b"
"""What writes where nobody names another writer."""
NEEDED: Final = ("torch", "safetensors", "tokenizers", "xllamacpp")
"""Without these no base can be unpacked, read or asked."""
_FROM, _DAYS, _SEED, _MOST = date(2026, 6, 2), 2, 8, 600


class _Filling(NamedTuple):
    """A home's books while its conversations are brought."""

    conversations: ConversationBook
    findings: FindingBook
    scripts: Scripts
    campaigned: Campaigned
    clock: Clock


def home_of(settings: Settings) -> Settings:
    """The demo's own home and clock, beside those of the other demos."""
    home = settings.home.with_name(f"{settings.home.name}-assistant")
    clock = settings.standing_clock or NOW
    # What is registered and told here is the demo's own: no registry and no Kafka of the lender's
    # may hear of it.
    alone = replace(settings, mlflow_tracking_uri="", kafka=EventBroker())
    return replace(alone, home=home, standing_clock=clock)


def served_beside(
    here: Settings, last: str = "", *, shelf: Path | None = None
) -> tuple[Run, tuple[Helper, ...]]:
    """The demo's service, and who brings its base; `last` is said at the end of what it says.

    A base that another shelf has is not brought twice.
    """
    keys = prepare(here)
    if shelf is not None and (known := shelf / f"{BASE}.json").is_file():
        here.bases.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_file_once(here.bases / known.name, known.read_bytes())  # it says where the base lies
    here, helpers = _with_writer(here)
    told = _writer_told(here, bool(helpers))
    return Run(here, lambda _trouble: _announce(here, keys, (told, last)), ASSIST), helpers


def _with_writer(here: Settings) -> tuple[Settings, tuple[Helper, ...]]:
    """Who writes: whoever is named, or the base that is here or brought now."""
    here.arrival.unlink(missing_ok=True)
    if here.writer or not _can_write():
        return here, ()
    from fine_tune.bases.shelf import shelved
    from serving.assisting.demo_adapter import lay_shipped

    writes = replace(here, writer=f"{BASE}{CHAMPION}")
    is_here = any(one.name == BASE for one in shelved(here.bases))
    if not (is_here or here.fetch_base):
        return here, ()
    lay_shipped(here)
    if is_here:
        return writes, ()
    return writes, (
        Helper(
            here,
            ("base", "get", BASE, "--tell", str(here.arrival)),
            "base.log",
            lambda pid: expected(here.arrival, Arrival(BASE, pid)),
        ),
    )


def _can_write() -> bool:
    """Whether what a base is read and written with is installed: the extra `tune`."""
    return all(find_spec(name) for name in NEEDED)


def _writer_told(here: Settings, coming: bool) -> str:
    if coming:
        return (
            f"scripts now; {BASE} is fetched beside (1.1 GB; 6 GB of disk and 10 of memory to "
            "unpack it) and writes with the shipped adapter; the page shows how it stands; "
            "FINMODEL_FETCH_BASE=0 leaves it out"
        )
    if not (here.writer or _can_write()):
        return f"scripts alone: {', '.join(NEEDED)} are not installed (pip install finmodel[tune])"
    return here.writer or "scripts alone: name a writer in FINMODEL_WRITER (docs/agents_page.md)"


def _announce(here: Settings, keys: dict[str, str], told: tuple[str, str]) -> None:
    screen = Console(highlight=False, soft_wrap=True)
    screen.print(f"\n[bold]Customers are waiting[/] (the clock stands at {here.standing_clock})")
    screen.print(f"  page        http://{here.host}:{here.port}")
    for name, key in keys.items():
        screen.print(f"  {name:<11} {key}")
    screen.print(f"  writes      {told[0]}", markup=False)
    if told[1]:
        screen.print(told[1])


def prepare(here: Settings) -> dict[str, str]:
    """People and conversations, each once; the keys, by name."""
    here.make_home()
    here.demo.mkdir(exist_ok=True)
    keys = here.demo / "keys.json"
    if not keys.is_file():
        made = People(here.people).add_demo(PEOPLE)
        with ExitStack() as stack:
            vault = stack.enter_context(closing(Vault(here.vault)))
            book = stack.enter_context(closing(ConversationBook(here.conversations, vault)))
            campaigned = stack.enter_context(closing(Campaigned(here, vault)))
            findings = FindingBook(book, vault)
            filling = _Filling(book, findings, load_scripts(), campaigned, here.clock)
            for one in waiting(here):
                _bring(one, AGENT, filling)
            for one in judged_in_the_demo(here.clock.now()):
                _bring(one, COLLEAGUE, filling)
        replace_file(keys, msgspec.json.encode(made))
    return msgspec.json.decode(keys.read_bytes(), type=dict[str, str])


def waiting(here: Settings) -> Iterator[Conversation]:
    """Conversations of the test split, each up to its customer's last words before now."""
    now, found = parse_time(here.standing_clock), 0
    for written in write(_MOST, _SEED, _FROM, _DAYS):
        one = written.conversation
        last = max((n for n, m in enumerate(one.messages) if m.who == "customer"), default=-1)
        if one.split != "test" or last < 0 or one.messages[last].at > now:
            continue
        yield msgspec.structs.replace(one, messages=one.messages[: last + 1])
        found += 1
        if found == WAITING:
            return


def _bring(one: Conversation, agent: str, filling: _Filling) -> None:
    # What the simulator knows of a turn, an agent's page does not.
    said = [msgspec.structs.replace(message, intent="", family="") for message in one.messages]
    opened = Opened.of(one, agent)
    filling.conversations.take(opened, said, of_brought(opened, said, filling))
