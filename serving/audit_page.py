"""The addresses behind the auditor's page: acts of people, one entry, and the chain's check.

A question comes in; what the audit log holds goes out, read from its end in a thread. What is
personal of customers stays sealed: /explain tells a decision, and records each look.
"""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Final

import msgspec

from finmodel.audit_back import Page, Place, Wanted, newest, people_of
from finmodel.audit_entries import Entry, find
from finmodel.clock import CHINA, micros
from finmodel.settings import Settings
from serving.answering import Reply, Route, aside, json_of, signed_in
from serving.auditing.asked import Act, Acts, ActsRequest, ChainState, EntrySeen, Onward
from serving.border import Call, Rule
from serving.desk import Desk
from serving.openapi import Doc

AUDITORS: Final = frozenset({"auditor"})
PLAIN: Final = 6
"""So many values of an entry stand in its line."""
LONGEST: Final = 80
DIGEST: Final = re.compile("[0-9a-f]{32,}")
"""Nobody reads one; it stands in the entry itself."""
DAY_US: Final = 86_400_000_000


async def acts(call: Call, desk: Desk) -> Reply:
    """POST /audit/acts."""
    asked = json_of(call, ActsRequest)
    return Reply(msgspec.json.encode(await aside(desk, acts_of, asked, desk.settings)))


async def entry(call: Call, desk: Desk) -> Reply:
    """GET /audit/entries/{id}."""
    found = await aside(desk, find, desk.settings.audit, call.piece)
    return Reply(msgspec.json.encode(seen(found)))


async def chain(_call: Call, desk: Desk) -> Reply:
    """GET /audit/chain."""
    return Reply(msgspec.json.encode(desk.chain.state))


async def check_chain(call: Call, desk: Desk) -> Reply:
    """POST /audit/chain."""
    return Reply(msgspec.json.encode(desk.chain.begin(signed_in(call).name)))


def acts_of(asked: ActsRequest, settings: Settings) -> Acts:
    """A page of acts, the newest first."""
    since = until = None
    if asked.day is not None:
        since = micros(datetime.combine(asked.day, time(), CHINA))
        until = since + DAY_US
    before = Place(asked.before.segment, asked.before.offset) if asked.before else None
    page: Page = newest(settings.audit, Wanted(asked.person, asked.kind, since, until), before)
    onward = Onward(page.onward.segment, page.onward.offset) if page.onward else None
    return Acts(tuple(map(act, page.entries)), onward)


def act(found: Entry) -> Act:
    """An entry in short: a few plain values, without its people and without digests."""
    people = people_of(found.kind, found.body)
    plain = {
        name: value[:LONGEST] if isinstance(value, str) else value
        for name, value in found.body.items()
        if isinstance(value, str | int | float | bool)
        and value not in ("", *people)
        and not DIGEST.fullmatch(str(value))
    }
    about = dict(list(plain.items())[:PLAIN])
    return Act(found.id, found.time, found.kind, people, about, decision_of(found))


def seen(found: Entry) -> EntrySeen:
    """An entry as an auditor sees it."""
    return EntrySeen(
        id=found.id,
        at=found.time,
        kind=found.kind,
        body=found.body,
        columns=tuple(found.columns),
        personal=found.personal_state.value,
        decision=decision_of(found),
    )


def decision_of(found: Entry) -> str:
    """The decision that an act of a case, or a request for a person's look, is about."""
    if found.kind == "case_act":
        return str(found.body["about"]["decision"])
    return str(found.body["found"]) if found.kind == "human_look" else ""


ROUTES: Final = (
    Route(
        Rule("POST", "/audit/acts", AUDITORS),
        Doc("Who did what, the newest first.", ActsRequest, Acts, may=("404", "507")),
        acts,
    ),
    Route(
        Rule("GET", "/audit/entries/{entry_id}", AUDITORS),
        Doc("One entry of the log, without what is personal in it.", None, EntrySeen, may=("404",)),
        entry,
    ),
    Route(
        Rule("GET", "/audit/chain", AUDITORS, weighs=False),
        Doc("How far the check of the chain is, or how the last one ended.", None, ChainState),
        chain,
    ),
    Route(
        Rule("POST", "/audit/chain", AUDITORS),
        Doc("Check the whole chain, beside the service.", None, ChainState),
        check_chain,
    ),
)
