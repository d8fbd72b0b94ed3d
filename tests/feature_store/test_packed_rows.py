"""The byte layout against Python's own struct and numpy, and against bytes that are damaged."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store import packed_kernels as kernels
from feature_store.packed_catalog import Catalog
from feature_store.packed_rows import (
    FIXED,
    NONE,
    ROW,
    Origin,
    Row,
    decode,
    encode,
    fits_matrix,
    layout_of,
    sections,
    widens,
)
from feature_store.packed_tables import tables_of
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from finmodel.errors import BadInput, Damaged
from finmodel.records import ViewState

INT64 = st.integers(-(2**63) + 1, 2**63 - 1)
VALUES = {
    "Float32": st.floats(width=32),
    "Float64": st.floats(),
    "Int32": st.integers(-(2**31), 2**31 - 1),
    "Int64": INT64,
    "UnixTimestamp": INT64,
    "Bool": st.booleans(),
    "Array(String)": st.binary(max_size=40),
}
EXTREMES = {
    "Float32": (float(np.finfo(np.float32).max), -math.inf, math.nan, -0.0),
    "Float64": (math.pi, -math.inf, math.nan, 5e-324),
    "Int32": (2**31 - 1, -(2**31)),
    "Int64": (2**63 - 1, -(2**63)),
    "UnixTimestamp": (-1, 2**40),
    "Bool": (True, False),
    "Array(String)": (b"", b"\0\xff" * 9),
}


@st.composite
def schemas(draw: st.DrawFn) -> tuple[FeaturePlan, ...]:
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=70))
    return tuple(FeaturePlan(f"f{i}", dtype) for i, dtype in enumerate(types))


@st.composite
def rows(draw: st.DrawFn) -> tuple[tuple[FeaturePlan, ...], Row]:
    features = draw(schemas())
    values = [draw(st.none() | VALUES[feature.dtype]) for feature in features]
    origin = st.builds(Origin, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), INT64)
    return features, Row(values, draw(INT64), draw(st.just(NONE) | INT64), draw(st.none() | origin))


@given(rows())
def test_a_row_comes_back_as_it_went_in(given_row: tuple[tuple[FeaturePlan, ...], Row]) -> None:
    features, row = given_row
    data = encode(7, 9, layout_of(features), row)
    assert len(data) % 8 == 0
    (section,) = sections(data)
    assert (section.view, section.schema, section.kind) == (7, 9, ROW)
    back = decode(layout_of(features), section.data)
    assert back[1:] == row[1:]
    # By repr, so that NaN equals NaN, and -0.0, True and 1 differ.
    assert [repr(value) for value in back.values] == [repr(value) for value in row.values]


@pytest.mark.parametrize("dtype", sorted(EXTREMES))
def test_the_ends_of_each_type_come_back(dtype: str) -> None:
    layout = layout_of((FeaturePlan("x", dtype),))
    for value in EXTREMES[dtype]:
        (back,) = decode(layout, encode(0, 0, layout, Row([value], 0))).values
        assert repr(back) == repr(value)


def test_a_float32_view_is_one_block_of_floats_with_nan_for_null() -> None:
    features = tuple(FeaturePlan(f"f{i}", "Float32") for i in range(3))
    data = encode(1, 2, layout_of(features), Row([1.5, None, -2.0], 10))
    head = struct.pack("<HHBBHqQ", 1, 2, ROW, 4, 5, 10, 0b010)
    assert data[:24] == head
    assert np.frombuffer(data[24:36], "<f4").tolist()[::2] == [1.5, -2.0]
    assert np.isnan(np.frombuffer(data[24:36], "<f4")[1])


def test_unknown_kinds_of_sections_are_stepped_over() -> None:
    layout = layout_of((FeaturePlan("x", "Float32"),))
    tiles = struct.pack("<HHBBHq", 5, 0, 77, 0, 4, 123) + bytes(16)
    found = list(sections(tiles + encode(6, 0, layout, Row([1.0], 1))))
    assert [(section.view, section.kind) for section in found] == [(5, 77), (6, ROW)]


def test_a_row_longer_than_a_section_is_refused() -> None:
    with pytest.raises(BadInput, match="holds"):
        encode(0, 0, layout_of((FeaturePlan("d", "Bytes"),)), Row([bytes(600_000)], 0))


@given(rows(), st.data())
def test_a_cut_value_is_damaged_or_shorter(
    given_row: tuple[tuple[FeaturePlan, ...], Row], data: st.DataObject
) -> None:
    features, row = given_row
    whole = encode(0, 0, layout_of(features), row)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(Damaged):
        list(sections(cut))
    with pytest.raises(Damaged):
        decode(layout_of((*features, FeaturePlan("more", "Bytes"))), whole[:16])


def test_what_widens_is_the_same_value_and_the_rest_is_not_promised() -> None:
    tables = {
        "Float32": np.float32,
        "Float64": np.float64,
        "Int32": np.int32,
        "Int64": np.int64,
        "Bool": np.bool_,
    }
    for stored, a in tables.items():
        for wanted, b in tables.items():
            exact = np.can_cast(a, b, "safe") and (stored, wanted) != ("Int64", "Float64")
            assert widens(stored, wanted) == exact, (stored, wanted)
            if widens(stored, wanted):
                assert fits_matrix(stored, wanted)
    assert widens("String", "String")
    assert not widens("String", "Bytes")


# ------------------------------------------------------------------ the kernel, on the same bytes

PLAN_TYPES = ("Float32", "Float64", "Int32", "Int64", "Bool")


def _answer(n: int, plan: ServicePlan) -> kernels.Answer:
    v, f = len(plan.views), len(plan.names)
    return kernels.Answer(
        np.full((n, f), -7, np.float32),
        np.full((n, v), -7.0),
        np.full((n, v), 9, np.uint8),
        np.full((n, v), -7, np.int64),
    )


def _as_float32(value: object) -> np.float32:
    return np.float32(np.nan) if value is None else np.float32(value)  # type: ignore[arg-type]


@st.composite
def stored_and_wanted(draw: st.DrawFn) -> tuple[list[tuple[FeaturePlan, ...]], ViewPlan]:
    """Schemas of one view as it changed, and a plan that wants some of the features ever known."""
    names = [f"f{i}" for i in range(draw(st.integers(1, 9)))]
    types = st.sampled_from((*PLAN_TYPES, "String"))
    history = [
        tuple(FeaturePlan(name, draw(types)) for name in draw(st.permutations(names)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    wanted = draw(st.lists(st.sampled_from([*names, "never"]), unique=True, min_size=1))
    features = (FeaturePlan(name, draw(st.sampled_from(PLAN_TYPES))) for name in wanted)
    return history, ViewPlan("view", 0.0, tuple(features))


@settings(deadline=None, max_examples=60)
@given(stored_and_wanted(), st.data())
def test_the_kernel_reads_what_the_layout_wrote(
    case: tuple[list[tuple[FeaturePlan, ...]], ViewPlan], data: st.DataObject
) -> None:
    history, view = case
    plan = ServicePlan("s", "id", "int64", (view,))
    catalog = Catalog("p")
    catalog.declare("other", ())
    heads = [catalog.declare("view", features) for features in history]
    small = {"Int32": st.integers(-99, 99), "Int64": st.integers(-99, 99)}
    values, expected = [], []
    for features, (view_id, number) in zip(history, heads, strict=True):
        row = Row(
            [data.draw(st.none() | ({**VALUES, "String": st.binary()} | small)[f.dtype])
             for f in features],
            event_us=5,
            created_us=data.draw(st.sampled_from([NONE, 6])),
            origin=data.draw(st.sampled_from([None, Origin(1, 2, 3)])),
        )  # fmt: skip
        other = encode(0, 0, layout_of(()), Row([], 1))
        values.append(other + encode(view_id, number, layout_of(features), row) + other)
        stored = {f.name: (f.dtype, v) for f, v in zip(features, row.values, strict=True)}
        expected.append(
            [
                _as_float32(stored[w.name][1])
                if w.name in stored and fits_matrix(stored[w.name][0], w.dtype)
                else np.float32(np.nan)
                for w in view.features
            ]
        )
    answer = _answer(len(values), plan)
    sizes = np.array([len(value) for value in values], np.int64)
    words = np.frombuffer(b"".join(values), "<i8")
    with np.errstate(over="ignore"):
        assert kernels.read(words, sizes, 2_000_005, tables_of(plan, catalog), answer) == -1
        np.testing.assert_array_equal(answer.matrix, np.array(expected, np.float32))
    assert (answer.ages_s == 2.0).all()
    assert (answer.states == ViewState.PRESENT).all()


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_damage_makes_the_kernels_read_past_the_value(data: st.DataObject) -> None:
    """Run uncompiled, where numpy checks every index; negative ones are looked for by hand."""
    features = tuple(
        FeaturePlan(f"f{i}", dtype) for i, dtype in enumerate(("Float32", "Bool", "Int64"))
    )
    layout, catalog = layout_of(features), Catalog("p")
    catalog.declare("view", features)
    plan = ServicePlan("s", "id", "int64", (ViewPlan("view", 0.0, features),))
    row = Row([1.0, None, 3], 5, 6, Origin(1, 2, 3))
    value = bytearray(encode(0, 0, layout, row) * data.draw(st.integers(1, 3)))
    for _ in range(data.draw(st.integers(0, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    for at in data.draw(st.lists(st.sampled_from([2, 4, 5]))):  # schema, kind, flags
        value[at] = data.draw(st.integers(0, 9))
    if data.draw(st.booleans()):  # the first section is the last, too short, and says so
        words_left = data.draw(st.integers(2, len(value) // 8))
        value[6:8] = words_left.to_bytes(2, "little")
        del value[8 * words_left :]
    value = value[: data.draw(st.just(len(value)) | st.integers(0, len(value)))]
    words = np.frombuffer(bytes(value[: len(value) // 8 * 8]), "<i8").view(Guarded)
    sizes = np.array([len(value)], np.int64)
    bad = _uncompiled(kernels.read)(words, sizes, 10, tables_of(plan, catalog), _answer(1, plan))
    assert bad in (-1, 0)
    if len(value) % 8 == 0:
        old = kernels.Sections(words, np.array([0, len(words)], np.int64))
        new = np.frombuffer(encode(0, 0, layout, row), "<i8").view(Guarded)
        fresh = kernels.News(new, np.zeros((1, 1), np.int64))
        out = kernels.Sections(
            np.zeros(len(words) + len(new), np.int64).view(Guarded), np.zeros(2, np.int64)
        )
        nobody = np.zeros(1, np.bool_)
        bad = _uncompiled(kernels.merge)(old, fresh, nobody, out, np.zeros((1, 1), np.bool_))
        assert bad in (-1, 0)


class Guarded(np.ndarray):  # type: ignore[type-arg]
    """An array that takes no negative index."""

    def __getitem__(self, index: object) -> object:
        assert not isinstance(index, int | np.integer) or index >= 0
        return super().__getitem__(index)  # type: ignore[index]


def _uncompiled(kernel: object) -> object:
    """The kernel as plain Python, and every kernel that it calls."""
    plain = kernel.py_func  # type: ignore[attr-defined]
    names = {name: getattr(value, "py_func", value) for name, value in plain.__globals__.items()}
    for name, value in names.items():
        if callable(value) and hasattr(getattr(kernels, name, None), "py_func"):
            names[name] = type(value)(value.__code__, names, name, value.__defaults__)
    return type(plain)(plain.__code__, names, plain.__name__, plain.__defaults__)


def test_the_fixed_types_are_widest_first() -> None:
    widths = [width for _, width in FIXED.values()]
    assert widths == sorted(widths, reverse=True)
