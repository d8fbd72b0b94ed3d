"""What the console shows beside decisions: the clock, the model, who is signed in, what is amiss.

Comes in: a desk and perhaps a person. Somebody not signed in learns only whether the service is
ready and whether its data are a demo's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from finmodel.manifest import require_card
from finmodel.records import Person
from serving.desk import Desk
from serving.live import Live, Served
from serving.no_model import without_model
from serving.schemas import CustomerId, ModelCard, PersonSeen, PolicyCard, Status

ALIAS_STATUS = "alias_status.json"
"""Under home; the launcher writes there when an alias was moved by hand in MLflow."""
EXAMPLES = "examples.json"
"""Under home; the demo writes there which customers to try, as a list of ids."""


def status_of(person: Person | None, desk: Desk) -> Status:
    """The state of the service, as much of it as this person may see."""
    live, settings = desk.live, desk.settings
    model = live.serving
    status = Status(
        ready=model is not None,
        trouble=live.trouble,
        demo=settings.demo.is_dir() or (model is not None and model.manifest.demo),
        clock=desk.clock.now(),
        clock_stands=bool(settings.standing_clock),
        provider=settings.provider.host,
    )
    if person is None:
        return status
    return msgspec.structs.replace(
        status,
        person=PersonSeen(person.name, tuple(sorted(person.roles)), person.demo),
        model=model_card(model) if model is not None else None,
        policy=policy_in_force(live),
        alias=_read(settings.home / ALIAS_STATUS, dict[str, Any]),
        examples=_read(settings.home / EXAMPLES, tuple[CustomerId, ...]) or (),
    )


def model_card(model: Served) -> ModelCard:
    """The model in service, for people."""
    manifest, card = model.manifest, require_card(model.manifest)
    return ModelCard(
        name=manifest.name,
        version=manifest.version,
        digest=manifest.digests.model,
        demo=manifest.demo,
        card=card.card,
        decision_point=card.decision_point,
        service=manifest.service,
        customer_id_type="integer" if model.plan.key_type == "int64" else "string",
        features=len(manifest.features),
        metrics=manifest.metrics,
        approve_points=card.policy.approve_points,
        refer_points=card.policy.refer_points,
        trained_by=manifest.trained_by,
        approved_by=manifest.approved_by,
        created_at=manifest.created_at,
    )


def policy_in_force(live: Live) -> PolicyCard | None:
    """The policy that decides, with a model or, where none is in service, alone."""
    if live.serving is not None:
        return policy_card(live.serving)
    alone = live.policy_alone
    return None if alone is None else policy_card(without_model(*alone))


def policy_card(model: Served) -> PolicyCard | None:
    """The policy that decides, for people; None where the model's own cut-offs do."""
    force = model.policy
    if force is None:
        return None
    return PolicyCard(
        name=force.about.name,
        version=force.about.version,
        digest=force.about.sha256,
        author=force.about.author,
        approved_by=force.about.approved_by,
        demo=force.about.demo,
        off=force.off,
        off_because=force.switch.reason if force.switch and force.off else "",
    )


def _read(path: Path, kind: Any) -> Any:
    """A small file that others write, or None where it is not there or not what it should be."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
