"""The online features: whether they can be read, have room, and are fresh enough to decide by.

Settings and a time come in, findings go out. Ages are those of customers spread over the whole map,
read as a decision would read them, by the plan of the champion.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from finmodel.settings import Settings
from serving.doctor import judging
from serving.doctor.finding import Finding, warned, well

if TYPE_CHECKING:
    from feature_store.plan import ServicePlan
    from finmodel.records import FeatureBatch

SAMPLED: Final = 256
"""Customers: a view that nothing feeds shows in all of them."""
AT: Final = "features"


def online(settings: Settings) -> list[Finding]:
    """Whether the map, or Redis, answers and has room."""
    if settings.online_store:
        from feature_store.redis_health import redis_health

        return _redis(redis_health(settings.online_store))
    from feature_store.lmdb_map import MapPlace
    from feature_store.map_health import health_of

    at = f"map {settings.online}"
    if not settings.online.exists():
        return [well(at, "there is no map yet: nothing was materialised")]
    health = health_of(MapPlace(settings.online, settings.online_map_gb))
    found = [judging.map_use(at, health.used, health.limit)]
    if health.gone:
        gone = ", ".join(map(str, health.gone))
        says = f"processes that ended hold old pages of it ({gone}) until the next write"
        found.append(warned(at, says, "finmodel features apply"))
    return found


def fresh(settings: Settings, now: datetime | None) -> list[Finding]:
    """Whether the features of the champion are within their views' times to live, if it is known
    what time it is there."""
    from feature_store.online_reader import open_features

    if not settings.online_store and not settings.online.exists():
        return [well(AT, "nothing was materialised yet")]
    if now is None:
        return [well(AT, "not judged: a demo's clock stands, and no service says where")]
    plan = _plan(settings)
    if plan is None:
        return [well(AT, "no champion says which features must be fresh")]
    if plan.key_type != "int64":
        return [well(AT, "not sampled: customers' ids are texts")]
    reader = open_features(settings)
    try:
        batch = reader.fetch(sampled_ids(settings, plan.join_key), plan, now)
    finally:
        reader.close()
    if not len(batch):
        return [warned(AT, "the store knows no customer", "finmodel features materialize")]
    found = [judging.freshness(AT, one) for one in samples(batch)]
    worst = [one for one in found if one is not None]
    return worst or [well(AT, f"{len(found)} views of {len(batch)} sampled customers are fresh")]


def _redis(health: Any) -> list[Finding]:
    at = health.name
    found = [judging.memory(at, health.used, health.limit)]
    if health.policy not in ("noeviction", ""):
        says = f"it drops customers' features when it is full (maxmemory-policy {health.policy})"
        found.append(warned(at, says, "redis-cli CONFIG SET maxmemory-policy noeviction"))
    return found


def _plan(settings: Settings) -> ServicePlan | None:
    """What the champion reads; None where there is none, or it reads a table."""
    from feature_store.plan import plan_from
    from finmodel.export import FILES, MANIFEST
    from finmodel.manifest import Manifest
    from finmodel.pointers import export_folder, find_pointer
    from finmodel.signing import verify_folder

    pointer = find_pointer(settings.exports, settings.model, settings.signing)
    if pointer is None:
        return None
    folder = export_folder(settings.exports, settings.model, pointer.version)
    files = verify_folder(folder, settings.signing, FILES)
    manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
    return plan_from(manifest.plan) if manifest.plan else None


def sampled_ids(settings: Settings, join_key: str) -> Any:
    """(n,) ids of customers whom the store knows, at most `SAMPLED`."""
    from feature_store.lmdb_map import MapPlace
    from feature_store.map_health import spread_ids
    from feature_store.packed_keys import place_of

    rows = place_of(join_key, "int64")
    if settings.online_store:
        from feature_store.redis_health import some_ids

        return some_ids(settings.online_store, rows, SAMPLED)
    return spread_ids(MapPlace(settings.online, settings.online_map_gb), rows, SAMPLED)


def samples(batch: FeatureBatch) -> list[judging.ViewSample]:
    """Each view of a batch, as it stands with these customers."""
    from finmodel.records import ViewState

    samples = []
    for place, view in enumerate(batch.views):
        states = batch.states[:, place]
        there = (states == ViewState.PRESENT) | (states == ViewState.STALE)
        samples.append(
            judging.ViewSample(
                view=view,
                ttl_s=float(batch.ttls_s[place]),
                streamed=bool((batch.offsets[:, place] >= 0).any()),
                ages_s=tuple(batch.ages_s[there, place].tolist()),
                missing=int((states == ViewState.MISSING).sum()),
                ahead=int((states == ViewState.FUTURE).sum()),
            )
        )
    return samples
