"""How full a Redis of online features is, what it does when it is full, and some whom it knows.

A connection string comes in, figures and ids go out. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np

from feature_store.online_reader import PROJECT
from feature_store.packed_keys import Place
from feature_store.redis_catalog import RedisCatalog
from feature_store.redis_client import RedisLink, RedisPlace
from feature_store.redis_values import RedisValues
from finmodel.records import Int64s


class RedisHealth(NamedTuple):
    """How a Redis stands."""

    name: str
    """Its host and port; no password."""
    used: int
    """Bytes of memory."""
    limit: int
    """Most that it may take; 0 where it has no limit."""
    policy: str
    """What it does when it is full; empty where it does not say."""


def redis_health(connection_string: str) -> RedisHealth:
    """Ask a Redis how it stands; NotReady where it does not answer or holds no features."""
    link = RedisLink(RedisPlace(connection_string, PROJECT))
    try:
        RedisCatalog(link, PROJECT).read_whole()
        told = link.ask("INFO", "memory")
    finally:
        link.close()
    # Of a cluster each node answers for itself: none of them is said to be the whole.
    one: Mapping[str, object] = told if isinstance(told, Mapping) and "used_memory" in told else {}
    used, limit = (int(str(one.get(name, 0))) for name in ("used_memory", "maxmemory"))
    return RedisHealth(link.name, used, limit, str(one.get("maxmemory_policy", "")))


def some_ids(connection_string: str, rows: Place, most: int) -> Int64s:
    """(n,) int64 ids of which a Redis has rows, in no order of theirs; at most so many."""
    link = RedisLink(RedisPlace(connection_string, PROJECT))
    try:
        incarnation = RedisCatalog(link, PROJECT).read_whole().incarnation
        head = RedisValues(link, PROJECT).keys(incarnation, rows, [b""])[0]
        found = islice(link.keys(f"{head.decode()}*"), most)
        return np.frombuffer(b"".join(name[len(head) :] for name in found), "<i8").copy()
    finally:
        link.close()
