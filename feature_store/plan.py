"""What one model reads: a Feast service turned into plain, frozen facts.

A service's name goes in, a `ServicePlan` comes out: views, their times to live, features and their
order. A model keeps its plan, so `feast apply` may change views without moving a pinned vector.
Feast is imported only inside `plan_of`; what serves a model needs no Feast.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from finmodel.errors import BadInput, NotFound

if TYPE_CHECKING:
    import feast

NUMERIC = frozenset({"Float32", "Float64", "Int32", "Int64", "Bool"})
"""Feast types that a float32 matrix can hold; a time or a text would lose its meaning in one."""

TILES = "Tiles"
"""Type, in a map's catalog, of what is no feature but a view's tiles."""

KEY_TYPES = {"INT64": "int64", "STRING": "string"}


class FeaturePlan(msgspec.Struct, frozen=True):
    """One feature: its name, and its type by Feast's name (`Float32`, `Array(String)`, …)."""

    name: str
    dtype: str


class ViewPlan(msgspec.Struct, frozen=True):
    """One feature view as a service reads it."""

    name: str
    ttl_s: float
    """Seconds after which a value is stale; 0 where it never is (JSON knows no infinity)."""
    features: tuple[FeaturePlan, ...]


class ServicePlan(msgspec.Struct, frozen=True, cache_hash=True, dict=True):
    """The vector of one Feast service: what to read, from where, in which order.

    >>> view = ViewPlan("bill", 86400.0, (FeaturePlan("bill_last", "Float32"),))
    >>> plan = ServicePlan("risk_v1", "customer_id", "int64", (view,))
    >>> plan.names, plan.digest[:8]
    (('bill_last',), '0ee6aaea')
    """

    service: str
    join_key: str
    key_type: str
    """`int64` or `string`."""
    views: tuple[ViewPlan, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature names, flat, in the vector's order."""
        return tuple(feature.name for view in self.views for feature in view.features)

    @cached_property
    def view_names(self) -> tuple[str, ...]:
        """View names, in the vector's order."""
        return tuple(view.name for view in self.views)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the plan's canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


def plan_from(facts: dict[str, Any]) -> ServicePlan:
    """The plan in a manifest's JSON (`msgspec.to_builtins` is its inverse); BadInput if it is none.

    >>> plan_from({"service": "risk_v1"})
    Traceback (most recent call last):
    finmodel.errors.BadInput: plan: Object missing required field `join_key`; export the model again
    """
    try:
        return msgspec.convert(facts, ServicePlan)
    except msgspec.ValidationError as error:
        raise BadInput(str(error), where="plan", remedy="export the model again") from error


def plan_of(store: feast.FeatureStore, service: str) -> ServicePlan:
    """The plan of a Feast service as it is defined now.

    NotFound if there is no such service; BadInput if its vector is not one row of numbers about
    one entity (several entities, an on-demand view, a text, a name twice).
    """
    from feast.errors import FeatureServiceNotFoundException

    try:
        found = store.get_feature_service(service)
    except FeatureServiceNotFoundException as error:
        raise NotFound(
            "there is no such feature service", where=service, remedy="run feast apply, or name one"
        ) from error
    keys, views = set(), []
    for projection in found.feature_view_projections:
        view = _view_of(store, service, projection.name)
        keys.add(_key_of(store, view, projection))
        features = tuple(
            FeaturePlan(str(field.name), str(field.dtype)) for field in projection.features
        )
        ttl_s = view.ttl.total_seconds() if view.ttl else 0.0
        views.append(ViewPlan(_stored_name(store, view), ttl_s, features))
    if len(keys) != 1:
        raise BadInput(
            f"it reads {len(keys)} kinds of entity", where=service, remedy="make one service each"
        )
    join_key, key_type = keys.pop()
    return _checked(ServicePlan(service, join_key, key_type, tuple(views)))


def _view_of(store: feast.FeatureStore, service: str, name: str) -> Any:
    from feast.on_demand_feature_view import OnDemandFeatureView

    view = store.registry.get_any_feature_view(name, store.project, allow_cache=True)
    if isinstance(view, OnDemandFeatureView):
        raise BadInput(
            f"view {name} is computed on demand, so no row of it is stored",
            where=service,
            remedy="leave it out of the service that a model reads",
        )
    return view


def _stored_name(store: feast.FeatureStore, view: Any) -> str:
    from feast.infra.online_stores.helpers import compute_versioned_name

    versioned = store.config.registry.enable_online_feature_view_versioning
    return str(compute_versioned_name(view, versioned))


def _key_of(store: feast.FeatureStore, view: Any, projection: Any) -> tuple[str, str]:
    columns = view.entity_columns
    if len(columns) != 1 or projection.join_key_map:
        raise BadInput(
            "it is not keyed by exactly one entity, under its own name",
            where=f"view {view.name}",
            remedy="read it through FeatureStore.get_online_features",
        )
    kind = columns[0].dtype.to_value_type().name
    if kind not in KEY_TYPES:
        raise BadInput(
            f"its entity is {kind}", where=f"view {view.name}", remedy="make it INT64 or STRING"
        )
    return columns[0].name, KEY_TYPES[kind]


def _checked(plan: ServicePlan) -> ServicePlan:
    for view in plan.views:
        for feature in view.features:
            if feature.dtype not in NUMERIC:
                raise BadInput(
                    f"{feature.dtype} is not a number that a matrix can hold",
                    where=f"view {view.name}: feature {feature.name}",
                    remedy=f"declare it {', '.join(sorted(NUMERIC))}, or leave it out",
                )
    twice = sorted({name for name in plan.names if plan.names.count(name) > 1})
    if twice:
        raise BadInput(
            f"feature {twice[0]} stands in two views",
            where=plan.service,
            remedy="name features apart",
        )
    return plan
