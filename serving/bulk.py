"""Many customers in one call: ids in, columns of scores out, one record of the call.

No object is made per customer. The record holds a hash of the rows, so that a list of scores can be
shown to be the one that was given. Knows nothing of HTTP but the two forms of its answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import orjson

from finmodel.errors import BadInput
from finmodel.records import FeatureBatch, Float64s, Person, ViewState
from risk import scaling
from serving.desk import Desk
from serving.live import Served
from serving.schemas import CustomerId, model_name

KIND = "scores"
INLINE = 32
"""Up to so many customers are scored on the spot; more would hold up the requests beside them."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Columns of one call, in the order of its ids."""

    score_id: str
    model: Served
    batch: FeatureBatch
    probability: Float64s
    """(n,) NaN where the customer is not known."""
    points: Float64s
    unknown: int


async def score(ids: list[CustomerId], person: Person, desk: Desk) -> Scored:
    """Score customers as of now; answered only after the call's record is durable."""
    model = desk.live.current()
    keys = _keys(ids, model)
    if len(ids) <= INLINE:
        work = _score_many(keys, model, desk)
    else:
        loop = asyncio.get_running_loop()
        work = await loop.run_in_executor(desk.pool, _score_many, keys, model, desk)
    batch, probability, points, digest = work
    unknown = int(np.isnan(points).sum())
    facts = {
        "model": model.manifest.name,
        "version": model.manifest.version,
        "digests": msgspec.to_builtins(model.manifest.digests),
        "service": model.manifest.service,
        "customers": len(ids),
        "unknown": unknown,
        "rows_sha256": digest,
        "actor": person.name,
        "actor_roles": sorted(person.roles),
        "demo": person.demo or model.manifest.demo,
    }
    score_id = await desk.audit.append_async(KIND, facts)
    desk.telemetry.scored(len(ids))
    return Scored(score_id, model, batch, probability, points, unknown)


def as_json(scored: Scored) -> bytes:
    """The answer as `schemas.Scores`; null stands for a customer who is not known."""
    told: dict[str, Any] = {
        "score_id": scored.score_id,
        "as_of": msgspec.to_builtins(scored.batch.as_of),
        "model": msgspec.to_builtins(model_name(scored.model.manifest)),
        "unknown": scored.unknown,
        "probability_of_default": scored.probability,
        "points": scored.points,
        "states": _states(scored),
    }
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)


def as_arrow(scored: Scored) -> bytes:
    """The same columns with their ids as an Arrow stream; the rest is in its schema's metadata."""
    import pyarrow as pa  # most services never need it, and it takes a while

    columns = {
        "customer_id": pa.array(scored.batch.ids),
        "probability_of_default": pa.array(scored.probability, from_pandas=True),
        "points": pa.array(scored.points, from_pandas=True),
        **{f"state_{view}": states for view, states in _states(scored).items()},
    }
    model = model_name(scored.model.manifest)
    metadata = {
        "score_id": scored.score_id,
        "as_of": msgspec.to_builtins(scored.batch.as_of),
        "model": msgspec.json.encode(model),
    }
    table = pa.table(columns, metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _score_many(
    keys: npt.NDArray[np.int64] | list[str], model: Served, desk: Desk
) -> tuple[FeatureBatch, Float64s, Float64s, str]:
    batch = desk.features.fetch(keys, model.plan, desk.clock.now())
    log_odds = scaling.calibrated(model.scorer.raw_many(batch.matrix), model.manifest.calibration)
    probability = scaling.probability(log_odds)
    points = scaling.points_many(log_odds, model.manifest.scaling)
    nobody = (batch.states == ViewState.MISSING).all(axis=1)
    probability[nobody] = points[nobody] = np.nan
    return batch, probability, points, _digest(keys, batch, probability)


def _keys(ids: list[CustomerId], model: Served) -> npt.NDArray[np.int64] | list[str]:
    """The ids as the store takes them; BadInput where one is of the other type."""
    numbers = model.plan.key_type == "int64"
    if set(map(type, ids)) != ({int} if numbers else {str}):
        raise BadInput(
            f"Expected only `{'int' if numbers else 'str'}`",
            where="the body at `$.customer_ids`",
            remedy="see /openapi.json",
        )
    return np.array(ids, dtype=np.int64) if numbers else [str(one) for one in ids]


def _digest(
    keys: npt.NDArray[np.int64] | list[str], batch: FeatureBatch, probability: Float64s
) -> str:
    """SHA-256 of ids, features and probabilities, in this order."""
    rows = sha256(keys.data if isinstance(keys, np.ndarray) else "\n".join(keys).encode())
    rows.update(batch.matrix.data)
    rows.update(probability.data)
    return rows.hexdigest()


def _states(scored: Scored) -> dict[str, npt.NDArray[np.uint8]]:
    """Each view's column of states, contiguous."""
    columns = np.ascontiguousarray(scored.batch.states.T)
    return dict(zip(scored.batch.views, columns, strict=True))
