from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from finmodel import audit_format as fmt
from finmodel.errors import BadInput, NotFound

LOG = bytes(range(16))
ids = st.integers(1, 99_999_999), st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32)
values = st.one_of(
    st.floats(width=64, allow_nan=True),
    st.integers(-(2**63), 2**63 - 1),
    npst.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8]),
        npst.array_shapes(min_dims=1, max_dims=2, max_side=5),
    ),
)
columns = st.dictionaries(st.text(min_size=1).filter(lambda n: n != fmt.TIME), values, max_size=5)


def frame(body: bytes, offset: int) -> tuple[fmt.Head, bytes]:
    """A frame at `offset` with the digest that stands before it."""
    bare = fmt.encode_frame(fmt.ENTRY, 104, offset, fmt.Draft(b"", 5, b"\1" * 9, body))
    before = b"\7" * fmt.DIGEST
    chained = before + bare
    return fmt.decode_head(chained, fmt.DIGEST), chained + fmt.digest_at(LOG, 1, offset, chained)


@given(columns)
def test_columns_come_back_bit_for_bit(given_columns: dict[str, Any]) -> None:
    shape, raw = fmt.pack_columns("decision", given_columns)
    back = fmt.unpack_columns(fmt.decode_shape(shape), raw)
    assert back.keys() == given_columns.keys()
    for name, value in given_columns.items():
        there = np.asarray(value)
        assert back[name].dtype == there.dtype
        assert np.shape(back[name]) == there.shape
        assert back[name].tobytes() == there.tobytes()


def test_the_same_layout_is_the_same_shape_whatever_the_values_and_the_order() -> None:
    one, _ = fmt.pack_columns("decision", {"a": np.zeros(3, np.float32), "b": 1.0})
    two, _ = fmt.pack_columns("decision", {"b": 2.0, "a": np.ones(3, np.float32)})
    other, _ = fmt.pack_columns("decision", {"a": np.zeros(4, np.float32), "b": 1.0})
    assert one == two != other


@pytest.mark.parametrize(
    "value", [True, "x", None, [1.0], 1j, np.float16(1), np.array(["a"]), np.int32(1), 2**64]
)
def test_what_has_no_raw_form_is_refused(value: Any) -> None:
    with pytest.raises(BadInput, match="'odd'"):
        fmt.pack_columns("decision", {"odd": value})


@pytest.mark.parametrize("kind", ["", "a" * 65, "a\nb"])
def test_a_kind_is_short_and_printable(kind: str) -> None:
    with pytest.raises(BadInput, match="kind"):
        fmt.pack_columns(kind, None)


@pytest.mark.parametrize("name", ["", fmt.TIME])
def test_a_column_cannot_take_the_times_place(name: str) -> None:
    with pytest.raises(BadInput, match="called"):
        fmt.pack_columns("decision", {name: 1.0})


@given(st.binary(max_size=40), st.integers(13, 1000).map(lambda n: n * 8))
def test_a_frame_holds_in_its_place_and_its_parts_come_back(body: bytes, offset: int) -> None:
    head, chained = frame(body, offset)
    assert fmt.what_breaks(head, LOG, 1, offset, chained) == ""
    assert fmt.parts_of(head, chained[fmt.DIGEST :]) == (b"\1" * 9, body, b"")
    assert head.length % 8 == 0


@given(st.binary(max_size=40), st.data())
def test_a_frame_with_any_bit_changed_does_not_hold(body: bytes, data: st.DataObject) -> None:
    _, chained = frame(body, 104)
    bit = data.draw(st.integers(0, len(chained) * 8 - 1))
    changed = bytearray(chained)
    changed[bit // 8] ^= 1 << bit % 8
    head = fmt.decode_head(changed, fmt.DIGEST)
    assert fmt.what_breaks(head, LOG, 1, 104, bytes(changed)) != ""


def test_a_frame_holds_nowhere_else() -> None:
    head, chained = frame(b"body", 104)
    assert fmt.what_breaks(head, LOG, 1, 112, chained)
    assert fmt.what_breaks(head, LOG, 2, 104, chained)
    assert fmt.what_breaks(head, bytes(16), 1, 104, chained)
    assert fmt.what_breaks(head, LOG, 1, 104, chained[:-8])


@given(*ids)
def test_an_id_says_where_its_entry_lies(number: int, offset: int, digest: bytes) -> None:
    text = fmt.entry_id(number, offset, digest)
    assert fmt.parse_id(text) == (number, offset, digest[:6])


@given(st.one_of(st.text(), st.from_regex(r"a[0-9]{6}-[0-9a-f]{8}-[0-9a-f]{11}", fullmatch=True)))
def test_what_is_no_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        fmt.parse_id(text)


@pytest.mark.parametrize("digit", ["١", "²", "A"])
def test_an_id_has_one_spelling_only(digit: str) -> None:
    with pytest.raises(NotFound):
        fmt.parse_id(f"a00000{digit}-0000a3f0-9f3ac41d0b7e")


@given(st.integers(0, fmt.MARK_BYTES * 8 - 1))
def test_a_mark_with_any_bit_changed_is_none(bit: int) -> None:
    changed = bytearray(fmt.encode_mark(fmt.Mark(LOG, 3, 4096, bytes(32))))
    changed[bit // 8] ^= 1 << bit % 8
    assert fmt.decode_mark(bytes(changed)) is None


@given(st.integers(0, fmt.HEADER_BYTES * 8 - 1))
def test_a_header_with_any_bit_changed_is_none(bit: int) -> None:
    changed = bytearray(fmt.encode_header(3, LOG, 5, bytes(32)))
    changed[bit // 8] ^= 1 << bit % 8
    assert fmt.decode_header(bytes(changed)) is None
