"""How a real Redis stands, and some of whom it knows."""

import numpy as np
import pytest

from feature_store.packed_columns import ViewColumns
from feature_store.packed_keys import place_of
from feature_store.plan import FeaturePlan
from feature_store.redis_client import RedisPlace
from feature_store.redis_health import redis_health, some_ids
from feature_store.redis_writer import PackedRedisWriter
from finmodel.errors import NotReady

FEATURES = (FeaturePlan("x", "Float32"),)


@pytest.mark.servers
def test_a_redis_tells_its_room_its_policy_and_some_ids(empty_redis):
    with pytest.raises(NotReady, match="holds no features"):
        redis_health(empty_redis.address)
    writer = PackedRedisWriter(RedisPlace(empty_redis.address, "finmodel"))
    writer.apply({"bill": FEATURES}, [])
    rows = ViewColumns("bill", FEATURES, np.zeros(20, np.int64), np.ones((20, 1), np.float32))
    writer.write_columns("customer_id", np.arange(20), [rows])
    health = redis_health(empty_redis.address)
    assert health.used > 0
    assert health.policy == "noeviction"
    ids = some_ids(empty_redis.address, place_of("customer_id", "int64"), 8)
    assert len(set(ids.tolist())) == 8
    assert set(ids.tolist()) <= set(range(20))
