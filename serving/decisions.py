"""The decision service: one BentoML service in one process, listening on the loopback address.

    bentoml serve serving.decisions:Decisions

BentoML starts, stops and supervises it; what comes in passes the border, what is answered stands
in routes. No input of BentoML's own (pickle, multipart, files by URL) can be reached. Imports of
ours stand inside: BentoML's supervisor reads this module too, and must not wait for a compiler.
"""

from __future__ import annotations

from contextlib import ExitStack

import bentoml
from starlette.types import ASGIApp

from finmodel.settings import Settings
from serving.inside import Inside, served
from serving.telemetry import Telemetry

SETTINGS = Settings.from_env()
TELEMETRY = Telemetry()
INSIDE = Inside()


def border(app: ASGIApp) -> ASGIApp:
    """The border around everything that BentoML serves, its own addresses included."""
    from serving.access import People
    from serving.border import Border, Limits
    from serving.routes import ROUTES
    from serving.sessions import Sessions

    rules = [route.rule for route in ROUTES]
    return Border(app, rules, People(SETTINGS.people), TELEMETRY, Limits(), Sessions(SETTINGS))


@bentoml.asgi_app(INSIDE, path="/")
@bentoml.service(name="decisions", **served(SETTINGS))
class Decisions:
    """Decisions on applications, scores of many customers, past decisions explained."""

    def __init__(self) -> None:
        from serving.answering import Routes
        from serving.desk import open_desk
        from serving.routes import ROUTES

        self._open = ExitStack()
        self.desk = self._open.enter_context(open_desk(SETTINGS, TELEMETRY))
        INSIDE.routes = Routes(ROUTES, self.desk)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Close what was opened, once the last request is answered."""
        INSIDE.routes = None
        self._open.close()

    async def __is_ready__(self) -> bool:
        self.desk.live.current()
        return True

    async def __is_alive__(self) -> bool:
        return self.desk.live.follows


Decisions.add_asgi_middleware(border)  # type: ignore[attr-defined] # the decorator made a Service
