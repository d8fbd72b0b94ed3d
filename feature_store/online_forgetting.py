"""One customer's row of online features: counted, or removed with every byte of it.

Settings and a customer come in; whichever store they name is asked. What a Redis wrote to its own
disk, or sent to a replica, is not known here.
"""

from __future__ import annotations

import numpy as np

from feature_store.lmdb_map import MapPlace
from feature_store.online_reader import PROJECT
from feature_store.packed_keys import JOIN_KEY
from feature_store.packed_writer import PackedWriter
from feature_store.redis_client import RedisPlace
from feature_store.redis_writer import PackedRedisWriter
from finmodel.retention import Found
from finmodel.settings import Settings

STORE = "online features"


def held_online(settings: Settings, customer: int) -> Found:
    """Whether there is a row, which has the features and tiles of all views."""
    return Found(STORE, _writer(settings).held(JOIN_KEY, np.array([customer], np.int64)))


def forget_online(settings: Settings, customer: int) -> int:
    """Remove it; how many there were."""
    return _writer(settings).forget(JOIN_KEY, np.array([customer], np.int64))


def _writer(settings: Settings) -> PackedWriter | PackedRedisWriter:
    if settings.online_store:
        return PackedRedisWriter(RedisPlace(settings.online_store, PROJECT))
    return PackedWriter(MapPlace(settings.online, settings.online_map_gb), PROJECT)
