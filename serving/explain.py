"""A past decision for people: its record, what it rests on, and whether it comes out the same.

Comes in: a decision's id and who asks. Goes out: an explanation. Personal data is in it only for
those whose work needs it, and each such look is itself recorded.
"""

from __future__ import annotations

import asyncio

import numpy as np
from msgspec import UNSET

from finmodel.audit import Entry, find
from finmodel.errors import NotFound
from finmodel.imported_files import MARK
from finmodel.records import Person
from finmodel.settings import Settings
from risk.scaling import priced
from serving import dossier
from serving.desk import Desk
from serving.dossier import Past
from serving.flows import replay
from serving.in_force import past_policy
from serving.live import Served
from serving.no_model import decider_then
from serving.policy_record import policy_seen
from serving.schemas import (
    STATES,
    Explanation,
    FeatureSeen,
    PolicySeen,
    ReasonGiven,
    ViewSeen,
    finite,
    model_name,
)

SEE_PERSONAL = frozenset({"underwriter", "auditor"})


async def explain(decision_id: str, person: Person, desk: Desk) -> Explanation:
    """All that the audit log holds of a decision, and the decision computed again."""
    if decision_id.startswith(MARK):
        raise NotFound(
            "it was decided elsewhere and imported, so that nothing here says how",
            where=decision_id[:40],
            remedy="look at that row of the lender's file: finmodel decisions list",
        )
    vault = desk.vault if person.roles & SEE_PERSONAL else None
    entry = await asyncio.to_thread(find, desk.settings.audit, decision_id, vault)
    explained = await asyncio.to_thread(explanation, entry, desk)
    if entry.personal is not None:
        looked = {"entry": entry.id, "actor": person.name, "actor_roles": sorted(person.roles)}
        await desk.audit.append_async("personal_data_shown", looked)
    return explained


def explanation(entry: Entry, desk: Desk) -> Explanation:
    """A decision's entry, told by the export of the version that decided."""
    past = dossier.read(entry)
    facts, settings = past.facts, desk.settings
    model = decider_then(facts.model, facts.version, facts.policy, settings)
    return Explanation(
        decision_id=entry.id,
        at=entry.time,
        decision=facts.decision,
        rule=facts.rule,
        points=finite(float(past.points)),
        probability_of_default=finite(float(past.probability)),
        pricing_pd=_pricing_pd(past, model),
        raw_score=finite(float(past.raw)),
        base=finite(float(past.contributions[-1])),
        reasons=_reasons(past, model),
        views=_views(past, model),
        features=_features(past, model),
        model=None if model.absent else model_name(model.manifest),
        service=facts.service,
        digests=facts.digests,
        actor=facts.actor,
        actor_roles=facts.actor_roles,
        application=entry.personal,
        personal_data=entry.personal_state.value,
        replay=replay(entry, settings),
        policy=_policy(past, settings),
    )


def _pricing_pd(past: Past, model: Served) -> float | None:
    pricing = model.manifest.calibration.pricing
    return None if pricing is UNSET else finite(float(priced(np.array([past.raw]), pricing)[0]))


def _policy(past: Past, settings: Settings) -> PolicySeen | None:
    facts = past.facts.policy
    if facts is None:
        return None
    then = past_policy(settings.policies, facts.name, facts.version, settings.signing)
    return policy_seen(past.facts.rule, facts, then.policy)


def _reasons(past: Past, model: Served) -> tuple[ReasonGiven, ...]:
    groups = {group.code: group for group in model.manifest.reasons}
    return tuple(
        ReasonGiven(code, points, groups[code].zh, groups[code].en)
        for code, points in past.facts.reasons
    )


def _views(past: Past, model: Served) -> tuple[ViewSeen, ...]:
    ages, offsets = past.ages_s.tolist(), past.offsets.tolist()
    rows = zip(model.plan.views, past.states.tolist(), ages, offsets, strict=True)
    return tuple(
        ViewSeen(
            name=view.name,
            state=STATES[state],
            age_s=finite(age),
            ttl_s=view.ttl_s or None,
            offset=None if offset < 0 else offset,
        )
        for view, state, age, offset in rows
    )


def _features(past: Past, model: Served) -> tuple[FeatureSeen, ...]:
    named = [(feature.name, view.name) for view in model.plan.views for feature in view.features]
    values, parts = past.vector.tolist(), past.contributions[:-1].tolist()
    return tuple(
        FeatureSeen(name, view, finite(value), finite(part))
        for (name, view), value, part in zip(named, values, parts, strict=True)
    )
