"""The assistant's service behind real HTTP, with two agents, a supervisor and an engine of ours."""

import dataclasses
import threading
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime, timedelta

import httpx
import uvicorn

from finmodel.assistant.engines.scripted import Scripted
from finmodel.assistant.suggesting.shelf import Writer
from finmodel.settings import Settings
from serving.access import People
from serving.answering import Routes
from serving.assisting.desk import open_assist_desk
from serving.assisting.routes import ROUTES
from serving.assisting.writing import Writing
from serving.border import Border, Limits
from serving.sessions import Sessions
from serving.telemetry import Telemetry
from tests.serving.small_world import free_port, wait_until

NOW = datetime(2026, 6, 3, 2, tzinfo=UTC)
FACTS = {
    "hotline": "400-000-0000", "service_hours": "8:00-22:00", "product_name": "随借随还额度",
    "amount_due": 805260, "principal_outstanding": 800000, "due_date": "2026-06-15",
    "overdue_amount": 0, "settlement_total": 812345, "settlement_principal": 800000,
    "settlement_interest": 12345, "settlement_fee": 0, "interest_per_day": 400,
    "apr_simple": "9/50", "bank_card_tail": "4321",
}  # fmt: skip
PEOPLE = {
    "li": ("agent",), "wang": ("agent",), "zhao": ("supervisor",), "vendor": ("engineer",),
    "sun": ("analyst",),
}  # fmt: skip


BEGAN = {"li": date(2026, 4, 1)}


@dataclasses.dataclass
class AssistWorld:
    address: str
    keys: dict[str, str]
    desk: object

    def client(self, person="li"):
        headers = {"authorization": f"Bearer {self.keys[person]}"} if person else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=20)


def message(number, text, who="customer", identity="verified"):
    at = NOW - timedelta(hours=1) + timedelta(seconds=number)
    return {
        "id": f"m{number}",
        "who": who,
        "at": at.isoformat(),
        "text": text,
        "identity": identity,
    }


def brought(*messages, **more):
    return {
        "customer": "u1", "channel": "app", "scenario": "repayment", "account": "current",
        "facts": FACTS, "messages": list(messages), "consent_to_training": True,
    } | more  # fmt: skip


@contextmanager
def assist_world(home, reply=None, engine=None, **more):
    """The service over a home of its own; `reply` is what its engine writes, none for scripts.

    `more` are further settings.
    """
    settings = dataclasses.replace(
        Settings.from_env({"FINMODEL_HOME": str(home), "FINMODEL_STANDING_CLOCK": NOW.isoformat()}),
        writer="ours" if reply or engine else "",
        **more,
    )
    people = People(settings.people)
    keys = {name: people.add(name, roles, since=BEGAN.get(name)) for name, roles in PEOPLE.items()}
    writer = Writer(engine or Scripted(reply or (lambda asked: "")))
    with ExitStack() as stack:
        desk = stack.enter_context(open_assist_desk(settings, Telemetry()))
        if settings.writer:
            desk.writing.close()
            writing = Writing(settings, lambda _here, _stack: writer)
            stack.callback(writing.close)
            desk = dataclasses.replace(desk, writing=writing)
            wait_until(lambda: writing.writer is not None, 10)
        rules = [route.rule for route in ROUTES]
        sessions = stack.enter_context(closing(Sessions(settings)))
        limits = Limits(seconds=20)
        app = Border(Routes(ROUTES, desk), rules, people, desk.telemetry, limits, sessions)
        port = free_port()
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_until(lambda: server.started, 10)
        try:
            yield AssistWorld(f"http://127.0.0.1:{port}", keys, desk)
        finally:
            server.should_exit = True
            thread.join(10)
