"""Workers over one map, killed and added under load, against one pass all alone."""

import os
import sys

import numpy as np
import pytest

from feature_store.online import OnlineFeatures
from finmodel.events import topic_of
from finmodel.lender.simulated import Lender
from tests.feature_store import killed_workers
from tests.feature_store.test_stream import (
    CUSTOMERS,
    PLANS,
    SERVICE,
    end_of,
    events,
    log,
    whole,
)

pytestmark = pytest.mark.servers

__all__ = ["events", "log", "whole"]  # fixtures
TOPICS = [plan.topic for plan in PLANS]


@pytest.mark.usefixtures("whole")  # what is compiled, is compiled once, before three need it
def test_workers_that_come_and_are_killed_count_each_event_once(broker, log, tmp_path):
    raw = [
        event
        for topic in TOPICS
        for number in range(log.partitions)
        for batch in log.read(topic, number)
        for event in batch.events()
    ]
    said: list[str] = []
    told = killed_workers.soak(broker, tmp_path, PLANS, raw, kills=10, tell=said.append)
    assert sum(told.kills.values()) >= 10
    assert len(told.kills) >= 3
    customers, as_of = np.arange(1, CUSTOMERS + 1), end_of(log)
    matrix = OnlineFeatures(tmp_path / "shared").fetch(customers, SERVICE, as_of).matrix
    assert np.count_nonzero(np.nan_to_num(matrix)) > 300


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_kills_without_end(broker, tmp_path, capsys):
    kills = int(os.environ.get("KILLS", "200"))
    lender = Lender(customers=20 * kills, days=60, seed=6, late_share=0.1, twice_share=0.1)
    raw = [event for event in lender.events() if topic_of(event) in TOPICS]

    def tell(what: object) -> None:
        sys.stderr.write(f"{what}\n")

    with capsys.disabled():
        told = killed_workers.soak(broker, tmp_path, PLANS, raw, kills=kills, tell=tell)
        tell(told)
    assert sum(told.kills.values()) >= kills
    assert len(told.kills) == 1 + len(killed_workers.POINTS)
