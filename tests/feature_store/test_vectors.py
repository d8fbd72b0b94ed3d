"""Scores written beside the events that moved them, and writers that are out of step."""

import subprocess
import sys
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from feature_store.event_log import FileEventLog
from feature_store.event_measures import columns_of
from feature_store.event_table import table_of
from feature_store.lmdb_map import MapPlace
from feature_store.online import OnlineFeatures
from feature_store.packed_counting import Part
from feature_store.packed_keys import JOIN_KEY
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.stream import Stream, catch_up
from feature_store.vectors import Scoring
from finmodel.errors import NoRoom, Refused
from tests.feature_store.test_stream import (
    CUSTOMERS,
    PLANS,
    SERVICE,
    WORKER,
    end_of,
    events,
    writer_at,
)
from tests.feature_store.test_tile_sections import stored

__all__ = ["events"]
NAMES = ("total", "first")
SCORES = ServicePlan(
    "scores_v1",
    "customer_id",
    "int64",
    (ViewPlan("scores", 0.0, tuple(FeaturePlan(name, "Float32") for name in NAMES)),),
)
IDS = np.arange(1, CUSTOMERS + 1)


def of_vector(matrix: np.ndarray) -> np.ndarray:
    return np.stack([np.nansum(matrix, axis=1), matrix[:, 0]], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def log(events) -> FileEventLog:
    return FileEventLog(events)


def test_whoever_had_new_events_is_scored_on_what_was_just_counted(log, tmp_path):
    as_of = end_of(log)
    scoring = Scoring(SERVICE, "scores", NAMES, of_vector, lambda: as_of)
    catch_up(log, writer_at(tmp_path), PLANS, scoring=scoring)
    online = OnlineFeatures(tmp_path)
    vectors, scores = (online.fetch(IDS, plan, as_of) for plan in (SERVICE, SCORES))
    scored = scores.ages_s[:, 0] == 0.0
    had_events = (vectors.offsets >= 0).any(axis=1)
    np.testing.assert_array_equal(scored, had_events)
    assert 10 < scored.sum() < CUSTOMERS
    np.testing.assert_array_equal(scores.matrix[scored], of_vector(vectors.matrix[scored]))


def test_who_had_none_keeps_the_score_of_before(log, tmp_path):
    first, later = end_of(log), end_of(log) + timedelta(days=9)
    writer, now = writer_at(tmp_path), [first]
    scoring = Scoring(SERVICE, "scores", NAMES, of_vector, lambda: now[0])
    catch_up(log, writer, PLANS, scoring=scoring)
    now[0] = later
    catch_up(log, writer, PLANS, scoring=scoring)
    scores = OnlineFeatures(tmp_path).fetch(IDS, SCORES, later)
    known = ~np.isnan(scores.matrix[:, 0])
    assert (scores.ages_s[known, 0] == 9 * 86_400).all()


def test_a_writer_that_lost_its_partition_can_do_no_harm(log, tmp_path):
    """It comes late with what another counted, or runs ahead of what nobody has."""
    plan, writer = PLANS[1], writer_at(tmp_path)
    stream = Stream(log, writer, [plan])
    batches = list(log.read(plan.topic, 0))
    assert len(batches) > 3
    stream.count(batches[:2])
    again = stream.count(batches[:2])
    assert [one.seen for one in again] == [sum(map(len, batches[:2]))]
    table, _ = table_of(batches[3])
    ahead = Part(plan, columns_of(plan, table, 0))
    with pytest.raises(Refused, match=r"\[0\]: events from offset \d+ to \d+ would be left out"):
        writer.write_parts(JOIN_KEY, [ahead])
    assert writer.position(plan, 0, 0) == batches[1].end
    half = stream.count(batches[1:3])  # half of it known
    assert [(one.seen, one.events) for one in half] == [
        (len(batches[1]), len(batches[1]) + len(batches[2]))
    ]


def test_a_map_that_is_full_is_told_and_goes_on_when_it_has_room(log, events, tmp_path):
    small = PackedWriter(MapPlace(tmp_path, 0.00004, sync=False), "finmodel")
    with pytest.raises(NoRoom, match="the map is full"):
        catch_up(log, small, PLANS)
    # The first in a process to open a map decides on its size: start again.
    told = msgspec.json.encode(PLANS).decode()
    command = [sys.executable, "-c", WORKER, str(events), str(tmp_path), told]
    subprocess.run(command, check=True)
    catch_up(log, writer_at(tmp_path / "whole"), PLANS)
    customers = IDS.tolist()
    assert stored(tmp_path, customers) == stored(tmp_path / "whole", customers)
