"""Plans out of a real Feast registry: what a model may read, what it may not, and what moves it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.repo_config import RegistryConfig, RepoConfig
from feast.types import Array, Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp
from feast.value_type import ValueType

from feature_store.online import OnlineFeatures
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan, plan_from, plan_of
from finmodel.errors import BadInput, NotFound

DAY = timedelta(days=1)
CUSTOMER = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
LOAN = Entity(name="loan", join_keys=["loan_no"], value_type=ValueType.STRING)
BRANCH = Entity(name="branch", join_keys=["branch_no"], value_type=ValueType.INT32)
KEY_TYPES = {ValueType.INT64: Int64, ValueType.STRING: String, ValueType.INT32: Int32}


def open_registry(folder: Path, **options: Any) -> FeatureStore:
    registry = RegistryConfig(registry_type="file", path=str(folder / "registry.db"), **options)
    return FeatureStore(
        config=RepoConfig(
            project="lender",
            provider="local",
            registry=registry,
            online_store={
                "type": "feature_store.packed_store.PackedOnlineStore",
                "path": "online",
                "map_gb": 0.1,
            },
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
    )


def view_of(
    name: str, *fields: tuple[str, Any], keys: tuple[Entity, ...] = (CUSTOMER,), ttl: Any = DAY
) -> FeatureView:
    return FeatureView(
        name=name,
        entities=list(keys),
        ttl=ttl,
        schema=[Field(name=key.join_key, dtype=KEY_TYPES[key.value_type]) for key in keys]
        + [Field(name=field, dtype=dtype) for field, dtype in fields],
        source=FileSource(
            name=f"{name}_file", path=f"{name}.parquet", timestamp_field="event_timestamp"
        ),
    )


Define = Callable[..., FeatureStore]


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """Apply views and the service `risk_v1` that reads them; the store, opened anew."""

    def work(*things: Any, reads: list[Any]) -> FeatureStore:
        service = FeatureService(name="risk_v1", features=reads)
        open_registry(tmp_path).apply([CUSTOMER, LOAN, BRANCH, *things, service])
        return open_registry(tmp_path)

    return work


def test_a_plan_keeps_the_services_order_and_the_views_time_to_live(define):
    bill = view_of("bill", ("a", Float32), ("b", Int64), ("c", Bool), ttl=timedelta(hours=36))
    loan = view_of("loan", ("d", Float64), ("e", Int32), ttl=None)
    card = view_of("card", ("f", Float32), ttl=timedelta(0))
    plan = plan_of(define(bill, loan, card, reads=[loan, card, bill[["c", "a"]]]), "risk_v1")
    assert plan == ServicePlan(
        "risk_v1",
        "customer_id",
        "int64",
        (
            ViewPlan("loan", 0.0, (FeaturePlan("d", "Float64"), FeaturePlan("e", "Int32"))),
            ViewPlan("card", 0.0, (FeaturePlan("f", "Float32"),)),
            ViewPlan("bill", 129_600.0, (FeaturePlan("c", "Bool"), FeaturePlan("a", "Float32"))),
        ),
    )
    assert plan.names == ("d", "e", "f", "c", "a")
    assert plan.view_names == ("loan", "card", "bill")


def test_a_service_of_a_text_key(define):
    plan = plan_of(define(v := view_of("loan", ("a", Float32), keys=(LOAN,)), reads=[v]), "risk_v1")
    assert (plan.join_key, plan.key_type) == ("loan_no", "string")


def test_two_parts_of_one_view_are_read_from_that_view(define):
    bill = view_of("bill", ("a", Float32), ("b", Float32))
    parts = [bill[["b"]], bill.with_name("other")[["a"]]]
    plan = plan_of(define(bill, reads=parts), "risk_v1")
    assert plan.view_names == ("bill", "bill")
    assert plan.names == ("b", "a")


def test_a_pinned_plan_stays_while_the_service_moves(define):
    bill = view_of("bill", ("a", Float32), ("b", Float32))
    pinned = plan_of(define(bill, reads=[bill]), "risk_v1")
    stored = msgspec.json.encode(pinned)
    again = plan_of(define(bill, reads=[bill]), "risk_v1")
    assert (again, again.digest) == (pinned, pinned.digest)
    changed = view_of("bill", ("b", Float32), ("a", Float64))
    moved = plan_of(define(changed, reads=[changed]), "risk_v1")
    assert moved.names == ("b", "a")
    assert plan_from(msgspec.json.decode(stored)) == pinned != moved


def test_views_are_called_as_the_online_store_calls_them(tmp_path):
    """With versions, a view's rows lie under its version's name."""
    store = open_registry(tmp_path, enable_online_feature_view_versioning=True)
    store.apply([CUSTOMER, view_of("bill", ("a", Float32))])
    second = view_of("bill", ("a", Float32), ("b", Float32))
    store.apply([CUSTOMER, second, FeatureService(name="risk_v1", features=[second])])
    plan = plan_of(store, "risk_v1")
    assert plan.view_names == ("bill_v1",)
    at = pd.Timestamp("2005-09-01", tz="UTC")
    row = pd.DataFrame({"customer_id": [7], "event_timestamp": [at]})
    store.write_to_online_store("bill", row.assign(a=np.float32(1.5), b=np.float32(2.5)))
    batch = OnlineFeatures(tmp_path / "online").fetch([7], plan, at)
    assert batch.matrix.tolist() == [[1.5, 2.5]]


# --------------------------------------------------------------------------- what no model may read


def test_no_such_service(define):
    store = define(bill := view_of("bill", ("a", Float32)), reads=[bill])
    with pytest.raises(
        NotFound, match="risk_v2: there is no such feature service; run feast apply"
    ):
        plan_of(store, "risk_v2")


def two_kinds_of_entity() -> list[FeatureView]:
    return [view_of("bill", ("a", Float32)), view_of("loan", ("b", Float32), keys=(LOAN,))]


def two_entities_at_once() -> list[FeatureView]:
    return [view_of("both", ("a", Float32), keys=(CUSTOMER, LOAN))]


@pytest.mark.parametrize(
    ("views", "says"),
    [
        (two_kinds_of_entity(), "risk_v1: it reads 2 kinds of entity; make one service each"),
        (two_entities_at_once(), "view both: it is not keyed by exactly one entity"),
        (
            [view_of("branch", ("a", Float32), keys=(BRANCH,))],
            "view branch: its entity is INT32; make it INT64 or STRING",
        ),
        ([], "risk_v1: it reads 0 kinds of entity"),
        (
            [view_of("bill", ("a", Float32), ("job", String))],
            "view bill: feature job: String is not a number .* declare it Bool",
        ),
        (
            [view_of("bill", ("at", UnixTimestamp))],
            "view bill: feature at: UnixTimestamp is not a number",
        ),
        (
            [view_of("bill", ("many", Array(Float32)))],
            r"view bill: feature many: Array\(Float32\) is not a number",
        ),
        (
            [view_of("bill", ("a", Float32), ("b", Float32)), view_of("loan", ("b", Float32))],
            "risk_v1: feature b stands in two views; name features apart",
        ),
    ],
    ids=lambda value: value.partition(";")[0] if isinstance(value, str) else "",
)
def test_what_has_no_place_in_a_vector_is_refused(define, views, says):
    with pytest.raises(BadInput, match=says):
        plan_of(define(*views, reads=views), "risk_v1")


def test_an_entity_under_another_name_is_refused(define):
    bill = view_of("bill", ("a", Float32))
    renamed = bill.with_join_key_map({"customer_id": "guarantor_id"})
    with pytest.raises(BadInput, match=r"view bill: .* under its own name"):
        plan_of(define(bill, reads=[renamed]), "risk_v1")


@pytest.mark.filterwarnings("ignore:On demand feature view is an experimental")
def test_a_view_that_is_computed_on_demand_is_refused(define):
    bill = view_of("bill", ("a", Float32))

    @on_demand_feature_view(sources=[bill], schema=[Field(name="doubled", dtype=Float64)])
    def twice(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"doubled": inputs["a"] * 2.0})

    store = define(bill, twice, reads=[bill, twice])
    with pytest.raises(BadInput, match="risk_v1: view twice is computed on demand"):
        plan_of(store, "risk_v1")


# ------------------------------------------------------------------------------------ what moves it

PLAN = ServicePlan(
    "risk_v1",
    "customer_id",
    "int64",
    (
        ViewPlan("bill", 86_400.0, (FeaturePlan("a", "Float32"), FeaturePlan("b", "Int64"))),
        ViewPlan("loan", 0.0, (FeaturePlan("c", "Float32"),)),
    ),
)
BILL, LOANS = PLAN.views
CHANGES: dict[str, dict[str, Any]] = {
    "service": {"service": "risk_v2"},
    "key": {"join_key": "client_id"},
    "key type": {"key_type": "string"},
    "order of views": {"views": (LOANS, BILL)},
    "order of features": {"views": (ViewPlan("bill", 86_400.0, BILL.features[::-1]), LOANS)},
    "a view's name": {"views": (BILL, ViewPlan("card", 0.0, LOANS.features))},
    "time to live": {"views": (BILL, ViewPlan("loan", 60.0, LOANS.features))},
    "a feature's type": {"views": (BILL, ViewPlan("loan", 0.0, (FeaturePlan("c", "Float64"),)))},
    "a feature's name": {"views": (BILL, ViewPlan("loan", 0.0, (FeaturePlan("d", "Float32"),)))},
    "a feature's view": {
        "views": (
            ViewPlan("bill", 86_400.0, BILL.features[:1]),
            ViewPlan("loan", 0.0, (BILL.features[1], *LOANS.features)),
        )
    },
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_changes_the_digest(change):
    before = PLAN.digest, PLAN.names  # cached in PLAN, and not to be carried over
    changed = msgspec.structs.replace(PLAN, **change)
    assert changed != PLAN
    assert changed.digest != before[0]
    assert changed.names == tuple(f.name for view in changed.views for f in view.features)
    assert (PLAN.digest, PLAN.names) == before


def test_the_digest_is_the_same_in_every_process():
    code = (
        "import sys, msgspec; from feature_store.plan import plan_from\n"
        "print(plan_from(msgspec.json.decode(sys.argv[1])).digest, 'feast' in sys.modules)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code, msgspec.json.encode(PLAN)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{PLAN.digest} False\n"}


def test_a_plan_goes_through_a_manifest_and_back():
    facts = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(PLAN)))
    back = plan_from(facts)
    assert back == PLAN
    assert hash(back) == hash(PLAN)
    assert (back.digest, back.names, back.view_names) == (PLAN.digest, PLAN.names, PLAN.view_names)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "missing required field `service`"),
        (
            {**msgspec.to_builtins(PLAN), "views": "bill"},
            r"Expected `array`, got `str` - at `\$.views`",
        ),
        (
            {**msgspec.to_builtins(PLAN), "views": [{"name": "bill", "ttl_s": 1.0}]},
            r"missing required field `features` - at `\$.views\[0\]`",
        ),
        (
            {**msgspec.to_builtins(PLAN), "join_key": 3},
            r"Expected `str`, got `int` - at `\$.join_key`",
        ),
    ],
)
def test_what_is_no_plan_is_told(facts, says):
    with pytest.raises(BadInput, match=f"^plan: .*{says}; export the model again"):
        plan_from(facts)
