"""What was removed from a map is in none of its pages, and everybody else is as before."""

import numpy as np
import pytest

from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_scrub import scrub
from feature_store.packed_columns import ViewColumns
from feature_store.packed_keys import keys_of, place_of
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan
from finmodel.errors import NotReady
from tests.feature_store.map_values import values_in

NAMES = tuple(FeaturePlan(f"f{n}", "Float32") for n in range(9))
WHO = 0x5A5A_1234_ABCD_EF01
FAR = np.unique(np.random.default_rng(5).integers(2**62, 2**63, 800))
IDS = np.array([*range(1, 800), WHO, *FAR])
PLACE = place_of("customer_id", "int64")


@pytest.fixture
def writer(tmp_path):
    found = PackedWriter(MapPlace(tmp_path, 0.1), "lender")
    values = np.random.default_rng(3).normal(size=(len(IDS), len(NAMES))).astype(np.float32)
    values[IDS == WHO] = 1234.5678
    for at in range(3):  # older pages of the same rows are free by now
        views = [ViewColumns("bill", NAMES, np.full(len(IDS), 10**15 + at), values)]
        found.write_columns("customer_id", IDS, views)
    return found


def rows(folder):
    return values_in(MapPlace(folder, 0.1))


def test_a_forgotten_customer_is_in_no_page(writer, tmp_path):
    (key,), before = keys_of("customer_id", np.array([WHO])), rows(tmp_path)
    told = np.full(4, 1234.5678, np.float32).tobytes()
    whole = (tmp_path / "data.mdb").read_bytes()
    assert whole.count(key) >= 1
    assert whole.count(told) > 3  # each of them has older copies
    assert writer.forget("customer_id", np.array([WHO, 5000])) == 1
    whole = (tmp_path / "data.mdb").read_bytes()
    assert (whole.count(key), whole.count(told)) == (0, 0)
    assert rows(tmp_path) == {one: value for one, value in before.items() if one != key}
    assert (writer.held("customer_id", IDS[:9]), writer.held("customer_id", np.array([WHO]))) == (
        9,
        0,
    )


def test_a_key_goes_from_where_pages_part_too(writer, tmp_path):
    whole = (tmp_path / "data.mdb").read_bytes()
    parting = [who for who in FAR if whole.count(who.tobytes()) > 1]
    assert parting
    assert writer.forget("customer_id", np.array(parting[:1])) == 1
    assert (tmp_path / "data.mdb").read_bytes().count(parting[0].tobytes()) == 0


def test_a_short_run_of_one_customer_is_in_no_page(writer, tmp_path):
    """LMDB lays it among others in a page, and leaves it there when it is deleted."""
    told = []
    for n in range(6):
        who = np.array([WHO] if n != 4 else [*FAR[:30]])
        values = np.full((len(who), len(NAMES)), 4321.5 + n, np.float32)
        views = [ViewColumns("bill", NAMES, np.full(len(who), 2 * 10**15 + n), values)]
        writer.write_columns("customer_id", who, views)
        told += [] if n == 4 else [values[0, :4].tobytes()]
    whole = (tmp_path / "data.mdb").read_bytes()
    assert all(one in whole for one in told[-2:])
    assert writer.forget("customer_id", np.array([WHO])) == 1
    whole = (tmp_path / "data.mdb").read_bytes()
    assert WHO.to_bytes(8, "little") not in whole
    assert not [n for n, one in enumerate(told) if one in whole]


def test_the_file_does_not_grow_with_each_who_is_forgotten(writer, tmp_path):
    sizes = []
    for who in range(1, 7):
        assert writer.forget("customer_id", np.array([who])) == 1
        sizes.append((tmp_path / "data.mdb").stat().st_size)
    assert sizes[-1] - sizes[1] <= 32 * 4096, sizes


def test_what_somebody_still_reads_is_told_and_gone_at_the_next_try(writer, tmp_path, monkeypatch):
    monkeypatch.setattr("feature_store.lmdb_scrub._WAIT_S", 0.0)
    found, (key,) = open_map(MapPlace(tmp_path, 0.1)), keys_of("customer_id", np.array([WHO]))
    with found.reading(PLACE.name):
        value = rows(tmp_path)[key]
        with pytest.raises(NotReady, match="older pages"):
            writer.forget("customer_id", np.array([WHO]))
    assert writer.forget("customer_id", np.array([WHO])) == 0
    assert value not in (tmp_path / "data.mdb").read_bytes()
    scrub(found, [value])


def test_another_customers_row_may_be_the_same(writer, tmp_path):
    values = np.full((2, len(NAMES)), 5.0, np.float32)
    views = [ViewColumns("bill", NAMES, np.full(2, 2 * 10**15), values)]
    writer.write_columns("customer_id", IDS[:2], views)
    assert writer.forget("customer_id", IDS[:1]) == 1
    assert writer.held("customer_id", IDS[:2]) == 1


def test_where_there_is_no_map_nothing_is_made(tmp_path):
    writer = PackedWriter(MapPlace(tmp_path / "none", 0.1), "lender")
    assert writer.held("customer_id", IDS) == writer.forget("customer_id", IDS) == 0
    assert not (tmp_path / "none").exists()
