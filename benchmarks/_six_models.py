"""A simulated lender's features in the online store, and six models over one vector, signed.

A folder comes in; a home with the stream's tiles of every customer, a risk card's export and five
marketing models' goes out, each of 200 trees × 31 leaves, taught on the customers' own features.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import numpy as np
from _report import note

from feature_store.event_log import FileEventLog, append_all
from feature_store.online import OnlineFeatures
from feature_store.packed_store import writer_of
from feature_store.plan import ServicePlan, plan_of
from feature_store.store import apply, window_plans
from feature_store.stream import catch_up
from finmodel.boosting import Lesson, fit
from finmodel.export import write_export
from finmodel.lender.simulated import Lender
from finmodel.manifest import Calibration, Manifest, Policy, ReasonGroup, Scaling, digests_of
from finmodel.pointers import Pointer, set_champion
from finmodel.records import Float32s
from finmodel.settings import Settings
from finmodel.signing import ensure_key

TREES, LEAVES, SEED = 200, 31, 20260101
SERVICE, RISK_SERVICE, RISK = (
    "customer_behaviour_v1",
    "lender_behaviour_risk_v1",
    "lender_behaviour_risk",
)
FIVE = (
    "borrowing_intent",
    "marketing_preference",
    "offer_satisfaction",
    "repayment_willingness",
    "churn_warning",
)
LINE = Calibration("platt", 1.1, -0.2)
TEACHING = {
    "num_leaves": LEAVES,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.4,
    "learning_rate": 0.05,
    "num_threads": 2,
}


@dataclass(frozen=True)
class Six:
    """Where everything lies, what is read of a customer, and as of when."""

    settings: Settings
    plan: ServicePlan
    risk_plan: ServicePlan
    as_of: datetime
    customers: int


def make_six(settings: Settings, customers: int, days: int) -> tuple[Six, dict[str, float]]:
    """Stream the lender's events into the store, teach and sign the models."""
    store = apply(settings)
    lender = Lender(customers=customers, days=days, seed=7)
    note(f"streaming the events of {customers:,} customers over {days} days")
    with FileEventLog(settings.events, write=True) as log:
        events = append_all(log, lender.events())
    catch_up(FileEventLog(settings.events), writer_of(store.config), window_plans(store))
    end = datetime(lender.start.year, lender.start.month, lender.start.day, tzinfo=UTC)
    plans = plan_of(store, SERVICE), plan_of(store, RISK_SERVICE)
    six = Six(settings, *plans, end + timedelta(days=days), customers)
    ensure_key(settings.signing)
    matrix = features_of(six, six.plan)
    for turn, name in enumerate((RISK, *FIVE)):
        note(f"teaching {name}: {TREES} trees of {LEAVES} leaves")
        plan = six.risk_plan if name == RISK else six.plan
        columns = [six.plan.names.index(one) for one in plan.names]
        _export(settings, name, plan, _taught(matrix[:, columns], plan.names, SEED + turn))
    return six, {"scored_customers": float(customers), "scored_events": float(events)}


def features_of(six: Six, plan: ServicePlan) -> Float32s:
    """(customers, f) what the store says of everybody."""
    online = OnlineFeatures(six.settings.online)
    ids = np.arange(1, six.customers + 1)
    return np.concatenate(
        [online.fetch(part, plan, six.as_of).matrix for part in np.array_split(ids, 20)]
    )


def _taught(matrix: Float32s, names: tuple[str, ...], seed: int) -> str:
    """A model of noise that carries a signal of these features' ranks."""
    random = np.random.default_rng(seed)
    ranks = np.argsort(np.argsort(np.nan_to_num(matrix), axis=0), axis=0) / len(matrix)
    signal = ranks @ random.normal(size=len(names))
    labels = signal - signal.mean() + signal.std() * random.normal(size=len(matrix)) > 0.0
    lesson = Lesson(np.ascontiguousarray(matrix), labels.astype(np.float64), names)
    return fit(lesson, {**TEACHING, "seed": seed}, TREES)


def _export(settings: Settings, name: str, plan: ServicePlan, text: str) -> None:
    """Signed and pointed to, as a promotion leaves it."""
    scaling, told = Scaling(), msgspec.to_builtins(plan)
    card = name == RISK
    policy = Policy(540.0, 520.0) if card else None
    reasons = (ReasonGroup("R1", "原因", "reason", plan.names),) if card else ()
    model = sha256(text.encode()).hexdigest()
    manifest = Manifest(
        name=name,
        version=1,
        card="B" if card else None,
        decision_point="贷中" if card else None,
        features=plan.names,
        calibration=LINE,
        scaling=scaling,
        policy=policy,
        reasons=reasons,
        digests=digests_of(told, model, LINE, (policy, scaling, reasons)),
        service=plan.service,
        plan=told,
    )
    write_export(settings.exports, manifest, text, settings.signing)
    pointer = Pointer(name, "champion", 1, 1, (), "bench", "", True, "bench", "")
    set_champion(settings.exports, pointer, settings.signing)
