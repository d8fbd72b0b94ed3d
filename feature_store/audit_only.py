"""Attributes that fairness is measured with: which they are, and that no score reads them.

A view tagged `audit_only: true` may stand only in a service tagged `purpose: audit`. This module
knows which tag means what, and no attribute by its name.
"""

from __future__ import annotations

from collections.abc import Iterable

from feast import FeatureService, FeatureStore, FeatureView

from finmodel.errors import Refused

AUDIT_ONLY = "audit_only"
PURPOSE = "purpose"


def is_audit_only(view: FeatureView) -> bool:
    """Whether a view's features are for audits only."""
    return bool(view.tags.get(AUDIT_ONLY, "").casefold() == "true")


def is_for_audits(service: FeatureService) -> bool:
    """Whether a service says that it is for audits, and so never for a score."""
    return bool(service.tags.get(PURPOSE) == "audit")


def check_services(services: Iterable[FeatureService], views: Iterable[FeatureView]) -> None:
    """Refused if a service that is not for audits holds an audit-only view."""
    kept = {view.name for view in views if is_audit_only(view)}
    for service in services:
        held = kept & {projection.name for projection in service.feature_view_projections}
        if held and not is_for_audits(service):
            raise Refused(
                f"view {min(held)} is for audits only",
                where=f"feature service {service.name}",
                remedy="leave it out, or tag the service purpose: audit",
            )


def audit_only_features(store: FeatureStore) -> set[str]:
    """Names of all features that no recipe may use, whatever table they come from."""
    views = store.list_feature_views(allow_cache=True)
    return {field.name for view in views if is_audit_only(view) for field in view.features}
