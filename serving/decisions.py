"""The decision service: one BentoML service in one process, listening on the loopback address.

    bentoml serve serving.decisions:Decisions

BentoML starts, stops and supervises it; what comes in passes the border, what is answered stands
in routes. No input of BentoML's own (pickle, multipart, files by URL) can be reached.
"""

from __future__ import annotations

from contextlib import ExitStack

import bentoml

from finmodel.settings import Settings
from serving.access import People
from serving.border import Border, Limits
from serving.desk import open_desk
from serving.routes import ROUTES, Routes
from serving.telemetry import Telemetry

SETTINGS = Settings.from_env()
TELEMETRY = Telemetry()
APP = Routes()


@bentoml.asgi_app(APP, path="/")
@bentoml.service(
    name="decisions",
    workers=1,
    http={"host": SETTINGS.host, "port": SETTINGS.port},
    traffic={"timeout": 60},  # the border's limit is the one that counts; this is behind it
    metrics={"enabled": False},  # its labels are raw paths, without a bound; see telemetry
    logging={"access": {"enabled": False}},  # it writes raw paths; the border logs refusals
    tracing={"excluded_urls": ".*"},
)
class Decisions:
    """Decisions on applications, scores of many customers, past decisions explained."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._desk = self._open.enter_context(open_desk(SETTINGS, TELEMETRY))
        APP.desk = self._desk

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Close what was opened, once the last request is answered."""
        APP.desk = None
        self._open.close()

    async def __is_ready__(self) -> bool:
        self._desk.live.current()
        return True

    async def __is_alive__(self) -> bool:
        return self._desk.live.follows


Decisions.add_asgi_middleware(  # type: ignore[attr-defined] # the decorator makes it a Service
    Border,
    rules=[route.rule for route in ROUTES],
    people=People(SETTINGS.people),
    telemetry=TELEMETRY,
    limits=Limits(),
)
