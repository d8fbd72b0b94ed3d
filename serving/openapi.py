"""The OpenAPI document, made from the routes and the records that they read and write.

Comes in: rules and what is said of each. Goes out: one document that is true of this service, down
to the type that the served model's customer ids have. Written by hand nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from serving.border import Rule
from serving.refusals import Refusal
from serving.schemas import BUREAU, IdType

JSON = "application/json"
REFUSALS = {
    "401": "No key, or a key that is nobody's.",
    "403": "The person has none of the roles that this needs.",
    "404": "What was named does not exist.",
    "413": "The body is larger than its limit.",
    "415": "The body is of a type that is not read here.",
    "422": "The body is wrong; the refusal says where.",
    "503": "Not ready or too busy: try again later.",
    "504": "There was no answer within the time limit.",
    "507": "The disk is full; nothing was half-written.",
}


@dataclass(frozen=True, slots=True)
class Doc:
    """What is said of one route."""

    summary: str
    takes: type | None = None
    gives: type | None = None
    types: tuple[str, ...] = (JSON,)
    may: tuple[str, ...] = ()
    """Refusals of its own, beside those that follow from its rule."""
    refusal: type = Refusal
    """The form of its refusals."""


def document(routes: Iterable[tuple[Rule, Doc]], id_type: IdType | None) -> dict[str, Any]:
    """The document; `id_type` is that of the served model's customers, None without a model."""
    told = list(routes)
    kinds = (kind for _, doc in told for kind in (doc.takes, doc.gives, doc.refusal))
    records = list(dict.fromkeys(kind for kind in kinds if kind is not None))
    _, schemas = msgspec.json.schema_components(records, ref_template="#/components/schemas/{name}")
    if "Application" in schemas:
        schemas["Application"]["dependentRequired"] = {
            name: ["bureau_query_id", "bureau_consent_id"] for name in BUREAU
        }
    if id_type is not None:
        _narrow(schemas, id_type)
    paths: dict[str, dict[str, Any]] = {}
    for rule, doc in told:
        paths.setdefault(rule.path, {})[rule.method.lower()] = _operation(rule, doc)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "finmodel decisions",
            "version": "1",
            "description": "Decisions on applications, scores of many customers, and past "
            "decisions explained. Send Authorization: Bearer fm_… with the key of a person.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "finmodel_session"},
            },
        },
    }


def _operation(rule: Rule, doc: Doc) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": doc.summary,
        "responses": {"200": _success(doc)}
        | {status: _refusal(status, doc.refusal) for status in sorted(_statuses(rule, doc))},
        "security": [{"key": []}, {"session": []}] if rule.roles is not None else [],
    }
    if rule.roles is not None:
        operation["description"] = f"Roles: {', '.join(sorted(rule.roles))}."
    if doc.takes is not None:
        content = {JSON: {"schema": _reference(doc.takes)}}
        operation["requestBody"] = {"required": True, "content": content}
    if "{" in rule.path:
        name = rule.path.partition("{")[2].rstrip("}")
        where = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        operation["parameters"] = [where]
    return operation


def _statuses(rule: Rule, doc: Doc) -> set[str]:
    statuses = set(doc.may)
    if rule.roles is not None:
        statuses |= {"401", "403"}
    if doc.takes is not None:
        statuses |= {"413", "415", "422"}
    if rule.weighs:
        statuses |= {"413", "503", "504"}
    return statuses


def _success(doc: Doc) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {} for kind in doc.types}
    if doc.gives is not None:
        content[JSON] = {"schema": _reference(doc.gives)}
    return {"description": "The answer.", "content": content}


def _refusal(status: str, form: type) -> dict[str, Any]:
    schema = {"schema": _reference(form)}
    return {"description": REFUSALS[status], "content": {JSON: schema}}


def _reference(kind: type) -> Mapping[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _narrow(schemas: dict[str, Any], id_type: IdType) -> None:
    """Leave of the two types of customer ids the one that the served model's customers have."""
    places = (
        schemas["Application"]["properties"],
        schemas["ScoreRequest"]["properties"]["customer_ids"],
    )
    for place, name in zip(places, ("customer_id", "items"), strict=True):
        place[name] = next(one for one in place[name]["anyOf"] if one["type"] == id_type)
