"""Values in registers and in memory: truth values are one bit in a register, a byte in memory."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import BOOL, FLOAT, DType, bool_, float32, float64
from .builder import Function, Value, like, number, vector

_FLOATS = {float32: "float", float64: "double"}


def in_register(dtype: DType) -> str:
    """The IR type of one element in a register."""
    return "i1" if dtype.category == BOOL else in_memory(dtype)


def in_memory(dtype: DType) -> str:
    """The IR type of one element in memory."""
    return _FLOATS[dtype] if dtype.category == FLOAT else f"i{8 * dtype.itemsize}"


def constant(value: float | int | bool, dtype: DType, lanes: int) -> Value:
    """A number of the dtype in every lane."""
    return number(value, vector(in_register(dtype), lanes))


def load(f: Function, dtype: DType, pointer: Value, lanes: int, count: int) -> Value:
    """`count` elements in order, in the first of `lanes` lanes."""
    found = f.load_part(vector(in_memory(dtype), lanes), pointer, count)
    return _unpacked(f, found, dtype)


def gather(f: Function, dtype: DType, pointer: Value, stride: int, lanes: int, count: int) -> Value:
    """`count` elements that lie `stride` elements apart."""
    kind = in_memory(dtype)
    if lanes == 1:
        return _unpacked(f, f.load(kind, pointer), dtype)
    found = Value("zeroinitializer", vector(kind, lanes))
    for i in range(count):
        found = f.insert(found, f.load(kind, f.offset(pointer, i * stride, kind)), i)
    return _unpacked(f, found, dtype)


def _unpacked(f: Function, found: Value, dtype: DType) -> Value:
    return f.compare("ne", found, number(0, found.type)) if dtype is bool_ else found


def store(f: Function, dtype: DType, value: Value, pointer: Value, count: int) -> None:
    """The first `count` lanes, in order."""
    f.store_part(_packed(f, value, dtype), pointer, count)


def scatter(f: Function, dtype: DType, value: Value, pointer: Value, stride: int, count: int) -> None:
    """The first `count` lanes, `stride` elements apart."""
    packed, kind = _packed(f, value, dtype), in_memory(dtype)
    for i in range(count):
        f.store(f.extract(packed, i), f.offset(pointer, i * stride, kind))


def _packed(f: Function, value: Value, dtype: DType) -> Value:
    return f.cast("zext", value, like(value.type, "i8")) if dtype is bool_ else value


def lanes_for(f: Function, dtypes: Sequence[DType]) -> int:
    """Lanes of a kernel: what a register holds of its smallest floats, or of 4-byte numbers."""
    floats = [d for d in dtypes if d.category == FLOAT]
    smallest = min((d.itemsize for d in floats), default=4)
    return f.target.lanes("float" if smallest == 4 else "double")
