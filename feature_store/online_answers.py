"""What is read of customers, out of their values: ids and a plan in, one `FeatureBatch` out.

One compiled pass over the bytes; no protobuf and no Feast. Where the values lie is not known here:
every reader answers with this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from feature_store.packed_catalog import Stamped
from feature_store.packed_kernels import Sections
from feature_store.packed_keys import Place, checked_ids, keys_of, place_of
from feature_store.packed_tables import ttls_s
from feature_store.plan import ServicePlan
from feature_store.vectors import VectorReader, read_vectors, reader_of
from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.records import FeatureBatch

_KEPT = 64
"""Plans whose readers are kept; a process serves few."""


class OnlineReader(Protocol):
    """Whoever knows customers' features now; to be used by threads at the same time."""

    def fetch(
        self, ids: Sequence[Any] | npt.NDArray[Any], plan: ServicePlan, as_of: datetime
    ) -> FeatureBatch:
        """The plan's features of each id, in the ids' order, as of one time (with its zone).

        Missing, stale and later-than-`as_of` views are told apart by their state. BadInput for ids
        of the wrong type; NotReady if the store holds nothing; Damaged if a value is not whole.
        """
        ...

    def close(self) -> None:
        """Let go of the store; a later fetch opens it again."""
        ...


class Question(NamedTuple):
    """Whom a plan is to be answered for, and as of when."""

    plan: ServicePlan
    as_of: datetime
    ids: npt.NDArray[Any]
    place: Place

    @property
    def keys(self) -> list[bytes]:
        """The key of each id in the place."""
        return keys_of(self.plan.join_key, self.ids)


def question_of(
    ids: Sequence[Any] | npt.NDArray[Any], plan: ServicePlan, as_of: datetime
) -> Question:
    """The same, checked; BadInput for ids of the wrong type and for a time without a zone."""
    if as_of.tzinfo is None:
        raise BadInput("it has no zone", where="as_of", remedy="give a datetime with one")
    found = checked_ids(ids, plan.key_type)
    return Question(plan, as_of, found, place_of(plan.join_key, plan.key_type))


class Answers:
    """Answers from one store, whose catalog changes seldom: what follows from it is kept."""

    def __init__(self) -> None:
        self._readers: dict[ServicePlan, tuple[bytes, VectorReader]] = {}

    def batch(self, asked: Question, values: Sections, catalog: Stamped) -> FeatureBatch:
        """The answer that lies in the ids' values, as the catalog beside them explains it."""
        plan = asked.plan
        answer = read_vectors(values, self._reader(plan, catalog), micros(asked.as_of))
        return FeatureBatch(
            service=plan.service,
            as_of=asked.as_of,
            ids=asked.ids,
            names=plan.names,
            matrix=answer.matrix,
            views=plan.view_names,
            ages_s=answer.ages_s,
            states=answer.states,
            offsets=answer.offsets,
            ttls_s=ttls_s(plan),
        )

    def _reader(self, plan: ServicePlan, catalog: Stamped) -> VectorReader:
        kept = self._readers.get(plan)
        if kept is not None and kept[0] == catalog.stamp:
            return kept[1]
        reader = reader_of(plan, catalog.catalog)
        if len(self._readers) >= _KEPT:
            self._readers.clear()
        self._readers[plan] = catalog.stamp, reader
        return reader
