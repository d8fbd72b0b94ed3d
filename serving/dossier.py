"""What is kept of a decision, and how it is read and compared again.

An application, its features and its judgement become an audit entry: raw columns, so that each bit
can be compared; facts; and personal data, sealed apart under the customer's own key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel import decision_log
from finmodel.audit import Entry
from finmodel.errors import Damaged, NotFound
from finmodel.records import FeatureBatch, Float32s, Float64s, Int64s, Person
from risk.policy.answers import Answer
from serving.judgement import Judgement
from serving.live import Served
from serving.policy_record import PolicyFacts, policy_facts, same_outcome, same_shadow
from serving.schemas import Application, Check, Replayed

KIND = decision_log.KIND


class Facts(msgspec.Struct, frozen=True):
    """The body of a decision's entry: nothing personal, and nothing that a column holds."""

    model: str
    version: int
    digests: dict[str, str]
    service: str
    views: tuple[str, ...]
    decision: Answer
    rule: str
    reasons: tuple[tuple[str, float], ...]
    """Code and points of each reason, in order."""
    actor: str
    actor_roles: tuple[str, ...]
    demo: bool
    product: str = ""
    """What was applied for, and how: monitoring's segments. Neither says who."""
    channel: str = ""
    policy: PolicyFacts | None = None
    """None where the cut-offs in the model's manifest decided."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A decision as its entry holds it."""

    facts: Facts
    vector: Float32s
    ages_s: Float64s
    states: npt.NDArray[np.uint8]
    offsets: Int64s
    contributions: Float64s
    raw: np.float64
    probability: np.float64
    points: np.float64


def of_decision(
    application: Application,
    person: Person,
    batch: FeatureBatch,
    judged: Judgement,
    model: Served,
    stand_in: int,
) -> dict[str, Any]:
    """The entry's parts, as `AuditLog.append` takes them.

    `stand_in` is the number that the vault makes of the application's id: outcomes are joined by
    it, and it names nobody.
    """
    body = msgspec.to_builtins(_facts(application, person, judged, model))
    return {
        "body": body,
        "columns": {
            decision_log.FACTS: decision_log.facts_code(body),
            decision_log.APPLICATION: stand_in,
            "vector": batch.matrix[0],
            "ages_s": batch.ages_s[0],
            "states": batch.states[0],
            "offsets": batch.offsets[0],
            "contributions": judged.contributions,
            "raw": judged.raw,
            "probability": judged.probability,
            "points": judged.points,
        },
        "personal": msgspec.to_builtins(application),
        "subject": str(application.customer_id),
    }


def read(entry: Entry) -> Past:
    """A decision's entry; NotFound where the entry is of another kind."""
    if entry.kind != KIND:
        raise NotFound(
            "this entry is not a decision",
            where=f"audit entry {entry.id}",
            remedy="show it as it is: finmodel audit show ID",
        )
    try:
        facts = msgspec.convert(entry.body, Facts)
        columns = {name: value for name, value in entry.columns.items() if name in _COLUMNS}
        return Past(facts=facts, **columns)
    except (msgspec.ValidationError, TypeError) as error:
        raise Damaged(
            "this decision was kept in a form that is not known here",
            where=f"audit entry {entry.id}",
            remedy="read it with the version of this software that wrote it",
        ) from error


def compare(past: Past, again: Judgement, model: Served) -> Replayed:
    """A past decision against the same one computed anew; figures by their bits."""
    facts, digests = past.facts, msgspec.to_builtins(model.manifest.digests)
    checks = [
        *(Check(f"{part} digest", facts.digests.get(part) == digests[part]) for part in digests),
        Check("raw score", past.raw.tobytes() == np.float64(again.raw).tobytes()),
        Check("contributions", past.contributions.tobytes() == again.contributions.tobytes()),
        Check("probability", past.probability.tobytes() == np.float64(again.probability).tobytes()),
        Check("points", past.points.tobytes() == np.float64(again.points).tobytes()),
        Check("reasons", facts.reasons == tuple((r.code, r.points) for r in again.reasons)),
        Check("decision", (facts.decision, facts.rule) == (again.ruling.answer, again.ruling.rule)),
    ]
    if facts.policy is not None and model.policy is not None:
        text = facts.policy.sha256 == model.policy.about.sha256
        checks.append(Check("policy's text", text))
        checks.append(Check("policy's outcome", same_outcome(facts.policy, again)))
        if (kept := facts.policy.shadow) is not None:
            checks.append(Check("shadow points", same_shadow(kept, again.shadow)))
    return Replayed(all(check.same for check in checks), tuple(checks))


_COLUMNS = frozenset(Past.__dataclass_fields__) - {"facts"}


def _facts(application: Application, person: Person, judged: Judgement, model: Served) -> Facts:
    manifest = model.manifest
    return Facts(
        model=manifest.name,
        version=manifest.version,
        digests=msgspec.to_builtins(manifest.digests),
        service=manifest.service,
        views=model.views,
        decision=judged.ruling.answer,
        rule=judged.ruling.rule,
        reasons=tuple((reason.code, reason.points) for reason in judged.reasons),
        actor=person.name,
        actor_roles=tuple(sorted(person.roles)),
        demo=person.demo or manifest.demo,
        product=application.product,
        channel=application.channel,
        policy=policy_facts(judged, model),
    )
