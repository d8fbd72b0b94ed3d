"""The addresses behind the page of the road: its figures, and one letter replayed.

A call of an engineer comes in; figures, or what became of a letter, go out. What is looked at and
how it is judged is known elsewhere.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from serving import page
from serving.answering import Reply, Route, aside, json_of, signed_in
from serving.border import Call, Rule
from serving.desk import Desk
from serving.openapi import Doc
from serving.road.figures import Road, road
from serving.road.letters import ENGINEERS, Replayed
from serving.road.looking import replay_here


class ReplayRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which letter."""

    letter: Annotated[str, Meta(pattern="^d-[0-9a-f]{20}$")]


async def shown(_call: Call, _desk: Desk) -> Reply:
    """GET /road."""
    return Reply(*page.file("road.html"))


async def figures(_call: Call, desk: Desk) -> Reply:
    """GET /road/figures."""
    return Reply(msgspec.json.encode(await aside(desk, road, desk)))


async def replayed(call: Call, desk: Desk) -> Reply:
    """POST /road/replay."""
    asked, person = json_of(call, ReplayRequest), signed_in(call)
    done = await aside(desk, replay_here, desk.settings, asked.letter, person, desk.audit.append)
    return Reply(msgspec.json.encode(done))


ROUTES: Final = (
    Route(
        Rule("GET", "/road/figures", ENGINEERS),
        Doc("Lag, dead letters, ages, models and the bill.", None, Road),
        figures,
    ),
    Route(
        Rule("POST", "/road/replay", ENGINEERS),
        Doc(
            "Read a dead letter again, and put its event into the log once.",
            ReplayRequest,
            Replayed,
            may=("404", "507"),
        ),
        replayed,
    ),
    Route(Rule("GET", "/road", weighs=False), None, shown),
)
