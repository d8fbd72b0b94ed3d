"""The story of one application: fetch, score, points, reasons, policy, record, answer.

Comes in: an application and the person who asks. Goes out: a decision that the audit log can show
again, or a past one computed anew from its record. Knows nothing of HTTP.
"""

from __future__ import annotations

from dataclasses import replace

from finmodel.audit import Entry
from finmodel.errors import BadInput, NotFound
from finmodel.records import FeatureBatch, Person, ViewState
from finmodel.settings import Settings
from serving import dossier
from serving.desk import Desk
from serving.judgement import Arm, Judgement, judge
from serving.live import Served, past_version
from serving.no_model import decider_now, decider_then, nothing_read
from serving.policy_asked import decider, shadow, shadow_by
from serving.policy_record import asked_then, seen_now
from serving.schemas import (
    STATES,
    Application,
    CustomerId,
    Decision,
    FeatureAge,
    ReasonGiven,
    Replayed,
    finite,
    model_name,
)


async def decide(application: Application, person: Person, desk: Desk) -> Decision:
    """Decide one application; answered only after its record is durable."""
    champion = decider_now(desk.live)
    model, asked = decider(application, champion)
    batch = fetch_one(application.customer_id, model, desk)
    # Nobody else decides from here until it is counted: nothing between is waited for.
    judged = judge(batch.matrix, batch.states[0], model, desk.lane.asked(asked, model))
    desk.lane.count(judged, model)
    if (watched := shadow(batch.matrix, champion, asked)) is not None:
        judged = replace(judged, shadow=watched)
    stand_in = desk.vault.stand_ins([application.application_id])[0]
    draft = dossier.of_decision(application, person, batch, judged, model, stand_in)
    decision_id = await desk.audit.append_async(dossier.KIND, **draft)
    desk.telemetry.decided(judged.ruling.answer, judged.ruling.rule, unusual_views(batch))
    desk.telemetry.fell_back(one.step for one in judged.fell_back)
    return answer(decision_id, application, batch, judged, model)


def replay(entry: Entry, settings: Settings) -> Replayed:
    """Compute a past decision again from its record and the export of its version.

    Every part is compared bit for bit; `same` says whether all agree.
    """
    past = dossier.read(entry)
    facts = past.facts
    model = decider_then(facts.model, facts.version, facts.policy, settings)
    judged = judge(past.vector[None, :], past.states, model, asked_then(facts.policy))
    if facts.policy is not None and (kept := facts.policy.shadow) is not None:
        arm: Arm = "champion" if facts.policy.arm == "challenger" else "challenger"
        watched = past_version(settings.exports, facts.model, kept.version, settings.signing)
        judged = replace(judged, shadow=shadow_by(past.vector[None, :], watched, arm))
    return dossier.compare(past, judged, model)


def fetch_one(customer_id: CustomerId, model: Served, desk: Desk) -> FeatureBatch:
    """The features of one customer as of now; NotFound where no view knows this customer.

    Without a model in service nothing says which features there are, and none are read.
    """
    if model.absent:
        return nothing_read(customer_id, desk.clock.now())
    require_key_type(customer_id, model)
    batch = desk.features.fetch([customer_id], model.plan, desk.clock.now())
    if (batch.states == ViewState.MISSING).all():
        raise NotFound(
            "no feature view knows this customer",
            where="customer_id",
            remedy="check the id; a new customer is known after the next materialisation",
        )
    return batch


def require_key_type(customer_id: CustomerId, model: Served) -> None:
    """Refuse a text where the served model's customers have numbers, and the reverse."""
    wanted = int if model.plan.key_type == "int64" else str
    if not isinstance(customer_id, wanted):
        raise BadInput(
            f"Expected `{wanted.__name__}`, got `{type(customer_id).__name__}`",
            where="the body at `$.customer_id`",
            remedy="see /openapi.json",
        )


def answer(
    decision_id: str,
    application: Application,
    batch: FeatureBatch,
    judged: Judgement,
    model: Served,
) -> Decision:
    """What the caller is told."""
    return Decision(
        decision_id=decision_id,
        application_id=application.application_id,
        decision=judged.ruling.answer,
        rule=judged.ruling.rule,
        points=finite(judged.points),
        probability_of_default=finite(judged.probability),
        reasons=tuple(ReasonGiven(r.code, r.points, r.zh, r.en) for r in judged.reasons),
        feature_ages=feature_ages(batch),
        model=None if model.absent else model_name(model.manifest),
        as_of=batch.as_of,
        policy=seen_now(judged, model),
    )


def feature_ages(batch: FeatureBatch) -> dict[str, FeatureAge]:
    """State and age of each view of the one customer in `batch`."""
    ages, ttls = batch.ages_s[0].tolist(), batch.ttls_s.tolist()
    return {
        view: FeatureAge(STATES[state], finite(age), finite(ttl))
        for view, state, age, ttl in zip(
            batch.views, batch.states[0].tolist(), ages, ttls, strict=True
        )
    }


def unusual_views(batch: FeatureBatch) -> list[tuple[str, str]]:
    """Views of the one customer in `batch` that are not present, and what they are instead."""
    states = zip(batch.views, batch.states[0].tolist(), strict=True)
    return [(view, STATES[state]) for view, state in states if state != ViewState.PRESENT]
