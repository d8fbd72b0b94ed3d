"""People at their desks, as clients: what each asks, how often, and what they waited for.

A lender's addresses and keys come in, milliseconds and refusals go into `Heard`. Each works in a
thread of its own until told that the day is over.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import httpx
import msgspec

from finmodel.conversations import Conversation
from finmodel.lender.talk.conversations import write

LOOK_S = 2.0
"""The agent's page looks for news so often."""
THINK_S = (4.0, 12.0)
"""An agent reads and types for so long."""
SEED = 1_008
MONITORED = {"question": {"model": "behaviour_risk"}}


class Place(Protocol):
    """Where a lender serves, and the keys of its people."""

    decisions: str
    assistant: str
    keys: dict[str, str]


@dataclass
class Heard:
    """Everybody's answers. Safe for threads."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    conflicts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, kind: str, ms: float, wrong: str = "") -> None:
        """One answer, or what went wrong with it."""
        with self.lock:
            self.took[kind].append(ms)
            if wrong:
                self.wrong[f"{kind}: {wrong}"] += 1

    def conflict(self) -> None:
        """Somebody else was quicker."""
        with self.lock:
            self.conflicts += 1


@dataclass
class Desk:
    """A connection that is listened to."""

    address: str
    key: str
    heard: Heard
    over: threading.Event

    def __post_init__(self) -> None:
        headers = {"authorization": f"Bearer {self.key}"}
        self.client = httpx.Client(base_url=self.address, headers=headers, timeout=60)

    def ask(self, kind: str, method: str, path: str, body: Any = None, may: int = 0) -> Any:
        """An answer's JSON; None where it was refused. `may` is a status that is no error."""
        begun = time.perf_counter()
        try:
            answer = self.client.request(method, path, json=body)
        except httpx.HTTPError as error:
            self.heard.answer(kind, (time.perf_counter() - begun) * 1e3, type(error).__name__)
            return None
        wrong = answer.status_code >= 400 and answer.status_code != may
        what = f"{answer.status_code} {answer.text[:200]}" if wrong else ""
        self.heard.answer(kind, (time.perf_counter() - begun) * 1e3, what)
        return answer.json() if answer.status_code < 400 else None

    def pause(self, low: float, high: float) -> None:
        """A while, unless the day is over."""
        self.over.wait(random.uniform(low, high))


def customers(count: int) -> list[list[Conversation]]:
    """Held-out conversations, dealt out to so many agents."""
    found = [one.conversation for one in write(3_000, SEED) if one.conversation.split == "test"]
    return [found[one::count] for one in range(count)]


class Agent:
    """Somebody who answers one customer after the other."""

    def __init__(
        self,
        number: int,
        lender: Place,
        talks: Sequence[Conversation],
        heard: Heard,
        over: threading.Event,
    ) -> None:
        self.name, self.talks, self.over = f"agent{number}", talks, over
        self.desk = Desk(lender.assistant, lender.keys[self.name], heard, over)
        self.vendor = Desk(lender.assistant, lender.keys["vendor"], heard, over)
        self.day = 0

    def work(self) -> None:
        """Until the day is over."""
        self.desk.pause(0, 10)  # nobody begins in the same second
        while not self.over.is_set():
            for number, one in enumerate(self.talks):
                self.serve(one, f"{self.name}-{self.day}-{number}")
                if self.over.is_set():
                    return
            self.day += 1

    def serve(self, one: Conversation, name: str) -> None:
        """A customer's first words, a reply, and what is written down."""
        asked = [m for m in one.messages if m.who == "customer"][:1]
        status = self.desk.ask("status", "GET", "/status")
        if status is None:
            return
        now = datetime.fromisoformat(status["clock"])
        said = [msgspec.structs.replace(m, at=now, intent="", family="") for m in asked]
        given = {
            "customer": f"{name} {one.customer}",
            "channel": one.channel,
            "scenario": one.scenario,
            "account": one.account,
            "facts": one.facts,
            "agent": self.name,
            "messages": msgspec.to_builtins(said),
        }
        self.vendor.ask("bring", "POST", f"/conversations/{name}/messages", given)
        self.look(name)
        offered = self.desk.ask("suggest", "POST", "/suggest", {"conversation": name})
        until = time.monotonic() + random.uniform(*THINK_S)
        while time.monotonic() < until and not self.over.is_set():
            self.look(name)
            self.desk.pause(LOOK_S, LOOK_S)
        if offered is None or self.over.is_set():
            return
        place = 1 if offered["suggestions"] else 0
        text = offered["suggestions"][0]["text"] if place else "您好，请稍等，我为您核对。"
        self.desk.ask("check", "POST", "/check", {"text": text, "conversation": name})
        sent = {"shown": offered["shown"], "place": place, "text": text, "seconds": 5.0}
        self.desk.ask("send", "POST", "/feedback", sent)
        self.wrap_up(name)

    def look(self, name: str) -> None:
        """As the page does it every two seconds."""
        self.desk.ask("look", "GET", "/conversations")
        self.desk.ask("look", "GET", f"/conversations/{name}")

    def wrap_up(self, name: str) -> None:
        """What is drafted is kept as it stands."""
        drafted = self.desk.ask("wrap_up", "GET", f"/conversations/{name}/wrap-up")
        if drafted is None:
            return
        kept = {
            "category": drafted["category"],
            "intents": [intent["name"] for intent in drafted["intents"]],
            "text": drafted["text"],
        }
        self.desk.ask("wrap_up", "POST", f"/conversations/{name}/wrap-up", kept)
        self.desk.ask("tickets", "GET", "/tickets")


class Underwriter:
    """Somebody who claims a case, reads it and says yes or no."""

    def __init__(self, number: int, lender: Place, heard: Heard, over: threading.Event) -> None:
        self.desk = Desk(lender.decisions, lender.keys[f"underwriter{number}"], heard, over)
        self.heard, self.over, self.name = heard, over, f"underwriter{number}"

    def work(self) -> None:
        """Until the day is over."""
        while not self.over.is_set():
            self.desk.pause(2, 6)
            queue = self.desk.ask("cases", "GET", "/cases")
            mine = self.mine(queue["cases"]) if queue else None
            if mine is None:
                continue
            case = mine["decision_id"]
            claimed = self.desk.ask("claim", "POST", "/cases/claim", {"decision_id": case}, may=403)
            if claimed is None:
                self.heard.conflict()
                continue
            told = self.desk.ask("case", "GET", f"/cases/{case}")
            self.desk.pause(5, 15)
            if told is not None and not self.over.is_set():
                said = {
                    "decision_id": case,
                    "verdict": "decline",
                    "code": told["decline"][0]["code"],
                }
                self.desk.ask("verdict", "POST", "/cases/verdict", said)

    def mine(self, cases: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
        """One that nobody has, and of which this one did not give the first verdict."""
        free = [c for c in cases if not c["claimed_by"] and c["first_by"] != self.name]
        return random.choice(free) if free else None


class Analyst:
    """Somebody who watches the champion."""

    def __init__(self, number: int, lender: Place, heard: Heard, over: threading.Event) -> None:
        self.desk = Desk(lender.decisions, lender.keys[f"analyst{number}"], heard, over)
        self.over = over

    def work(self) -> None:
        """Until the day is over."""
        while not self.over.is_set():
            self.desk.ask("choices", "GET", "/monitor/choices")
            self.desk.ask("monitor", "POST", "/monitor", MONITORED)
            self.desk.pause(5, 15)


class Applicants:
    """The road that asks for decisions, one or two a second."""

    def __init__(self, lender: Place, heard: Heard, over: threading.Event) -> None:
        self.desk = Desk(lender.decisions, lender.keys["road"], heard, over)
        self.over = over

    def work(self) -> None:
        """Until the day is over."""
        number = 0
        while not self.over.is_set():
            number += 1
            asked = {
                "application_id": f"day-{number}",
                "customer_id": random.randrange(1, 30_000),
                "amount_minor": random.randrange(100_000, 3_000_000, 1_000),
                "term_months": 12,
                "product": "cash_loan",
                "channel": "app",
            }
            told = self.desk.ask("decide", "POST", "/decide", asked)
            if told is not None and told["decision"] == "decline" and random.random() < 0.1:
                wanted = {"decision_id": told["decision_id"]}
                self.desk.ask("ask", "POST", "/cases", wanted)
            self.desk.pause(0.5, 1.0)
