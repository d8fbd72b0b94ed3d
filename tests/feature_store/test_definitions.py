"""The features as shipped: what they are called, how long they live, who may not read them."""

import hashlib
import re
import runpy

import pandas as pd
import pytest
from feast import FeatureService, FeatureStore, FeatureView, ValueType

from feature_store import history
from feature_store.audit_only import is_audit_only, is_for_audits
from feature_store.plan import plan_of
from feature_store.store import REPO, open_store
from feature_store.window_plan import window_plan_of
from finmodel.errors import BadInput, Refused

SERVICE, STREAMED = "behaviour_risk_v1", "customer_behaviour_v1"
LENDERS = {
    "application_risk_v1": "b407ba4513ea84e4775a3778a391f2a24a4ddf5dee724cbee37dd3b7cb4bfa7b",
    "lender_behaviour_risk_v1": "d43cc15f41e7a25fccdd19af6f2a666c16e4598a79e556fe55f75b95d6bb8d51",
}
"""SHA-256 over the names of the lender's cards' vectors, in order."""
VECTOR = "a7bd540ea14ee3b5f0910f43f2618b7148a37e19f241383e0fbb003310090bf8"
"""SHA-256 over the names of behaviour_risk_v1, in order."""
AUDITED = {"sex", "marriage", "education", "age"}
STATISTICS = (
    "lag|change|mean|max|min|sum|total|stddev|worst|count|streak|since"  # of a window, or at a lag
)
NAME = re.compile(rf"[a-z]+(_[a-z]+)*_({STATISTICS})_\d+[dm]")
DEFINITIONS = REPO / "definitions.py"


@pytest.fixture(scope="module")
def store(lender) -> FeatureStore:
    return open_store(lender.settings)


@pytest.fixture(scope="module")
def views(store) -> dict[str, FeatureView]:
    return {view.name: view for view in store.list_feature_views()}


@pytest.fixture(scope="module")
def services(store) -> list[FeatureService]:
    return store.list_feature_services()


def names_in(view: FeatureView) -> set[str]:
    return {field.name for field in view.features}


def test_a_customer_is_the_one_entity(store, views):
    (customer,) = store.list_entities()
    assert (customer.name, customer.join_key) == ("customer", "customer_id")
    assert customer.value_type == ValueType.INT64
    assert {tuple(view.join_keys) for view in views.values()} == {("customer_id",)}


def test_the_service_that_scores_reads_eight_views_that_are_online(store, views):
    plan = plan_of(store, SERVICE)
    assert set(plan.view_names) == set(history.VIEWS)
    assert len(plan.views) >= 8
    assert all(views[name].online for name in plan.view_names)
    assert len(plan.names) == len(set(plan.names)) == 84
    assert {feature.dtype for view in plan.views for feature in view.features} == {"Float32"}


def test_a_version_of_the_vector_never_changes(store):
    for service, vector in ({SERVICE: VECTOR} | LENDERS).items():
        names = "\n".join(plan_of(store, service).names)
        assert hashlib.sha256(names.encode()).hexdigest() == vector, f"make {service} a v2"


def test_features_are_called_what_statistic_window(store):
    names = plan_of(store, SERVICE).names
    assert [name for name in names if not NAME.fullmatch(name)] == []


@pytest.mark.parametrize(
    "name", ["balance_90d", "balance_mean", "mean_90d", "balance_mean_90", "Balance_mean_90d"]
)
def test_other_names_would_be_seen(name):
    assert NAME.fullmatch(name) is None


def test_a_view_declares_what_its_snapshots_hold(lender, views):
    keys = {"customer_id", "event_timestamp", "created_timestamp"}
    for name in (*history.VIEWS, history.PROFILE):
        columns = pd.read_parquet(lender.settings.offline / f"{name}.parquet").columns
        assert set(columns) - keys == names_in(views[name]), name


def test_one_late_month_is_stale_and_none_is_not(views):
    """The next snapshot comes after 31 days at most, the one after it after 59 at least."""
    for name in history.VIEWS:
        assert 31 < views[name].ttl.total_seconds() / 86_400 < 59, name


def test_everything_says_what_it_is_and_whose(store, views, services):
    things = [*views.values(), *services, *store.list_entities(), *store.list_data_sources()]
    assert len(things) >= 20
    assert [thing.name for thing in things if not (thing.description and thing.owner)] == []
    fields = [field for view in views.values() for field in view.features]
    fields += store.get_data_source("drawdown_request").schema
    assert len(fields) >= 90
    assert [field.name for field in fields if not field.description] == []


def test_the_attributes_that_are_audited_stand_in_one_view_for_audits(store, views):
    holders = {
        view.name
        for view in views.values()
        if AUDITED & {name.casefold() for name in names_in(view)}
    }
    assert holders == {name for name, view in views.items() if is_audit_only(view)}
    assert holders == {history.PROFILE}
    assert names_in(views[history.PROFILE]) == AUDITED
    assert not views[history.PROFILE].online
    asked = {field.name.casefold() for field in store.get_data_source("drawdown_request").schema}
    assert not AUDITED & asked


def test_no_service_that_scores_holds_them_under_any_name(services):
    scoring = [service for service in services if not is_for_audits(service)]
    assert {service.name for service in scoring} == {SERVICE, STREAMED, *LENDERS}
    for service in scoring:
        held = service.feature_view_projections
        assert history.PROFILE not in {view.name for view in held}
        words = {word for view in held for field in view.features for word in field.name.split("_")}
        assert len(words) > 20
        assert not words & AUDITED
    (audit,) = (service for service in services if is_for_audits(service))
    assert [view.name for view in audit.feature_view_projections] == [history.PROFILE]


def test_what_is_streamed_is_128_features_and_more_of_ten_topics(store):
    plans = [window_plan_of(view) for view in store.list_stream_feature_views()]
    assert len({plan.topic for plan in plans}) == 10
    plan = plan_of(store, STREAMED)
    assert len(set(plan.view_names)) == len(plan.view_names) == 10
    held = [len(p.aggregates) for p in plans if p.view in plan.view_names]
    assert len(plan.names) == len(set(plan.names)) == sum(held) >= 128
    streamed = re.compile(rf"[a-z]+(_[a-z]+)*_({STATISTICS}|distinct|last)_(1h|24h|7d|30d|90d)")
    assert [name for name in plan.names if not streamed.fullmatch(name)] == []
    fields = [f for view in store.list_stream_feature_views() for f in view.features]
    assert [f.name for f in fields if f.name != "customer_id" and not f.description] == []


@pytest.mark.parametrize("tags", ["{}", '{PURPOSE: "score"}'])
def test_another_service_that_scores_may_not_hold_them_either(tmp_path, tags):
    added = f'more = FeatureService(name="more_v1", features=[customer_profile], tags={tags})'
    changed = tmp_path / "definitions.py"
    changed.write_text(with_before_the_check(added))
    with pytest.raises(Refused, match=r"more_v1: view customer_profile is for audits only"):
        runpy.run_path(str(changed))
    changed.write_text(with_before_the_check(added.replace(tags, '{PURPOSE: "audit"}')))
    assert runpy.run_path(str(changed))["more"].name == "more_v1"


def test_they_are_not_read_without_a_home(monkeypatch):
    monkeypatch.delenv("FINMODEL_HOME", raising=False)
    monkeypatch.chdir(REPO)
    with pytest.raises(BadInput, match=r"FINMODEL_HOME is not set; .*feast apply"):
        runpy.run_path(str(DEFINITIONS))


def with_before_the_check(line: str) -> str:
    """The shipped definitions with one more line, where a person would put it."""
    text = DEFINITIONS.read_text()
    assert text.count("\n_defined = ") == 1
    return text.replace("\n_defined = ", f"\n{line}\n_defined = ")
