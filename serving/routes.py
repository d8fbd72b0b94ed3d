"""The addresses of the service: what each demands, reads and answers.

Comes in: a call that passed the border. Goes out: bytes and their type. Each function here reads a
body, asks one flow, and writes the answer; what is decided is decided elsewhere.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from finmodel.records import ROLES
from serving import (
    audit_page,
    bulk,
    campaign_page,
    flows,
    monitoring_page,
    offer_routes,
    oidc_door,
    page,
    signing_in,
    telemetry,
    underwriting_page,
)
from serving.answering import Answering, Reply, Route, aside, json_of, signed_in
from serving.border import Call, Rule
from serving.desk import Desk
from serving.explain import explain
from serving.openapi import JSON, Doc, document
from serving.road.routes import ROUTES as ROAD
from serving.schemas import (
    Application,
    Decision,
    Explanation,
    IdType,
    ScoreRequest,
    Scores,
    Status,
)
from serving.status import model_card, status_of

ARROW = "application/vnd.apache.arrow.stream"
TEXT = "text/plain"
ANYONE = frozenset(ROLES)
ASKERS = frozenset({"underwriter"})
"""Who may have a decision made; a system that asks has the key of an account with this role."""
SCORERS = frozenset({"underwriter", "analyst", "engineer"})
READERS = frozenset({"underwriter", "validator", "auditor", "analyst", "engineer"})


async def decide(call: Call, desk: Desk) -> Reply:
    """POST /decide."""
    application = json_of(call, Application)
    return Reply(msgspec.json.encode(await flows.decide(application, signed_in(call), desk)))


async def score(call: Call, desk: Desk) -> Reply:
    """POST /score: JSON, or an Arrow stream where that is asked for."""
    ids = json_of(call, ScoreRequest).customer_ids
    scored = await bulk.score(ids, signed_in(call), desk)
    if ARROW in call.header(b"accept"):
        # Its first use imports pyarrow, which takes longer than others should wait.
        return Reply(await aside(desk, bulk.as_arrow, scored), ARROW)
    return Reply(bulk.as_json(scored))


async def explained(call: Call, desk: Desk) -> Reply:
    """GET /explain/{decision_id}."""
    return Reply(msgspec.json.encode(await explain(call.piece, signed_in(call), desk)))


async def status(call: Call, desk: Desk) -> Reply:
    """GET /status."""
    return Reply(msgspec.json.encode(status_of(call.person, desk)))


async def echo(_call: Call, _desk: Desk) -> Reply:
    """POST /echo: nothing, through the whole border. What a call costs before it does anything."""
    return Reply(b"{}")


async def metrics(_call: Call, desk: Desk) -> Reply:
    """GET /metrics."""
    return Reply(desk.telemetry.exposition(), telemetry.CONTENT_TYPE)


async def api_document(_call: Call, desk: Desk) -> Reply:
    """GET /openapi.json."""
    model = desk.live.serving
    return Reply(_document(model_card(model).customer_id_type if model is not None else None))


async def console(call: Call, _desk: Desk) -> Reply:
    """GET / and its files."""
    return Reply(*page.file(call.piece or "index.html"))


async def monitoring(_call: Call, _desk: Desk) -> Reply:
    """GET /monitoring."""
    return Reply(*page.file("monitoring.html"), page.WITH_CHARTS)


async def marketing(_call: Call, _desk: Desk) -> Reply:
    """GET /marketing."""
    return Reply(*page.file("marketing.html"), page.WITH_CHARTS)


async def underwriting(_call: Call, _desk: Desk) -> Reply:
    """GET /underwriting."""
    return Reply(*page.file("underwriting.html"))


async def audit(_call: Call, _desk: Desk) -> Reply:
    """GET /audit."""
    return Reply(*page.file("audit.html"))


async def charts(call: Call, desk: Desk) -> Reply:
    """GET /assets/{file}: the script of charts."""
    script, kind = await aside(desk, page.chart_script, call.piece)
    return Reply(script, kind, page.KEPT_LONG)


def _open(path: str, answer: Answering | None = None) -> Route:
    return Route(Rule("GET", path, weighs=False), None, answer)


ROUTES = (
    Route(
        Rule("POST", "/decide", ASKERS),
        Doc("Decide one application.", Application, Decision, may=("404", "507")),
        decide,
    ),
    Route(
        Rule("POST", "/score", SCORERS),
        Doc("Score many customers.", ScoreRequest, Scores, (JSON, ARROW), may=("507",)),
        score,
    ),
    Route(
        Rule("GET", "/explain/{decision_id}", READERS),
        Doc("Show a past decision and compute it again.", None, Explanation, may=("404", "507")),
        explained,
    ),
    Route(
        Rule("GET", "/status", weighs=False),
        Doc("The clock, the model, who is signed in.", None, Status, may=("401",)),
        status,
    ),
    Route(Rule("POST", "/echo", ANYONE), Doc("Nothing, through the whole border."), echo),
    Route(
        Rule("GET", "/metrics", ANYONE, weighs=False),
        Doc("Counts, in Prometheus' format.", types=(TEXT,)),
        metrics,
    ),
    *signing_in.ROUTES,
    *oidc_door.ROUTES,
    *monitoring_page.ROUTES,
    *offer_routes.ROUTES,
    *campaign_page.ROUTES,
    *underwriting_page.ROUTES,
    *ROAD,
    *audit_page.ROUTES,
    _open("/openapi.json", api_document),
    _open("/", console),
    _open("/monitoring", monitoring),
    _open("/marketing", marketing),
    _open("/underwriting", underwriting),
    _open("/audit", audit),
    _open("/assets/{file}", charts),
    _open("/console/{file}", console),
    _open("/livez"),
    _open("/readyz"),
    _open("/healthz"),
)


@lru_cache(maxsize=3)
def _document(id_type: IdType | None) -> bytes:
    told = [(route.rule, route.doc) for route in ROUTES if route.doc is not None]
    return msgspec.json.encode(document(told, id_type))
