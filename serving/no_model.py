"""What decides while no model is in service: the approved policy, by its rules and by people.

A policy and its switch come in; what decides in a model's place goes out. It reads no features, has
no scorecard (a card is signed with its model) and no points, so that nothing is approved. Knows no
request.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import numpy as np

from feature_store.plan import ServicePlan
from finmodel.manifest import Calibration, Digests, Manifest, Policy
from finmodel.records import FeatureBatch, Float32s, Float64s
from finmodel.settings import Settings
from risk.policy.file import PolicyFile
from risk.policy.plan import plan_of
from risk.policy.versions import PolicyVersion, Switch
from risk.reasons import reason_table
from serving.in_force import InForce, past_policy
from serving.live import NO_VERSION, Live, Served, past_version
from serving.policy_record import PolicyFacts, under_policy


class NoScorer:
    """Scores nothing."""

    def raw_many(self, matrix: Float32s) -> Float64s:
        """(n,) NaN."""
        return np.full(len(matrix), np.nan)

    def contributions(self, matrix: Float32s) -> Float64s:
        """(n, f + 1) NaN."""
        return np.full((len(matrix), matrix.shape[1] + 1), np.nan)


def decider_now(live: Live) -> Served:
    """The model in service; else what its policy says alone; NotReady where there is neither."""
    alone = live.policy_alone
    return live.current() if alone is None else without_model(*alone)


def decider_then(name: str, version: int, policy: PolicyFacts | None, settings: Settings) -> Served:
    """What made a past decision, as it was then."""
    if version == NO_VERSION and policy is not None:
        found = past_policy(settings.policies, policy.name, policy.version, settings.signing)
        return without_model(found, None)
    model = past_version(settings.exports, name, version, settings.signing)
    return model if policy is None else under_policy(model, policy, settings)


def without_model(version: PolicyVersion, switch: Switch | None) -> Served:
    """What decides by a policy alone.

    A rule that reads a feature is not asked: what it would say is not known, and a person sees the
    application in any case.
    """
    about, policy = version.about, _without_features(version.policy)
    manifest = Manifest(
        name=policy.model,
        version=NO_VERSION,
        card="B",
        decision_point=policy.decision_point,
        features=(),
        calibration=Calibration(),
        scaling=policy.scaling,
        policy=Policy(approve_points=np.inf, refer_points=-np.inf),
        reasons=(),
        digests=Digests("", "", "", ""),
        demo=about.demo,
    )
    return Served(
        manifest=manifest,
        scorer=NoScorer(),
        plan=ServicePlan("", "", "", ()),
        views=(),
        reasons=reason_table((), (), manifest.calibration, manifest.scaling),
        policy=InForce(about, plan_of(policy, ()), switch),
    )


def nothing_read(customer_id: int | str, as_of: datetime) -> FeatureBatch:
    """The features of one customer where none were read."""
    ids = np.empty(1, dtype=object)
    ids[0] = customer_id
    none = np.empty((1, 0))
    return FeatureBatch(
        service="",
        as_of=as_of,
        ids=ids,
        names=(),
        matrix=none.astype(np.float32),
        views=(),
        ages_s=none,
        states=none.astype(np.uint8),
        offsets=none.astype(np.int64),
        ttls_s=np.empty(0),
    )


def _without_features(policy: PolicyFile) -> PolicyFile:
    asked = tuple(rule for rule in policy.rules if all(one.feature is None for one in rule.when))
    return msgspec.structs.replace(policy, rules=asked)
