"""The addresses of the assistant's service: what each demands, reads and answers.

A body is read, one flow is asked, the answer is written, as it comes where that is asked for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, get_args

import msgspec

from finmodel.conversation_book import Brought
from finmodel.records import ROLES
from finmodel.suggestion_worth import GroupedBy
from serving import oidc_door, page, signing_in
from serving.answering import Answering, Reply, Route, aside, json_of, signed_in
from serving.assisting import (
    completing,
    conversing,
    judging,
    looking,
    quality_routes,
    script_routes,
    suggesting,
    wrapping_up,
)
from serving.assisting.asked import (
    AssistStatus,
    Bring,
    Checked,
    CheckRequest,
    Feedback,
    Heard,
    PersonHere,
    Suggestions,
    SuggestRequest,
    View,
    Worths,
    group_of,
)
from serving.assisting.desk import AssistDesk
from serving.assisting.looking import LookAsked, LookSeen
from serving.assisting.openai_records import (
    ChatRequest,
    Completion,
    Models,
    OpenAIRefusal,
    refusal_of,
)
from serving.assisting.quality_routes import SUPERVISORS, counted_by
from serving.assisting.wrapped import DraftSeen, TicketChange, Tickets, TicketSeen, WrapUpGiven
from serving.border import Call, Rule
from serving.openapi import JSON, Doc, document
from serving.telemetry import CONTENT_TYPE

AGENTS: Final = frozenset({"agent"})
BRINGERS: Final = frozenset({"agent", "engineer", "supervisor"})
CHECKERS: Final = frozenset({"agent", "supervisor", "script_editor", "engineer"})


async def bring(call: Call, desk: AssistDesk) -> Reply:
    """POST /conversations/{id}/messages."""
    given = json_of(call, Bring)
    found = await aside(desk, conversing.bring, call.piece, given, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def lines(call: Call, desk: AssistDesk) -> Reply:
    """GET /conversations."""
    return Reply(msgspec.json.encode(await aside(desk, conversing.lines, signed_in(call), desk)))


async def view(call: Call, desk: AssistDesk) -> Reply:
    """GET /conversations/{id}."""
    found = await aside(desk, conversing.view, call.piece, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def suggest(call: Call, desk: AssistDesk) -> Reply:
    """POST /suggest: server-sent events where they are asked for, else one record."""
    asked = json_of(call, SuggestRequest)
    if suggesting.EVENTS in call.header(b"accept"):
        pieces = await suggesting.as_it_comes(asked, signed_in(call), desk)
        return Reply(pieces, suggesting.EVENTS)
    found = await aside(desk, suggesting.whole, asked, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def judge(call: Call, desk: AssistDesk) -> Reply:
    """POST /feedback."""
    given = json_of(call, Feedback)
    return Reply(
        msgspec.json.encode(await aside(desk, judging.judge, given, signed_in(call), desk))
    )


async def check(call: Call, desk: AssistDesk) -> Reply:
    """POST /check."""
    asked = json_of(call, CheckRequest)
    return Reply(
        msgspec.json.encode(await aside(desk, judging.check, asked, signed_in(call), desk))
    )


async def draft(call: Call, desk: AssistDesk) -> Reply:
    """GET /conversations/{id}/wrap-up."""
    found = await aside(desk, wrapping_up.drafted, call.piece, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def wrap_up(call: Call, desk: AssistDesk) -> Reply:
    """POST /conversations/{id}/wrap-up."""
    given = json_of(call, WrapUpGiven)
    found = await aside(desk, wrapping_up.wrap_up, call.piece, given, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def human_look(call: Call, desk: AssistDesk) -> Reply:
    """POST /conversations/{id}/human-look."""
    given = json_of(call, LookAsked)
    found = await aside(desk, looking.look_again, call.piece, given, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def tickets(call: Call, desk: AssistDesk) -> Reply:
    """GET /tickets."""
    found = await aside(desk, wrapping_up.tickets, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def ticket(call: Call, desk: AssistDesk) -> Reply:
    """POST /tickets/{id}."""
    given = json_of(call, TicketChange)
    found = await aside(desk, wrapping_up.change, call.piece, given, signed_in(call), desk)
    return Reply(msgspec.json.encode(found))


async def worth(call: Call, desk: AssistDesk) -> Reply:
    """GET /worth/{by}."""
    counted_by(call, get_args(GroupedBy))
    groups = await aside(desk, desk.suggestions.worth, call.piece, *desk.last_month())
    by: GroupedBy = msgspec.convert(call.piece, GroupedBy)
    return Reply(msgspec.json.encode(Worths(by, tuple(map(group_of, groups)))))


async def complete(call: Call, desk: AssistDesk) -> Reply:
    """POST /v1/chat/completions."""
    return await completing.complete(json_of(call, ChatRequest), desk)


async def models(_call: Call, desk: AssistDesk) -> Reply:
    """GET /v1/models."""
    return Reply(msgspec.json.encode(completing.models(desk)))


async def status(call: Call, desk: AssistDesk) -> Reply:
    """GET /status."""
    writing, who = desk.writing, call.person
    found = AssistStatus(
        ready=True,
        demo=desk.settings.demo.is_dir(),
        clock=desk.clock.now(),
        engine=writing.writer.engine.name if writing.writer else "",
        engine_state=writing.state,
        other_state=desk.other.state if desk.other else "",
        scripts=desk.shelves.state,
        clock_stands=bool(desk.settings.standing_clock),
        provider=desk.settings.provider.host,
        embed=desk.settings.embed,
        person=PersonHere(who.name, tuple(sorted(who.roles)), who.demo) if who else None,
    )
    return Reply(msgspec.json.encode(found))


async def metrics(_call: Call, desk: AssistDesk) -> Reply:
    """GET /metrics."""
    return Reply(desk.telemetry.exposition(), CONTENT_TYPE)


async def api_document(_call: Call, _desk: AssistDesk) -> Reply:
    """GET /openapi.json."""
    return Reply(_document())


async def console(call: Call, _desk: AssistDesk) -> Reply:
    """GET / and its files."""
    return Reply(*page.file(call.piece or "assist.html"))


async def quality_page(_call: Call, _desk: AssistDesk) -> Reply:
    """GET /quality: 质检."""
    return Reply(*page.file("quality.html"))


async def panel(_call: Call, desk: AssistDesk) -> Reply:
    """GET /panel: the suggestions alone, for the one page that may hold them."""
    return Reply(*page.file("panel.html"), page.held_by(desk.settings.embed))


def _open(path: str, answer: Answering | None = None) -> Route:
    return Route(Rule("GET", path, weighs=False), None, answer)


ROUTES: Final = (
    Route(
        Rule("POST", "/conversations/{id}/messages", BRINGERS),
        Doc("Bring messages of a conversation.", Bring, Brought, may=("404", "507")),
        bring,
    ),
    Route(
        Rule("GET", "/conversations", AGENTS),
        Doc("An agent's conversations.", None, conversing.Latest),
        lines,
    ),
    Route(
        Rule("GET", "/conversations/{id}", AGENTS),
        Doc("One of them, with the customer's facts.", None, View, may=("404",)),
        view,
    ),
    Route(
        Rule("POST", "/suggest", AGENTS),
        Doc(
            "Suggest what to say next.",
            SuggestRequest,
            Suggestions,
            (JSON, suggesting.EVENTS),
            may=("404", "507"),
        ),
        suggest,
    ),
    Route(
        Rule("POST", "/feedback", AGENTS),
        Doc("Judge what was suggested, and send.", Feedback, Heard, may=("404", "507")),
        judge,
    ),
    Route(
        Rule("POST", "/check", CHECKERS),
        Doc(
            "Ask the guards of a reply, or of a customer's words.",
            CheckRequest,
            Checked,
            may=("404",),
        ),
        check,
    ),
    Route(
        Rule("GET", "/conversations/{id}/wrap-up", AGENTS),
        Doc("Draft what is written down after a conversation.", None, DraftSeen, may=("404",)),
        draft,
    ),
    Route(
        Rule("POST", "/conversations/{id}/wrap-up", AGENTS),
        Doc("Write it down; a complaint opens a ticket.", WrapUpGiven, Tickets, may=("404", "507")),
        wrap_up,
    ),
    Route(
        Rule("POST", "/conversations/{id}/human-look", AGENTS),
        Doc(
            "Bring an automatic decline before a person, as the customer asks.",
            LookAsked,
            LookSeen,
            may=("403", "404", "507"),
        ),
        human_look,
    ),
    Route(
        Rule("GET", "/tickets", AGENTS | SUPERVISORS),
        Doc("What is still to be done, the first due first.", None, Tickets),
        tickets,
    ),
    Route(
        Rule("POST", "/tickets/{id}", AGENTS | SUPERVISORS),
        Doc(
            "Close a ticket, or give a complaint more time.",
            TicketChange,
            TicketSeen,
            may=("404", "507"),
        ),
        ticket,
    ),
    Route(
        Rule("GET", "/worth/{by}", SUPERVISORS),
        Doc("What suggestions were worth.", None, Worths, may=("404",)),
        worth,
    ),
    *quality_routes.ROUTES,
    *script_routes.ROUTES,
    Route(
        Rule("POST", "/v1/chat/completions", AGENTS, refused_as=refusal_of),
        Doc(
            "Complete a chat as OpenAI's route does, with the guards around the model.",
            ChatRequest,
            Completion,
            (JSON, suggesting.EVENTS),
            may=("404",),
            refusal=OpenAIRefusal,
        ),
        complete,
    ),
    Route(
        Rule("GET", "/v1/models", AGENTS, weighs=False, refused_as=refusal_of),
        Doc("What may complete a chat.", None, Models, refusal=OpenAIRefusal),
        models,
    ),
    Route(
        Rule("GET", "/status", weighs=False),
        Doc("The clock, the engine, who is signed in.", None, AssistStatus, may=("401",)),
        status,
    ),
    *signing_in.ROUTES,
    *oidc_door.ROUTES,
    Route(
        Rule("GET", "/metrics", frozenset(ROLES), weighs=False),
        Doc("Counts, in Prometheus' format.", types=("text/plain",)),
        metrics,
    ),
    _open("/openapi.json", api_document),
    _open("/", console),
    _open("/quality", quality_page),
    _open("/panel", panel),
    _open("/console/{file}", console),
    _open("/livez"),
    _open("/readyz"),
    _open("/healthz"),
)


@lru_cache(maxsize=1)
def _document() -> bytes:
    told = [(route.rule, route.doc) for route in ROUTES if route.doc is not None]
    return msgspec.json.encode(document(told, None))
