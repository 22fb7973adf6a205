"""Elementwise records as code on registers: the `lower` facet, read once, written for any dtype and width."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ..ops.record import Op
from ..types import (
    BOOL,
    FLOAT,
    INT,
    DType,
    bool_,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .builder import Function, Value, element, lanes, like, mangled, number, vector
from .expression import PROSE, Apply, Attribute, Constant, Node, functions_of, parse
from .lanes import ARGUMENTS, TABLE, Item, Lanes

REGISTER: dict[DType, str] = {
    bool_: "i1", int8: "i8", uint8: "i8", int16: "i16", uint16: "i16", int32: "i32", uint32: "i32",
    int64: "i64", uint64: "i64", float32: "float", float64: "double",
}  # fmt: skip
"""The dtypes that are computed on, and what they are in a register."""


@cache
def expression(op: Op) -> Node | None:
    """The record's lowering as a tree, or None if it is not lowered (its facet then says by what and why).

    Raises LoweringError if the facet is neither.
    """
    if op.lower.startswith(PROSE):
        return None
    return parse(op.lower, op.nargs, op.attrs, ARGUMENTS)


@cache
def supported(op: Op, dtype: DType, result: DType) -> bool:
    """Whether the record is lowered for this computing dtype (after promotion) and output dtype."""
    node = expression(op)
    if node is None or dtype not in REGISTER or result not in REGISTER:
        return False
    letter = "bif"[dtype.category]
    if letter in op.refuses or (letter == "b" and "B" in op.refuses) or (op.floats and letter != "f"):
        return False
    return all(letter in TABLE[name].kinds for name in functions_of(node))


def emit(
    f: Function,
    op: Op,
    operands: Sequence[Value | int | float | bool],
    attributes: Sequence[Any],
    dtype: DType,
    result: DType,
) -> Value:
    """The record's value in its output dtype; operands are values of the computing dtype or Python numbers.

    A condition may have a dtype of its own. Attributes are numbers, or values of the computing dtype.
    Raises ValueError if it is not `supported`.
    """
    node = expression(op)
    if node is None or not supported(op, dtype, result):
        raise ValueError(f"{op.name} is not lowered for {dtype} -> {result}: {op.lower}")
    count = next((lanes(x.type) for x in (*operands, *attributes) if isinstance(x, Value)), 1)
    at = Lanes(f, dtype, vector(REGISTER[dtype], count))
    item = _Writer(at, operands, attributes).write(node)
    if result is bool_:
        return at.truths(at.truth(item))
    if isinstance(item, Value) and element(item.type) == "i1":
        return convert(f, item, bool_, result)
    value = at.value(item)
    return value if dtype is result else convert(f, value, dtype, result)


class _Writer:
    """One expression being written; equal parts of it are written once."""

    def __init__(self, at: Lanes, operands: Sequence[Item], attributes: Sequence[Any]) -> None:
        self.at, self.operands, self.attributes = at, operands, attributes
        self.known: dict[Node, Item] = {}

    def write(self, node: Node) -> Item:
        if isinstance(node, Apply):
            if node not in self.known:
                self.known[node] = self._apply(node)
            return self.known[node]
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, Attribute):
            return self.attributes[node.index]
        return self.operands[node.index]

    def _apply(self, node: Apply) -> Item:
        known = TABLE[node.function]
        first = self.write(node.arguments[0])
        if known.chooses and not isinstance(first, Value):
            return self.write(node.arguments[1 if first else 2])  # the other side is not written
        return known.rule(self.at, first, *[self.write(a) for a in node.arguments[1:]])


def convert(f: Function, value: Value, source: DType, target: DType) -> Value:
    """The value as another dtype, as the record `to` converts.

    A float becomes the integer towards 0; outside the integer's range (where C leaves it undefined, and NumPy
    gives what the processor happens to) it becomes the nearest bound, and NaN becomes 0.
    """
    type = like(value.type, REGISTER[target])
    if source is target:
        return value
    if target is bool_:
        return f.compare("une" if source.category == FLOAT else "ne", value, number(0, value.type))
    if source.category == FLOAT and target.category == FLOAT:
        return f.cast("fpext" if target is float64 else "fptrunc", value, type)
    if source.category == FLOAT:
        name = "fptosi" if target.is_signed else "fptoui"
        return f.call(f"llvm.{name}.sat.{mangled(type)}.{mangled(value.type)}", value, result=type)
    signed = source.category == INT and source.is_signed
    if target.category == FLOAT:
        return f.cast("sitofp" if signed else "uitofp", value, type)
    if source.category == BOOL or target.itemsize > source.itemsize:
        return f.cast("sext" if signed else "zext", value, type)
    return value if target.itemsize == source.itemsize else f.cast("trunc", value, type)
