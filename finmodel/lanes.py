"""Vectors of several numbers at once inside numba's compiled code, which has no such type.

A `Lanes` value is one LLVM vector. LLVM fits it to the CPU at hand: AVX2, AVX-512, NEON or plain
SSE give the same bits, only slower or faster. Indices are not checked: whoever calls has done so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic, models, register_model

from finmodel.compiling import compilers

LANES = 64
"""Rows that a block holds: right for any multiple of 4, measured best at 64 on AVX2."""

_INT32 = ir.IntType(32)
_SOURCES = ("lanes", "kernels", "layout", "contributions", "drift_kernels")

compiled, lent = compilers(Path(__file__).parent, _SOURCES, error_model="numpy")


class Lanes(types.Type):
    """numba's name for a vector of `count` numbers."""

    def __init__(self, element: Any, count: int) -> None:
        self.element, self.count = element, count
        super().__init__(name=f"Lanes({element}x{count})")


class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        element = manager.lookup(lanes.element).get_value_type()
        vector = ir.VectorType(element, lanes.count)
        super().__init__(manager, lanes, vector)  # type: ignore[no-untyped-call]


register_model(Lanes)(_LanesModel)


def _splat(builder: Any, scalar: Any, count: int) -> Any:
    vector = ir.VectorType(scalar.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, _INT32(0))
    return _shuffle(builder, first, first, [0] * count)


def _shuffle(builder: Any, left: Any, right: Any, order: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INT32, len(order)), order)
    return builder.shuffle_vector(left, right, mask)


def _address(context: Any, builder: Any, array: tuple[Any, Any], index: Any, vector: Any) -> Any:
    kind, value = array
    pointer = context.make_array(kind)(context, builder, value).data
    return builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())


def _read(builder: Any, address: Any, array: Any) -> Any:
    value = builder.load(address)
    value.align = array.dtype.bitwidth // 8
    return value


def _write(builder: Any, value: Any, address: Any, array: Any) -> None:
    builder.store(value, address).align = array.dtype.bitwidth // 8


def _load(typing: Any, array: Any, index: Any, count: Any) -> Any:
    lanes = Lanes(array.dtype, count.literal_value)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = context.get_value_type(lanes)
        place = _address(context, builder, (array, args[0]), args[1], vector)
        return _read(builder, place, array)

    return lanes(array, types.uint64, count), code


def _store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, (array, args[0]), args[1], args[2].type)
        _write(builder, args[2], place, array)
        return context.get_dummy_value()

    return types.void(array, types.uint64, value), code


def _fill(typing: Any, scalar: Any, count: Any) -> Any:
    lanes = Lanes(scalar, count.literal_value)  # a typed scalar, never a literal

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, args[0], lanes.count)

    return lanes(lanes.element, count), code


def _all_ones(typing: Any, array: Any, count: Any) -> Any:
    lanes = Lanes(array.dtype, count.literal_value)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(context.get_value_type(lanes), [-1] * lanes.count)

    return lanes(array, count), code


def _keep_where(compare: str) -> Callable[..., Any]:
    """bits & keep in the lanes where `values > threshold`, bits elsewhere."""

    def keep_where(typing: Any, bits: Any, values: Any, threshold: Any, keep: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            old, x, bound, mask = args
            beyond = getattr(builder, compare)(">", x, _splat(builder, bound, bits.count))
            ones = ir.Constant(old.type, [-1] * bits.count)
            masks = _splat(builder, mask, bits.count)
            return builder.and_(old, builder.select(beyond, masks, ones))

        return bits(bits, values, threshold, keep), code

    return keep_where


def _lowest_bit(typing: Any, bits: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(0))

    return bits(bits), code


def _transpose4(typing: Any, source: Any, at: Any, row: Any, target: Any, to: Any) -> Any:
    """4 × 4 numbers at source[at], rows `row` apart, to target[to], columns LANES apart."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        four = ir.VectorType(ir.FloatType(), 4)
        source_value, start, stride, target_value, place = args
        rows = []
        for number in range(4):
            index = builder.add(start, builder.mul(stride, stride.type(number)))
            address = _address(context, builder, (source, source_value), index, four)
            rows.append(_read(builder, address, source))
        low = [_shuffle(builder, rows[k], rows[k + 1], [0, 4, 1, 5]) for k in (0, 2)]
        high = [_shuffle(builder, rows[k], rows[k + 1], [2, 6, 3, 7]) for k in (0, 2)]
        turned = ((low, 0), (low, 2), (high, 0), (high, 2))
        for number, ((left, right), half) in enumerate(turned):
            order = [half, half + 1, half + 4, half + 5]
            index = builder.add(place, place.type(number * LANES))
            address = _address(context, builder, (target, target_value), index, four)
            _write(builder, _shuffle(builder, left, right, order), address, target)
        return context.get_dummy_value()

    sizes = types.uint64
    return types.void(source, sizes, sizes, target, sizes), code


def _arithmetic(instruction: str) -> Callable[..., Any]:
    def operate(typing: Any, left: Any, right: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            other = args[1] if right == left else _splat(builder, args[1], left.count)
            return getattr(builder, instruction)(args[0], other)

        return left(left, right), code

    return operate


def _compiled(implementation: Callable[..., Any]) -> Any:
    return intrinsic(prefer_literal=True)(implementation)


load = _compiled(_load)
"""load(array, index, count): count numbers from array[index] on; count is a constant."""
store = _compiled(_store)
"""store(array, index, lanes): into array[index] and on."""
fill = _compiled(_fill)
"""fill(scalar, count): the same number in each lane."""
all_ones = _compiled(_all_ones)
"""all_ones(array, count): every bit set, in lanes of the array's type."""
keep_where_above = _compiled(_keep_where("fcmp_ordered"))
"""keep_where_above(bits, values, threshold, keep): NaN counts as below."""
keep_where_above_or_nan = _compiled(_keep_where("fcmp_unordered"))
"""keep_where_above_or_nan(bits, values, threshold, keep): NaN counts as above."""
lowest_bit = _compiled(_lowest_bit)
"""lowest_bit(number): how many zeros lie below its lowest one; all, if it is 0."""
transpose4 = _compiled(_transpose4)
"""transpose4(source, at, row, target, to): 4 rows × 4 columns, turned."""
add, subtract = _compiled(_arithmetic("fadd")), _compiled(_arithmetic("fsub"))
multiply, divide = _compiled(_arithmetic("fmul")), _compiled(_arithmetic("fdiv"))
