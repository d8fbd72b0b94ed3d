"""A store opened, defined and filled from settings: against stock `feast` on the same snapshots.

Stock Feast runs as people run it, in processes of its own. Each takes ten seconds to import it, so
all three are started at once.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGTERM
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from feast.protos.feast.core.Registry_pb2 import Registry
from google.protobuf.json_format import MessageToDict

from feature_store import history, store
from feature_store.lmdb_map import MapPlace
from feature_store.online import OnlineFeatures
from feature_store.plan import plan_of
from finmodel.errors import NotFound, NotReady, Refused
from finmodel.records import ViewState
from finmodel.settings import Settings
from tests.feature_store.map_values import values_in
from tests.feature_store.small_home import small_settings
from tests.serving.small_world import answers, free_port, wait_until

SERVICE = "behaviour_risk_v1"
JULY = datetime(2005, 7, 1, tzinfo=UTC)
OCTOBER = datetime(2005, 10, 1, tzinfo=UTC)
NOBODY = 999_999

FEAST = """
import sys
from feast.cli.cli import cli

for command in sys.argv[1:]:
    cli(command.split(), standalone_mode=False)
"""
"""The `feast` command, run several times for one import."""


@dataclass(frozen=True)
class Homes:
    """Homes with the same snapshots, by who defined and filled them."""

    ours: Settings
    counts: dict[str, int]
    stock: Settings
    refused: Settings
    refusal: subprocess.Popen[bytes]
    """`feast apply` where a service that scores reads the profile."""
    server: str
    """Address of `feast serve` on what we filled."""


@pytest.fixture(scope="module")
def homes(lender, tmp_path_factory) -> Iterator[Homes]:
    folder = tmp_path_factory.mktemp("homes")
    ours, stock, refused = (small_settings(folder / name) for name in ("ours", "stock", "refused"))
    for one in (ours, stock, refused):
        shutil.copytree(lender.settings.offline, one.offline)
        unsettle(one.offline, lender.table["ID"].to_numpy())
    until = f"{OCTOBER:%Y-%m-%dT%H:%M:%S}"
    filling = feast(stock, "apply", f"materialize 1970-01-01T00:00:00 {until}")
    refusal = feast(refused, "apply", repo=repo_that_scores_the_profile(folder / "repo"))
    store.apply(ours)
    counts = store.materialize(ours, OCTOBER)
    port = free_port()
    serving = feast(ours, f"serve --host 127.0.0.1 --port {port}")
    try:
        assert filling.wait(120) == 0, said_in(stock)
        yield Homes(ours, counts, stock, refused, refusal, f"http://127.0.0.1:{port}")
    finally:
        for child in (filling, refusal, serving):
            with suppress(ProcessLookupError):
                os.killpg(child.pid, SIGTERM)
            child.wait(30)


def feast(settings: Settings, *commands: str, repo: Path = store.REPO) -> subprocess.Popen[bytes]:
    with (settings.home / "feast.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", FEAST, *commands],
            cwd=repo,
            env=settings.child_env() | {"HOME": str(settings.home)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def said_in(settings: Settings) -> str:
    return (settings.home / "feast.log").read_text()


def unsettle(offline: Path, customers: np.ndarray) -> None:
    """Snapshots as they come in life: some customers lack a view, some rows are corrected later,
    some lack their last months, and some rows are of the time after."""
    some = {place: customers[place::5] for place in range(4)}
    change(offline, "spending", lambda rows: rows[~rows["customer_id"].isin(some[0])])
    change(offline, "lateness", lambda rows: pd.concat([corrected(rows, some[1]), rows]))
    recent = lambda rows: rows["event_timestamp"] > OCTOBER - timedelta(days=50)  # noqa: E731
    change(offline, "repayment", lambda r: r[~(r["customer_id"].isin(some[2]) & recent(r))])
    change(offline, "utilisation", lambda rows: pd.concat([later(rows, some[3]), rows]))
    change(offline, "account_use", without_zone)


def change(offline: Path, view: str, how: Any) -> None:
    path = offline / f"{view}.parquet"
    how(pd.read_parquet(path)).to_parquet(path, index=False)


def corrected(rows: pd.DataFrame, customers: np.ndarray) -> pd.DataFrame:
    """The same months with other values, put in three days later."""
    wrong = rows[rows["customer_id"].isin(customers)].copy()
    wrong["created_timestamp"] += pd.Timedelta(days=3)
    wrong["repayment_late_count_180d"] += np.float32(100)
    return wrong


def later(rows: pd.DataFrame, customers: np.ndarray) -> pd.DataFrame:
    """The last month again, a month after."""
    last = rows[rows["customer_id"].isin(customers)].groupby("customer_id").tail(1).copy()
    last[["event_timestamp", "created_timestamp"]] += pd.Timedelta(days=30)
    last["credit_limit_lag_0m"] = np.float32(-7)
    return last


def without_zone(rows: pd.DataFrame) -> pd.DataFrame:
    times = ["event_timestamp", "created_timestamp"]
    return rows.assign(
        **{name: rows[name].dt.tz_convert("UTC").dt.tz_localize(None) for name in times}
    )


def repo_that_scores_the_profile(repo: Path) -> Path:
    shutil.copytree(store.REPO, repo)
    text = (repo / "definitions.py").read_text()
    assert text.count("\n_defined = ") == 1
    service = 'bad = FeatureService(name="bad_v1", features=[customer_profile])'
    (repo / "definitions.py").write_text(text.replace("\n_defined = ", f"\n{service}\n_defined = "))
    return repo


# -------------------------------------------------------------------------- the same as stock Feast


def facts(settings: Settings) -> dict[str, Any]:
    """Everything that a registry holds, less when it was written and where the home is."""
    registry = Registry()
    registry.ParseFromString((settings.home / "registry.db").read_bytes())
    text = json.dumps(MessageToDict(registry)).replace(str(settings.home), "HOME")
    kinds = {}
    for kind, things in json.loads(text).items():
        if isinstance(things, list):
            specs = [without_times(thing.get("spec", thing)) for thing in things]
            kinds[kind] = {spec["name"]: spec for spec in specs}
    for view in kinds.get("streamFeatureViews", {}).values():  # their order changes from run to run
        view["features"].sort(key=lambda field: field["name"])
    return kinds


def without_times(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: without_times(value) for key, value in thing.items() if key != "meta"}
    return [without_times(one) for one in thing] if isinstance(thing, list) else thing


def test_apply_leaves_the_registry_that_feast_apply_leaves(homes):
    ours, stock = facts(homes.ours), facts(homes.stock)
    sizes = {kind: len(things) for kind, things in stock.items()}
    assert sizes == {
        "entities": 2,  # ours, and Feast's own for views that have none
        "featureViews": 9,
        "streamFeatureViews": 11,
        "featureServices": 5,
        "dataSources": 32,
        "projects": 1,
    }
    assert ours == stock


def answer(settings: Settings, ids: list[int]) -> Any:
    """Values, statuses and event times of every feature, as stock Feast reads them."""
    opened = store.open_store(settings)
    service = opened.get_feature_service(SERVICE)
    return opened.get_online_features(service, [{"customer_id": i} for i in ids]).proto


def test_materialize_puts_online_what_feast_materialize_does(homes, lender):
    ids = [*lender.table["ID"].tolist(), NOBODY]
    ours, stock = answer(homes.ours, ids), answer(homes.stock, ids)
    names = list(stock.metadata.feature_names.val)
    assert len(names) == len(stock.results) == 85
    assert list(ours.metadata.feature_names.val) == names
    for name, mine, theirs in zip(names, ours.results, stock.results, strict=True):
        assert len(theirs.values) == len(ids)
        assert mine.SerializeToString() == theirs.SerializeToString(), name
    seen = dict(zip(names, stock.results, strict=True))
    limits = {value.float_val for value in seen["credit_limit_lag_0m"].values}
    assert -7 not in limits  # of November
    assert sum(value.float_val >= 100 for value in seen["repayment_late_count_180d"].values) == 48
    times = seen["repayment_lag_0m"].event_timestamps
    assert len({time.ToDatetime().month for time in times}) == 3  # September, August, nobody


def test_both_say_until_when_they_filled(homes):
    for settings in (homes.ours, homes.stock):
        views = [v for v in store.open_store(settings).list_feature_views() if v.online]
        start = datetime(1970, 1, 1, tzinfo=UTC)
        assert [view.materialization_intervals for view in views] == [[(start, OCTOBER)]] * 8


@pytest.mark.servers
def test_the_stock_feature_server_gives_the_same_numbers(homes, lender):
    wait_until(lambda: answers(f"{homes.server}/health"), 60, homes.ours.home / "feast.log")
    ids = [NOBODY, *lender.table["ID"].tolist()[:40]]
    asked = {"feature_service": SERVICE, "entities": {"customer_id": ids}}
    reply = httpx.post(f"{homes.server}/get-online-features", json=asked, timeout=30)
    assert reply.status_code == 200, reply.text
    names = reply.json()["metadata"]["feature_names"]
    columns = dict(zip(names, reply.json()["results"], strict=True))
    batch = OnlineFeatures(homes.ours.online).fetch(
        ids, plan_of(store.open_store(homes.ours), SERVICE), OCTOBER
    )
    assert set(batch.names) | {"customer_id"} == set(names)
    served = [np.array(columns[name]["values"], dtype=np.float32) for name in batch.names]
    np.testing.assert_array_equal(batch.matrix, np.stack(served, axis=1))
    assert np.isnan(batch.matrix[0]).all()
    assert (batch.states == ViewState.MISSING).sum() == 8 + 8  # nobody's, and spending of eight
    assert np.isfinite(batch.matrix[1:]).mean() > 0.8


def test_feast_apply_refuses_a_score_of_audit_only_attributes(homes):
    assert homes.refusal.wait(120) != 0
    assert "Refused: feature service bad_v1: view customer_profile" in said_in(homes.refused)
    assert not (homes.refused.home / "registry.db").exists()
    assert not homes.refused.online.exists()


# -------------------------------------------------------------------------------- filling it, again


def test_materialize_counts_the_customers_of_each_view(homes, lender):
    for view in history.VIEWS:
        rows = pd.read_parquet(homes.ours.offline / f"{view}.parquet")
        known = pd.to_datetime(rows["event_timestamp"], utc=True) <= OCTOBER
        assert homes.counts[view] == rows.loc[known, "customer_id"].nunique(), view
    assert set(homes.counts) == set(history.VIEWS)
    assert homes.counts["spending"] == 192
    assert len(lender.table) == 240


def test_materialize_tells_how_far_it_is(lender, tmp_path):
    steps = []
    copy = lender.copy(tmp_path / "home")
    store.materialize(copy.settings, OCTOBER, progress=lambda *step: steps.append(step))
    assert steps == [("online features", done, 9) for done in range(1, 10)]


def test_only_a_newer_row_changes_what_is_online(lender, tmp_path):
    settings = lender.copy(tmp_path / "home").settings
    store.materialize(settings, JULY)
    july = stored(settings)
    store.materialize(settings, OCTOBER)
    october = stored(settings)
    assert july.keys() == october.keys()
    assert len(july) == 240
    assert all(july[key] != october[key] for key in july)
    for until in (OCTOBER, OCTOBER, JULY):
        store.materialize(settings, until)
        assert stored(settings) == october
    store.apply(settings)
    assert stored(settings) == october


def stored(settings: Settings) -> dict[bytes, bytes]:
    """Each customer's bytes online."""
    place = MapPlace(settings.online, settings.online_map_gb)
    return values_in(place)


def test_nothing_is_put_online_of_the_time_after(lender, tmp_path):
    """As of July: the snapshots of June."""
    settings = lender.copy(tmp_path / "home").settings
    store.materialize(settings, JULY)
    ids = lender.table["ID"].to_numpy()
    plan = plan_of(store.open_store(settings), SERVICE)
    batch = OnlineFeatures(settings.online).fetch(ids, plan, JULY)
    for view in plan.views:
        rows = pd.read_parquet(settings.offline / f"{view.name}.parquet")
        june = rows[rows["event_timestamp"] <= JULY].groupby("customer_id").tail(1)
        june = june.set_index("customer_id").loc[ids]
        ours = batch.matrix[:, [batch.names.index(f.name) for f in view.features]]
        np.testing.assert_array_equal(ours, june[[f.name for f in view.features]].to_numpy())
    assert (batch.states == ViewState.PRESENT).all()


# ------------------------------------------------------------------------------- before it is ready


def test_a_store_that_was_never_defined_is_not_ready(tmp_path):
    settings = small_settings(tmp_path)
    for work in (store.open_store, lambda at: store.materialize(at, OCTOBER)):
        with pytest.raises(NotReady, match=r"registry\.db: no features are defined yet; .*apply"):
            work(settings)
    assert list(tmp_path.iterdir()) == []


def test_a_view_without_snapshots_is_named_and_no_other_is_filled(lender, tmp_path):
    settings = lender.copy(tmp_path / "home").settings
    (settings.offline / "utilisation.parquet").unlink()
    with pytest.raises(NotReady, match="view utilisation: it has no snapshots yet; build them"):
        store.materialize(settings, OCTOBER)
    plan = plan_of(store.open_store(settings), SERVICE)
    batch = OnlineFeatures(settings.online).fetch(lender.table["ID"].to_numpy(), plan, OCTOBER)
    assert (batch.states == ViewState.MISSING).all()
    views = store.open_store(settings).list_feature_views()
    assert [view.materialization_intervals for view in views] == [[]] * 9


# ----------------------------------------------------------------------------------------- defining


def test_what_only_a_request_knows(lender):
    opened = store.open_store(lender.settings)
    assert store.request_fields(opened, "drawdown_request") == {
        "amount_minor": "Int64",
        "term_months": "Int64",
        "product": "String",
        "channel": "String",
        "bureau_query_id": "String",
        "bureau_consent_id": "String",
        "bureau_queried_at": "UnixTimestamp",
        "bureau_score": "Int64",
        "bureau_inquiry_count_90d": "Int64",
        "bureau_overdue_account_count": "Int64",
    }
    for other in ("spending_snapshots", "no_such_request"):
        with pytest.raises(NotFound, match=f"{other}: there is no such request source"):
            store.request_fields(opened, other)


def test_settings_alone_say_where_it_lies(lender, tmp_path, monkeypatch):
    """Whatever the environment says, and whatever a path has in it that YAML or SQL would read."""
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("FINMODEL_HOME", str(elsewhere))
    home = tmp_path / "a: 'b' \"c\" # $HOME ${FINMODEL_HOME} {d} [e]"
    settings = lender.copy(home).settings
    counts = store.materialize(settings, OCTOBER)
    assert counts == dict.fromkeys(history.VIEWS, 240)
    assert not elsewhere.exists()
    opened = store.open_store(settings)
    assert opened.config.online_store.map_gb == settings.online_map_gb
    paths = {Path(store.snapshots_of(view).path) for view in opened.list_feature_views()}
    assert {path.parent for path in paths} == {settings.offline}
    assert len(paths) == 9


TINY = """
from datetime import timedelta
from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float32, Int64

customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
spending = FeatureView(
    name="spending",
    entities=[customer],
    ttl=timedelta(days=45),
    schema=[Field(name="customer_id", dtype=Int64), Field(name="spend_lag_0m", dtype=Float32)],
    source=FileSource(
        name="spending_snapshots",
        path="spending.parquet",
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    ),
    tags=VIEW_TAGS,
)
tiny_v1 = FeatureService(name="tiny_v1", features=[spending], tags=SERVICE_TAGS)
"""


def define_tiny(
    monkeypatch: pytest.MonkeyPatch,
    repo: Path,
    view_tags: dict[str, str] | None = None,
    service_tags: dict[str, str] | None = None,
) -> None:
    """Other definitions in place of those shipped."""
    repo.mkdir()
    shutil.copy(store.REPO / "feature_store.yaml", repo)
    text = TINY.replace("VIEW_TAGS", repr(view_tags or {}))
    (repo / "definitions.py").write_text(text.replace("SERVICE_TAGS", repr(service_tags or {})))
    monkeypatch.setattr(store, "REPO", repo)


def test_what_is_no_longer_defined_is_forgotten(lender, tmp_path, monkeypatch):
    settings = lender.copy(tmp_path / "home").settings
    store.materialize(settings, OCTOBER)
    pinned = plan_of(store.open_store(settings), SERVICE)
    ids = lender.table["ID"].to_numpy()
    before = OnlineFeatures(settings.online).fetch(ids, pinned, OCTOBER)
    define_tiny(monkeypatch, tmp_path / "repo")
    opened = store.apply(settings)
    for found in (opened, store.open_store(settings)):
        assert [view.name for view in found.list_feature_views()] == ["spending"]
        assert [service.name for service in found.list_feature_services()] == ["tiny_v1"]
        assert [source.name for source in found.list_data_sources()] == ["spending_snapshots"]
    batch = OnlineFeatures(settings.online).fetch(ids, pinned, OCTOBER)
    place = pinned.view_names.index("spending")
    assert (batch.states[:, place] == ViewState.PRESENT).all()
    assert (np.delete(batch.states, place, axis=1) == ViewState.MISSING).all()
    kept = [name.startswith("spend_") for name in pinned.names]
    np.testing.assert_array_equal(batch.matrix[:, kept], before.matrix[:, kept])
    assert sum(kept) == 8


@pytest.mark.parametrize("purpose", [{}, {"purpose": "score"}, {"purpose": "Audit"}])
def test_a_score_of_audit_only_attributes_is_refused(tmp_path, monkeypatch, purpose):
    define_tiny(monkeypatch, tmp_path / "repo", {"audit_only": "true"}, purpose)
    settings = small_settings(tmp_path / "home")
    with pytest.raises(Refused, match="feature service tiny_v1: view spending is for audits only"):
        store.apply(settings)
    assert not settings.home.exists()


def test_a_service_for_audits_may_hold_them(tmp_path, monkeypatch):
    define_tiny(monkeypatch, tmp_path / "repo", {"audit_only": "true"}, {"purpose": "audit"})
    opened = store.apply(small_settings(tmp_path / "home"))
    assert plan_of(opened, "tiny_v1").names == ("spend_lag_0m",)
