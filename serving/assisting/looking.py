"""A customer wants a person to look at an automatic decline: from the agent who hears it, on to the
underwriters.

A conversation and the number of an application come in; the case of its latest decision goes out.
Whose application it is, the sealed part of the decision says; who the customer is, whoever verified
them.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

from msgspec import Meta, Struct

from finmodel.acts import opened_log
from finmodel.audit import AuditLog
from finmodel.audit_entries import time_of
from finmodel.conversation_book import identity_of
from finmodel.errors import NotFound, Refused
from finmodel.records import Person
from finmodel.vault import Vault
from serving.assisting.conversing import own
from serving.assisting.desk import AssistDesk

if TYPE_CHECKING:
    from risk.underwriting.case import Case


class LookAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Which application is meant."""

    application_id: Annotated[str, Meta(min_length=1, max_length=64)]

    def __repr__(self) -> str:
        return "LookAsked"


class LookSeen(Struct, frozen=True):
    """The case in which a person looks."""

    decision_id: str
    decided: datetime
    product: str
    verdict: str = ""
    """Of the person who looked; empty while it waits."""


def look_again(conversation: str, asked: LookAsked, person: Person, desk: AssistDesk) -> LookSeen:
    """Bring the latest decision on an application before a person, once.

    Refused where the customer is not verified, or it was approved; NotFound where no decision on it
    is this customer's. Each look stands in the audit log, whatever it found.
    """
    one = own(conversation, person, desk)
    if identity_of(one) != "verified":
        raise Refused(
            "the customer is not verified, nothing may be asked of their application",
            where=f"conversation {one.id}",
            remedy="verify them first",
        )
    with (
        closing(Vault(desk.settings.vault)) as vault,
        opened_log(desk.settings, desk.settings.audit) as log,
    ):
        body = {"by": person.name, "conversation": one.id, "found": ""}
        try:
            case = _asked(one.customer, asked.application_id, person, _Home(desk, vault, log))
            body["found"] = case.about.decision
        finally:
            log.append("human_look", body)
    verdict = case.final.verdict if case.final is not None else ""
    return LookSeen(case.about.decision, time_of(case.about.at_us), case.about.product, verdict)


class _Home(NamedTuple):
    """Where decisions lie, opened for one look."""

    desk: AssistDesk
    vault: Vault
    log: AuditLog


def _asked(customer: str, application: str, person: Person, home: _Home) -> Case:
    # What reads decisions is imported once somebody asks: an assistant starts without it.
    from serving.underwriting.entering import customer_of, decided, decision_of
    from serving.underwriting.room import CaseRoom

    settings, vault = home.desk.settings, home.vault
    (stand_in,) = vault.stand_ins([application])
    for decision in decided(settings.audit, stand_in):
        if customer_of(decision_of(settings, vault, decision)) == customer:
            with closing(CaseRoom(settings, home.log, vault)) as room:
                return room.ask(decision, person)
    raise NotFound(
        "no decision here on an application of this number is the customer's",
        where="application_id",
        remedy="ask the customer for the number once more",
    )
