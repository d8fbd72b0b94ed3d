"""Values in runs are what was put, whatever was moved, removed, stopped or damaged meanwhile."""

from __future__ import annotations

import mmap
import os
import shutil
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from feature_store import lmdb_rewriting, lmdb_values, packed_writer, run_kernels
from feature_store.earlier_maps import bring_up_map
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_rewriting import bring_up, remove
from feature_store.lmdb_room import Room, account_of, each_run, names_of
from feature_store.lmdb_values import find, put, take, values_of
from feature_store.online import OnlineFeatures
from feature_store.online_reader import PROJECT
from feature_store.packed_catalog import BOOK, META, load
from feature_store.packed_columns import ViewColumns, joined
from feature_store.packed_keys import keys_of, place_of
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.run_kernels import entries_of
from finmodel.errors import Damaged, NotReady
from finmodel.settings import Settings
from tests.feature_store.map_values import CUSTOMERS, key_of, values_in
from tests.feature_store.test_tile_sections import PLAN, events, part

TEXTS = place_of("name", "string")


def keyed(ids: np.ndarray) -> list[bytes]:
    return keys_of("customer_id", np.sort(ids.view(np.uint64)).view(np.int64))


@pytest.fixture
def place(tmp_path: Path) -> MapPlace:
    return MapPlace(tmp_path / "map", 0.5, sync=False)


@contextmanager
def room_of(place: MapPlace, of=CUSTOMERS):
    with open_map(place).writing(names_of(of)) as (txn, handles):
        yield txn, Room(*handles)


def write(place: MapPlace, keys: list[bytes], values: list[bytes], of=CUSTOMERS) -> None:
    with room_of(place, of) as (txn, room):
        put(txn, room, keys, find(txn, room, keys).numbers, joined(values))


def keys_of_runs(place: MapPlace) -> list[int]:
    with room_of(place) as (txn, room):
        return [number for number, _ in each_run(txn, room)]


def lying(place: MapPlace, *, whole: bool = True) -> int:
    """How many values lie in runs, older copies among them."""
    with room_of(place) as (txn, room):
        account = account_of(txn, room)
        runs = [entries_of(run, account.numbers) for _, run in each_run(txn, room)]
        found = sum(len(run.at) for run in runs if run is not None)
        assert found == account.values or not whole
        return found


@tried(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 30, 32_766]))
def test_what_was_put_last_is_found_and_old_copies_do_not_pile_up(tmp_path_factory, seed, most):
    rng = np.random.default_rng(seed)
    place, known = MapPlace(tmp_path_factory.mktemp("map"), 0.5, sync=False), dict[bytes, bytes]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lmdb_values, "_SPARE", int(rng.integers(0, 40)))
        patch.setattr(lmdb_rewriting, "_AT_ONCE", 7)
        for _ in range(40):
            ids = np.unique(rng.integers(-40, 200, rng.choice([1, 3, 90])))
            keys = keyed(ids)
            sizes = rng.choice([1, 2, 40, most + 1], len(keys), p=[0.4, 0.3, 0.29, 0.01])
            write(place, keys, values := [rng.bytes(8 * size) for size in sizes])
            known.update(zip(keys, values, strict=True))
            if rng.random() < 0.1:
                gone = keyed(np.unique(rng.integers(-40, 200, 3)))
                removed, _ = remove(open_map(place), CUSTOMERS, gone)
                assert removed == len([key for key in gone if known.pop(key, None) is not None])
            assert values_in(place) == known
    for _ in range(6):  # with calls that put much, what is more than twice goes
        write(place, list(known), list(known.values()))
    assert lying(place) <= 3 * len(known)


def test_a_call_that_puts_little_moves_little(place):
    ids = np.arange(20_000)
    for _ in range(2):
        write(place, keyed(ids), [bytes(64)] * len(ids))
    with room_of(place) as (txn, room):
        before = [number for number, _ in each_run(txn, room)]
    write(place, keyed(ids[:1]), [bytes(64)])
    with room_of(place) as (txn, room):
        after = [number for number, _ in each_run(txn, room)]
    assert len(set(before) - set(after)) == 1


def test_everybody_who_comes_again_takes_no_more_room(place):
    rng, ids = np.random.default_rng(2), np.arange(3000)
    sizes = []
    for n in range(60):
        some = rng.choice(ids, 1000, replace=False) if n else ids
        write(place, keyed(some), [bytes(400)] * len(some))
        sizes.append(open_map(place).last_page)
    assert max(sizes[30:]) <= 1.1 * max(sizes[:30])
    assert sizes[-1] * 4096 < 5 * 400 * len(ids)


def test_keys_of_text_and_of_whole_numbers_each_have_their_own(place):
    text = keys_of("name", np.array(["a", "b"], object))
    write(place, text, [bytes(8), bytes(16)], TEXTS)
    write(place, [key_of(1)], [bytes(24)])
    with room_of(place, TEXTS) as (txn, room):
        assert values_of(txn, room, [text[1], b"c", text[0]]) == [bytes(16), b"", bytes(8)]
    assert values_in(place) == {key_of(1): bytes(24)}


def test_a_transaction_that_fails_leaves_everything(place):
    write(place, keyed(np.arange(50)), [bytes(8)] * 50)
    before = values_in(place)
    with suppress(ZeroDivisionError), room_of(place) as (txn, room):
        keys = keyed(np.arange(100))
        put(txn, room, keys, find(txn, room, keys).numbers, joined([bytes(800)] * 100))
        1 / 0  # noqa: B018
    assert values_in(place) == before
    write(place, [key_of(70)], [bytes(16)])
    assert values_in(place) == before | {key_of(70): bytes(16)}


# --------------------------------------------------------------------------- an earlier version's


XY = (FeaturePlan("x", "Float32"), FeaturePlan("y", "Float32"))


def bills(n: int, x: float) -> list[ViewColumns]:
    return [ViewColumns("bill", XY, np.full(n, 10**15), np.full((n, 2), x, np.float32))]


@pytest.fixture
def older(place: MapPlace) -> MapPlace:
    """A map of 25,000 customers as versions before wrote it: a value for each key."""
    PackedWriter(place, PROJECT).write_columns("customer_id", np.arange(25_000), bills(25_000, 7))
    values = values_in(place)
    with open_map(place).writing({META: False} | names_of(CUSTOMERS)) as (txn, handles):
        meta, *others, rows = handles
        txn.drop(rows, delete=False)
        for handle in others:
            txn.drop(handle)
        txn.put(
            BOOK, bytes(txn.get(BOOK, None, meta)).replace(b'"format":2', b'"format":1'), db=meta
        )
        txn.cursor(rows).putmulti(sorted(values.items(), key=lambda row: row[0][::-1]))
    open_map(place).close()
    return place


def test_whoever_reads_what_an_earlier_version_wrote_says_what_to_do(older):
    with pytest.raises(NotReady, match=r"earlier version.*features apply"):
        values_in(older)


def test_what_an_earlier_version_knows_of_is_told(older):
    writer = PackedWriter(older, PROJECT)
    assert writer.held("customer_id", np.array([3, 30_000])) == 1
    writer.apply({"bill": XY}, [])
    with open_map(older).reading(META) as (txn, (meta,)):
        assert load(txn, meta).catalog.format == 2  # which it says that it does not read


@pytest.mark.parametrize("act", ["apply", "write", "events", "forget"])
def test_whoever_writes_brings_it_up_first(older, act):
    writer, expected = PackedWriter(older, PROJECT), 25_000
    if act == "apply":
        writer.apply({"bill": XY}, [])
    elif act == "write":
        writer.write_columns("customer_id", [3, 99_999], bills(2, 7))
        expected += 1
    elif act == "events":
        writer.write_events("customer_id", PLAN, events(1, 50, customers=3))
    else:
        assert writer.forget("customer_id", np.array([3])) == 1
        expected -= 1
    found = values_in(older)
    assert len(found) == expected
    assert len(set(found.values())) == (4 if act == "events" else 1)


def test_a_service_brings_its_map_up_when_it_starts(older, tmp_path):
    settings = Settings(home=tmp_path, data=tmp_path)
    bring_up_map(settings)  # where there is none yet, it makes none
    assert not settings.online.exists()
    shutil.copytree(older.path, settings.online)
    bring_up_map(settings)
    assert len(values_in(MapPlace(settings.online, settings.online_map_gb))) == 25_000


def test_what_is_as_it_should_be_is_left(place):
    write(place, keyed(np.arange(50)), [bytes(8)] * 50)
    with room_of(place) as (txn, room):
        before = dict(each_run(txn, room))
    with room_of(place) as (txn, room):
        bring_up(open_map(place), txn, room, CUSTOMERS)
    with room_of(place) as (txn, room):
        assert dict(each_run(txn, room)).keys() == before.keys()


# -------------------------------------------------------------------------------------- removed


def test_no_copy_of_a_removed_value_is_left_in_a_run(place):
    values = [bytes([7, n]) * 100 for n in range(5)]
    for value in values:
        write(place, keyed(np.arange(30)), [value if n == 4 else bytes(8) for n in range(30)])
    count, copies = remove(open_map(place), CUSTOMERS, [key_of(4), key_of(99)])
    assert count == 1
    assert {values[-1]} < copies <= set(values)  # some were cleared away before
    with room_of(place) as (txn, room):
        runs = b"".join(run.tobytes() for _, run in each_run(txn, room))
    assert not any(value in runs for value in values)
    assert set(values_in(place)) == {key_of(n) for n in range(30) if n != 4}


def after(act: str, place: MapPlace, *, keeps: bool) -> dict[bytes, bytes]:
    """What lies in a map when a worker counted, something happened, and it went on."""
    log = events(1, 240, customers=8)
    log.customers[:60] = 1 + log.customers[:60] % 4
    worker = PackedWriter(place, "lender")

    def count(rows: slice) -> None:
        by = worker if keeps else PackedWriter(place, "lender")
        by.write_events("customer_id", PLAN, part(log, np.arange(240)[rows]))

    count(slice(0, 60))
    if act == "put back":
        open_map(place).close()
        shutil.copy(place.path / "data.mdb", place.path / "copy.mdb")
    count(slice(60, 100))
    other, go_on = PackedWriter(place, "lender"), 100
    if act == "forget":
        assert other.forget("customer_id", np.array([1])) == 1
    elif act == "clear":
        other.clear()
        go_on = 0
    else:
        (place.path / "copy.mdb").replace(place.path / "data.mdb")
        go_on = 60
        worker.counted()  # as a worker looks every few seconds
    other.write_columns("customer_id", [77], bills(1, 1))
    count(slice(go_on, 240))
    return values_in(place)


@pytest.mark.parametrize("act", ["forget", "clear", "put back"])
def test_a_worker_that_remembers_numbers_sees_when_they_are_others(tmp_path, act):
    """It would put a value under a number that no key has any more, or that another has."""
    keeping, fresh = (MapPlace(tmp_path / name, 0.1) for name in ("keeping", "fresh"))
    found = after(act, keeping, keeps=True)
    assert found == after(act, fresh, keeps=False)
    assert len(found) == 9


@pytest.mark.parametrize(("theirs", "times"), [(False, 1), (True, 2)])
def test_only_what_another_worker_changed_is_worked_out_again(place, monkeypatch, theirs, times):
    """That it moved somebody's value behind its own is no change."""
    log, others = events(1, 100, customers=8), np.arange(100, 400)
    worker, other = PackedWriter(place, "lender"), PackedWriter(place, "lender")
    worker.write_events("customer_id", PLAN, part(log, np.arange(60)))
    other.write_columns("customer_id", others, bills(300, 1))
    before, made, calls = PackedWriter._before, packed_writer._made, []

    def meanwhile(self, *asked):
        found = before(self, *asked)
        monkeypatch.setattr(PackedWriter, "_before", before)
        oldest = keys_of_runs(place)[0]
        for n in range(4):
            other.write_columns("customer_id", others, bills(300, n))
        assert keys_of_runs(place)[0] > oldest
        if theirs:
            other.write_columns("customer_id", log.customers[90:91], bills(1, 1))
        return found

    monkeypatch.setattr(PackedWriter, "_before", meanwhile)
    monkeypatch.setattr(packed_writer, "_made", lambda *a: calls.append(1) or made(*a))
    worker.write_events("customer_id", PLAN, part(log, np.arange(60, 100)))
    assert len(calls) == times
    whole = MapPlace(place.path.parent / "whole", 0.1)
    PackedWriter(whole, "lender").write_events("customer_id", PLAN, log)
    mine = {
        key: value
        for key, value in values_in(place).items()
        if key[1:] == bytes(7) and key[0] < 100
    }
    assert theirs or mine == values_in(whole)


# -------------------------------------------------------------------------------------- damaged


@pytest.mark.parametrize("seed", range(4))
def test_a_run_with_a_word_changed_is_damaged_or_still_whole(place, seed):
    """Nothing is read past its end, and whose numbers are not beside their values is told so."""
    rng = np.random.default_rng(seed)
    write(place, keyed(np.arange(20)), [bytes([n]) * 8 * (n + 1) for n in range(20)])
    damaged = 0
    with room_of(place) as (txn, room):
        ((number, run),) = each_run(txn, room)
        run = run.copy()
    for _ in range(150):
        words = run.copy()
        at = rng.integers(0, len(run))
        words[at] = rng.choice([-1, 0, 1, 19, 21, 70, 10**6, -(2**63)])
        words = words[: rng.choice([len(words), len(words), rng.integers(0, len(words))])]
        with room_of(place) as (txn, room):
            txn.put(number.to_bytes(8, "little"), words.tobytes(), db=room.runs)
        try:
            found = values_in(place)
        except Damaged:
            damaged += 1
            continue
        lay = [bytes([n]) * 8 * (n + 1) for n in range(20)]
        other = [n for n in range(20) if found[key_of(n)] != lay[n]]
        # A changed start may cut between two neighbours; any other word is of one value.
        assert len(other) <= 2, (at, other)
    assert damaged > 30


def test_a_damaged_run_stops_nobody_who_does_not_read_it(place):
    for n in range(3):
        write(place, keyed(np.arange(10 * n, 10 * n + 10)), [bytes([n]) * 8] * 10)
    with room_of(place) as (txn, room):
        txn.put((1).to_bytes(8, "little"), b"\xff" * 200, db=room.runs)
    for _ in range(9):  # old copies are cleared away behind it
        write(place, keyed(np.arange(10, 30)), [bytes(16)] * 20)
    assert lying(place, whole=False) < 150
    assert remove(open_map(place), CUSTOMERS, [key_of(15)])[0] == 1
    with room_of(place) as (txn, room):
        assert values_of(txn, room, keyed(np.arange(14, 17))) == [bytes(16), b"", bytes(16)]
        for n in (0, 9):
            with pytest.raises(Damaged):
                values_of(txn, room, [key_of(n)])


def test_who_is_erased_takes_nobody_along_out_of_a_damaged_run(place):
    write(place, keyed(np.arange(6)), [bytes([n]) * 16 for n in range(6)])
    with room_of(place) as (txn, room):
        ((number, run),) = each_run(txn, room)
        run = run.copy()
        run[3] = -1  # before the second's value
        txn.put(number.to_bytes(8, "little"), run.tobytes(), db=room.runs)
    assert remove(open_map(place), CUSTOMERS, [key_of(4)]) == (1, {bytes([4]) * 16})
    with room_of(place) as (txn, room):
        others = values_of(txn, room, [key_of(n) for n in (0, 2, 3, 4, 5)])
        assert others == [bytes([n]) * 16 if n != 4 else b"" for n in (0, 2, 3, 4, 5)]
        with pytest.raises(Damaged):
            values_of(txn, room, [key_of(1)])


def test_who_is_erased_from_a_map_that_was_cleared_does_not_make_it_one_that_holds_nothing(place):
    writer = PackedWriter(place, "lender")
    writer.write_columns("customer_id", [1], bills(1, 1))
    writer.clear()
    assert writer.forget("customer_id", np.array([1])) == 0
    with pytest.raises(NotReady, match="empty"), open_map(place).reading(META) as (txn, (meta,)):
        load(txn, meta)


def test_a_forked_child_reads_where_the_map_is_for_it(place):
    """What its parent remembers of where runs lie is of the parent's memory."""
    ids = np.arange(4000)
    PackedWriter(place, "lender").write_columns("customer_id", ids, bills(4000, 3))
    open_map(place).close()
    plan = ServicePlan("s", "customer_id", "int64", (ViewPlan("bill", 0.0, XY),))
    online, now = OnlineFeatures(place.path), datetime(2002, 1, 1, tzinfo=UTC)
    assert (online.fetch(ids, plan, now).matrix == 3).all()
    child = os.fork()
    if not child:
        room = [mmap.mmap(-1, 1 << 20) for _ in range(8)]  # where the map may have lain
        right = False
        with suppress(BaseException):
            right = bool((online.fetch(ids, plan, now).matrix == 3).all()) and len(room) == 8
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_an_account_that_is_not_whole_is_damaged(place):
    write(place, [key_of(1)], [bytes(8)])
    with room_of(place) as (txn, room):
        txn.put((2**64 - 1).to_bytes(8, "little"), bytes(24), db=room.pointers)
    with pytest.raises(Damaged, match="account"):
        write(place, [key_of(1)], [bytes(8)])


@pytest.mark.parametrize("seed", range(2))
def test_pointers_that_were_changed_are_damaged(place, seed):
    rng = np.random.default_rng(seed)
    write(place, keyed(np.arange(600)), [bytes(8 * (1 + n % 5)) for n in range(600)])
    with room_of(place) as (txn, room):
        name = (0).to_bytes(8, "little")
        chunk = np.frombuffer(txn.get(name, None, room.pointers), "<i8").copy()
    for wrong in (5, -1, chunk[9], 1 << 16 | 600, 77 << 16, rng.integers(1 << 16, 2**62)):
        spoilt = chunk.copy()
        spoilt[8] = wrong
        with room_of(place) as (txn, room):
            txn.put(name, spoilt.tobytes(), db=room.pointers)
        with pytest.raises(Damaged):
            values_in(place)


def test_reading_one_of_many_is_reading_one(place):
    """The answer for a customer does not depend on who else is asked for."""
    ids = np.arange(5000)
    PackedWriter(place, "lender").write_columns("customer_id", ids, bills(5000, 3))
    with open_map(place).reading(*names_of(CUSTOMERS)) as (txn, handles):
        room = Room(*handles)
        keys = keyed(ids)
        whole = take(txn, room, find(txn, room, keys))
        for i in (0, 1, 2500, 4999):
            one = take(txn, room, find(txn, room, [keys[i]]))
            at = slice(whole.starts[i], whole.starts[i + 1])
            assert one.words.tobytes() == whole.words[at].tobytes()
    assert OnlineFeatures(place.path)


def test_a_value_of_any_length_has_a_run(place):
    longest = [bytes(8 * (run_kernels.MOST_WORDS - n)) for n in (2, 1, 0, -70_000)]
    write(place, keyed(np.arange(6)), [bytes(8), *longest, bytes(8)])
    assert [len(value) for value in values_in(place).values()] == [8, *map(len, longest), 8]
