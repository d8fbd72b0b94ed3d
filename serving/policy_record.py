"""What is kept of a policy's part in a decision, what is told of it, and how it is asked again.

A judgement under an approved policy becomes facts for the audit log and a record for the answer;
facts become the same question again, for a replay.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from finmodel.settings import Settings
from risk.policy.file import PolicyFile, Step
from risk.policy.plan import plan_of
from risk.policy.ruling import Lane, Outcome
from serving.in_force import InForce, past_policy
from serving.judgement import Arm, Asked, Judgement, Shadow
from serving.live import Served
from serving.schemas import FellBackTo, PolicySeen


class PolicyFacts(msgspec.Struct, frozen=True):
    """The policy's part in a decision's entry: nothing personal but what was asked for."""

    name: str
    version: int
    sha256: str
    request: dict[str, str | float | int]
    """What rules and bands read: product, channel, amount, term, and bureau figures if read."""
    drawn: float
    arm: Arm
    step: Step
    band: str
    limit_minor: int | None
    annual_rate_bps: int | None
    lane: Lane
    propensity: float
    off: dict[str, str]
    """Steps that were switched off, and why."""
    fallback: tuple[tuple[Step, str], ...]
    """Steps that could not decide, and why."""
    shadow: Shadow | None = None
    """Arm, version and points of the model that did not decide."""
    lane_open: bool = True
    """Whether the day's cap left room for an approval by lot."""


def policy_facts(judged: Judgement, model: Served) -> PolicyFacts | None:
    """The facts of a decision; None where no policy was approved."""
    outcome, force, asked = judged.outcome, model.policy, judged.asked
    if outcome is None or force is None or asked is None:
        return None
    return PolicyFacts(
        name=force.about.name,
        version=force.about.version,
        sha256=force.about.sha256,
        request=dict(asked.request),
        drawn=asked.drawn,
        arm=asked.arm,
        step=judged.step,
        band=outcome.band,
        limit_minor=outcome.limit_minor,
        annual_rate_bps=outcome.annual_rate_bps,
        lane=outcome.lane,
        propensity=outcome.propensity,
        off=dict(asked.off),
        fallback=tuple((one.step, one.reason) for one in judged.fell_back),
        shadow=judged.shadow,
        lane_open=asked.lane_open,
    )


def asked_then(facts: PolicyFacts | None) -> Asked | None:
    """The question that a past decision answered."""
    if facts is None:
        return None
    return Asked(facts.request, facts.drawn, facts.arm, facts.off, facts.lane_open)


def under_policy(model: Served, facts: PolicyFacts, settings: Settings) -> Served:
    """A past version under the policy that decided then."""
    found = past_policy(settings.policies, facts.name, facts.version, settings.signing)
    plan = plan_of(found.policy, model.manifest.features)
    return replace(model, policy=InForce(found.about, plan))


def same_outcome(facts: PolicyFacts, judged: Judgement) -> bool:
    """Whether band, terms, lane and way down are those of the record."""
    outcome = judged.outcome
    kept = Outcome(
        answer=judged.ruling.answer,
        rule=judged.ruling.rule,
        band=facts.band,
        limit_minor=facts.limit_minor,
        annual_rate_bps=facts.annual_rate_bps,
        lane=facts.lane,
        propensity=facts.propensity,
    )
    way = tuple((one.step, one.reason) for one in judged.fell_back)
    return outcome == kept and (facts.step, facts.fallback) == (judged.step, way)


def same_shadow(kept: Shadow, again: Shadow | None) -> bool:
    """Whether the model that did not decide says the same again, its points bit for bit."""
    if again is None or (kept.arm, kept.version) != (again.arm, again.version):
        return False
    return np.float64(kept.points).tobytes() == np.float64(again.points).tobytes()


def seen_now(judged: Judgement, model: Served) -> PolicySeen | None:
    """What the caller is told of a decision just made; None where no policy was approved."""
    facts, force = policy_facts(judged, model), model.policy
    if facts is None or force is None:
        return None
    return policy_seen(judged.ruling.rule, facts, force.plan.policy)


def policy_seen(rule: str, facts: PolicyFacts, policy: PolicyFile) -> PolicySeen:
    """What is told of the policy's part, now or later."""
    zh, en = _sentence(rule, policy)
    return PolicySeen(
        name=facts.name,
        version=facts.version,
        digest=facts.sha256,
        band=facts.band,
        limit_minor=facts.limit_minor,
        annual_rate_bps=facts.annual_rate_bps,
        currency=policy.currency,
        lane=facts.lane,
        propensity=facts.propensity,
        arm=facts.arm,
        step=facts.step,
        fallback=tuple(FellBackTo(step, reason) for step, reason in facts.fallback),
        rule_zh=zh,
        rule_en=en,
    )


def _sentence(rule: str, policy: PolicyFile) -> tuple[str, str]:
    """What a hard rule says of itself."""
    told = {f"rule:{one.code}": (one.zh, one.en) for one in policy.rules}
    return told.get(rule, ("", ""))
