"""Which decisions become cases, and what is known of each without a name.

Places of the audit log come in, ids of referred decisions and what they are about go out. What is
sealed of one (whose it is, how much was applied for) is read from its entry each time. What the
points alone would have answered is computed by the version and the policy that decided then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from finmodel.audit_entries import Entry, find, id_at
from finmodel.audit_segments import MARK_NAME
from finmodel.audit_side import pieces_of, segments_of
from finmodel.audit_since import Place
from finmodel.clock import micros
from finmodel.decision_log import APPLICATION, FACTS, LAYOUT
from finmodel.errors import FinmodelError
from finmodel.manifest import require_card
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.policy.answers import Answer
from risk.underwriting.case import About, Why
from risk.underwriting.codes import Says
from serving import dossier
from serving.dossier import Past
from serving.in_force import past_policy
from serving.live import past_version
from serving.policy_record import PolicyFacts


def referred(audit: Path, new: Place, since_us: int) -> Iterator[str]:
    """Decisions of a segment, from a byte of it and a time on, that were referred to a person."""
    for piece in pieces_of(audit, new.segment, LAYOUT, only=(FACTS,)):
        codes = [code for code, body in piece.bodies.items() if body["decision"] == "refer"]
        hit = np.isin(piece.columns[FACTS], np.array(codes, np.int64))
        hit &= (piece.at >= new.at) & (piece.columns["time_us"] >= since_us)
        for at in piece.at[hit].tolist():
            yield id_at(audit, new.segment, at)


def decided(audit: Path, stand_in: int) -> Iterator[str]:
    """Decisions on an application, known by its stand-in, the latest first."""
    if not (audit / MARK_NAME).exists():
        return
    for number in reversed(segments_of(audit)):
        found: list[int] = []
        for piece in pieces_of(audit, number, LAYOUT, only=(APPLICATION,)):
            if APPLICATION in piece.columns:  # the first ones were written without it
                found += piece.at[piece.columns[APPLICATION] == stand_in].tolist()
        for at in sorted(found, reverse=True):
            yield id_at(audit, number, at)


def decision_of(settings: Settings, vault: Vault, decision: str) -> Entry:
    """A decision's entry, opened; NotFound where there is none of this id."""
    entry = find(settings.audit, decision, vault)
    dossier.read(entry)
    return entry


def about_of(entry: Entry, why: Why, settings: Settings) -> About:
    """What a case of this decision is about."""
    past = dossier.read(entry)
    facts = past.facts
    return About(
        decision=entry.id,
        at_us=micros(entry.time),
        why=why,
        model=facts.model,
        version=facts.version,
        product=facts.product,
        says=says(past, settings),
        rule=facts.rule,
        reasons=tuple(code for code, _ in facts.reasons),
        demo=facts.demo,
    )


def customer_of(entry: Entry) -> str | None:
    """Whose decision it is; None where their key was erased."""
    return None if entry.personal is None else str(entry.personal["customer_id"])


def amount_of(entry: Entry) -> int | None:
    """What was applied for, in minor units (分); None where the customer's key was erased.

    Under a policy it is part of the question that is replayed, and stays.
    """
    if entry.personal is not None:
        return int(entry.personal["amount_minor"])
    policy = dossier.read(entry).facts.policy
    return None if policy is None else int(policy.request["amount_minor"])


def says(past: Past, settings: Settings) -> Says:
    """What the points alone would answer, under the cut-offs that held then."""
    points, facts = float(past.points), past.facts
    if math.isnan(points):
        return ""
    try:
        if facts.policy is not None:
            return _by_policy(points, facts.product, facts.policy, settings)
        model = past_version(settings.exports, facts.model, facts.version, settings.signing)
    except (FinmodelError, KeyError):  # an export or a policy that is not here any more
        return ""
    own = require_card(model.manifest).policy
    answer: Answer = "approve" if points >= own.approve_points else "decline"
    return "refer" if own.refer_points <= points < own.approve_points else answer


def _by_policy(points: float, product: str, facts: PolicyFacts, settings: Settings) -> Says:
    found = past_policy(settings.policies, facts.name, facts.version, settings.signing)
    bands = found.policy.products[product].bands
    return next(one.then for one in bands if one.at_least is None or points >= one.at_least)
