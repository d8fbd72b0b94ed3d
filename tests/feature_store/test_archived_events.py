"""Events of a topic out of the archive, against the log that they came from."""

from __future__ import annotations

import numpy as np
import pytest

from feature_store.archive import archive_log
from feature_store.archive_files import files_of
from feature_store.archive_key import make_archive
from feature_store.archived_events import happened
from feature_store.event_log import FileEventLog, append_all, partition_of
from finmodel.clock import micros
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.lender.simulated import Lender
from finmodel.settings import Settings

DRAWN = "loan.drawdown.v1"


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    made = Settings(home=home, data=home)
    with FileEventLog(made.events, write=True) as log:
        append_all(log, events())
    archive_log(FileEventLog(made.events), make_archive(made), at_least=1)
    return made


def events():
    return list(Lender(customers=200, days=120, seed=8, twice_share=0.0).events())


def test_who_did_it_and_when_is_as_in_the_log(settings):
    told = [one for one in events() if one.__struct_config__.tag == DRAWN]
    times = sorted(micros(one.occurred_at) for one in told)
    since, until = times[len(times) // 4], times[len(times) // 2]
    expected = sorted(
        (one.customer_id, micros(one.occurred_at))
        for one in told
        if since <= micros(one.occurred_at) < until
    )
    found = happened(settings, DRAWN, since, until)
    assert len(expected) > 20
    assert sorted(zip(found.customer.tolist(), found.at_us.tolist(), strict=True)) == expected


def test_a_topic_that_nothing_happened_on_is_empty(settings):
    found = happened(settings, "card.status.v1", 0, 2**62)
    assert len(found.customer) == 0
    assert found.known_us is None


def latest(told, partitions: int) -> dict[int, int]:
    """When the last drawdown of each partition became known, one by one."""
    last: dict[int, int] = {}
    for one in told:
        if one.__struct_config__.tag == DRAWN:
            place = partition_of(one.customer_id, partitions)
            last[place] = max(last.get(place, 0), micros(one.known_at))
    return last


def test_events_are_known_up_to_what_the_partition_furthest_behind_tells(tmp_path):
    """One partition is archived after the others, as by a worker that waits for more of it."""
    made, told = Settings(home=tmp_path, data=tmp_path), sorted(events(), key=lambda e: e.known_at)
    early = told[: len(told) // 2]
    archive = make_archive(made)
    with FileEventLog(made.events, write=True) as log:
        append_all(log, early)
        partitions = log.partitions
    archive_log(FileEventLog(made.events), archive, at_least=1)
    first = latest(early, partitions)
    assert happened(made, DRAWN, 0, 2**62).known_us == min(first.values())
    with FileEventLog(made.events, write=True) as log:
        append_all(log, told[len(told) // 2 :])
    behind = partition_of(7, partitions)
    others = [one for one in range(partitions) if one != behind]
    archive_log(FileEventLog(made.events), archive, partitions=others, at_least=1)
    assert happened(made, DRAWN, 0, 2**62).known_us == first[behind]
    archive_log(FileEventLog(made.events), archive, at_least=1)
    assert happened(made, DRAWN, 0, 2**62).known_us == min(latest(told, partitions).values())


def test_a_topic_that_does_not_exist_is_refused(settings):
    with pytest.raises(BadInput, match=r"'loan\.paid\.v1': there is no such topic; choose of card"):
        happened(settings, "loan.paid.v1", 0, 1)


def test_where_nothing_was_archived_it_says_so(tmp_path):
    with pytest.raises(NotReady, match="no events are archived yet"):
        happened(Settings(home=tmp_path, data=tmp_path), DRAWN, 0, 1)


def test_a_file_that_is_no_parquet_is_damaged(settings):
    folder = settings.archive / DRAWN
    file = files_of(folder)[0]
    whole = (folder / file.name).read_bytes()
    (folder / file.name).write_bytes(whole[:-50])
    with pytest.raises(Damaged, match="it cannot be read as archived events"):
        happened(settings, DRAWN, 0, 2**62)
    (folder / file.name).write_bytes(whole)
    assert isinstance(happened(settings, DRAWN, 0, 2**62).customer, np.ndarray)
