"""What lies behind a service's border, and how BentoML serves it: the same for each of ours.

Comes in: a call that passed the border. Goes on: to the routes, from when the worker is open until
it closes. Imports nothing that takes long: BentoML's supervisor reads this too.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from finmodel.errors import NotReady
from finmodel.settings import Settings


class Inside:
    """The routes, once there are some."""

    def __init__(self) -> None:
        self.routes: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a call on."""
        if self.routes is None:
            raise NotReady("the service is not open", where="the service", remedy="ask again")
        await self.routes(scope, receive, send)


def served(settings: Settings) -> dict[str, Any]:
    """How BentoML serves one of ours: one worker, and none of BentoML's own logs and counts."""
    return _ALIKE | {"http": {"host": settings.host, "port": settings.port}}


_ALIKE: Final[dict[str, Any]] = {
    "workers": 1,
    "traffic": {"timeout": 60},  # the border's limit is the one that counts; this is behind it
    "metrics": {"enabled": False},  # its labels are raw paths, without a bound; see telemetry
    "logging": {"access": {"enabled": False}},  # it writes raw paths; the border logs refusals
    "tracing": {"excluded_urls": ".*"},
}
