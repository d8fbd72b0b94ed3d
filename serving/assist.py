"""The assistant's service: one BentoML service in one process, listening on the loopback address.

    bentoml serve serving.assist:Assist

As the decision service it is started, stopped and supervised by BentoML; what comes in passes the
border, what is answered stands in assisting/routes. Imports of ours stand inside: BentoML's
supervisor reads this module too.
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
SECONDS = 30.0
"""A reply is written within this, or given up."""
INSIDE = Inside()


def border(app: ASGIApp) -> ASGIApp:
    """The border around everything that BentoML serves, its own addresses included."""
    from serving.access import People
    from serving.assisting.routes import ROUTES
    from serving.border import Border, Limits
    from serving.sessions import Sessions

    limits = Limits(
        seconds=SECONDS,
        when_full="ask again in a second",
        when_large="bring a long conversation, or a workbook, in parts",
        when_slow="ask again; scripts alone come at once",
    )
    rules, people = [route.rule for route in ROUTES], People(SETTINGS.people)
    return Border(app, rules, people, TELEMETRY, limits, Sessions(SETTINGS))


@bentoml.asgi_app(INSIDE, path="/")
@bentoml.service(name="assist", **served(SETTINGS))
class Assist:
    """Suggestions for agents, and what agents make of them."""

    def __init__(self) -> None:
        from serving.answering import Routes
        from serving.assisting.desk import open_assist_desk
        from serving.assisting.routes import ROUTES

        self._open = ExitStack()
        self.desk = self._open.enter_context(open_assist_desk(SETTINGS, TELEMETRY))
        INSIDE.routes = Routes(ROUTES, self.desk)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Close what was opened, once the last request is answered."""
        INSIDE.routes = None
        self._open.close()


Assist.add_asgi_middleware(border)  # type: ignore[attr-defined] # the decorator made a Service
