"""What the policy in force asks of one application: its request, its draws, its arm, its shadow.

An application and a served model come in; what a judgement needs goes out. Knows no features.
"""

from __future__ import annotations

from msgspec import UNSET

from finmodel.errors import BadInput
from finmodel.records import Float32s
from risk import scaling
from risk.policy.draws import draw, falls_within
from serving.judgement import Arm, Asked, Shadow
from serving.live import Served
from serving.schemas import Application

ALWAYS = ("product", "channel", "amount_minor", "term_months")
"""Fields that every application has, and that are kept unsealed with its decision."""


def decider(application: Application, model: Served) -> tuple[Served, Asked | None]:
    """The model whose turn it is, and what its policy asks; None where no policy was approved."""
    force = model.policy
    if force is None:
        return model, None
    plan = force.plan
    if application.product not in plan.cuts:
        raise BadInput(
            f"no product of policy {force.about.name} version {force.about.version} has this name",
            where="the body at `$.product`",
            remedy=f"choose from {', '.join(sorted(plan.cuts))}",
        )
    lane = plan.lane
    drawn = 1.0 if lane is None else draw("lane", lane.seed, application.application_id)
    off = force.switch.reasons if force.switch else {}
    decides, arm = _arm(application, model)
    request = request_of(application, plan.reads)
    return decides, Asked(request, drawn, arm, off)


def request_of(application: Application, reads: tuple[str, ...]) -> dict[str, str | float]:
    """The fields that a policy may read, as far as they were given."""
    given = {name: getattr(application, name) for name in (*ALWAYS, *reads)}
    return {name: value for name, value in given.items() if value is not UNSET}


def shadow(vector: Float32s, champion: Served, asked: Asked | None) -> Shadow | None:
    """The points of the model whose turn it is not, where the policy wants them logged."""
    other = champion.challenger
    if asked is None or other is None or champion.policy is None or "model" in asked.off:
        return None
    wants = champion.policy.plan.policy.challenger
    if wants is None or not wants.shadow:
        return None
    arm: Arm = "challenger" if asked.arm == "champion" else "champion"
    return shadow_by(vector, other if arm == "challenger" else champion, arm)


def shadow_by(vector: Float32s, watched: Served, arm: Arm) -> Shadow:
    """What a model says of (1, f) features that it does not decide on."""
    log_odds = scaling.calibrated(watched.scorer.raw_many(vector), watched.manifest.calibration)
    points = scaling.points_many(log_odds, watched.manifest.scaling)
    return Shadow(arm, watched.manifest.version, float(points[0]))


def _arm(application: Application, model: Served) -> tuple[Served, Arm]:
    challenger = model.challenger
    if challenger is None or model.policy is None:
        return model, "champion"
    split = model.policy.plan.policy.challenger
    if split is None:
        return model, "champion"
    drawn = draw("arm", split.seed, application.application_id)
    if falls_within(drawn, split.share_bps):
        return challenger, "challenger"
    return model, "champion"
