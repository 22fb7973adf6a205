"""Kernels of random draws: PyTorch's CPU numbers from the generator's own state, which they move on.

They follow random.py to the last bit; draws of other kinds, and refusals, are left to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ops import random
from ...ops.record import Op
from ...program.ir import Equation
from ...types import DType
from ..builder import Function, Value, i64, lanes, like, number, vector
from ..kinds import SPECIAL, Lowering
from ..layout import Buffer, Layouts
from ..target import Target
from ..values import in_memory
from .kernel import Places
from .mersenne import words

CHUNK = 512  # elements drawn at a time: their words stay in the first cache
_MASK53 = 2**53 - 1


class Draw(NamedTuple):
    """How words become elements.

    words   how many an element takes
    value   the elements, in the dtype's memory form, from a vector of i32 words or of i64 pairs of words
    takes   which parameters it is written for
    """

    words: Callable[[DType], int]
    value: Callable[[Function, Value, DType, tuple[Any, ...]], Value]
    takes: Callable[[DType, tuple[Any, ...]], bool]


class DrawKernel(Places):
    """Elements drawn in order, by one thread."""

    def __init__(self, group: Any, layouts: Layouts, draw: Draw) -> None:
        super().__init__()
        equation: Equation = group.first
        generator, _, _, *self.parameters = equation.attributes
        self.draw, self.dtype, self.count = draw, equation.output.dtype, equation.output.size
        self.writes(equation.output, layouts.of[equation.output])
        self.state = layouts.outside(generator.memory())
        self.words = draw.words(self.dtype)

    @property
    def buffers(self) -> list[Buffer]:
        return [*super().buffers, self.state]

    def scratch(self, target: Target, threads: int) -> int:
        return 4 * self.words * (CHUNK + 16)

    def reach(self, share: int, threads: int, target: Target) -> list[tuple[int, int, int]]:
        return [] if share else [(0, 0, self.count)]

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        out, state = self.starts(f, pointers)[0], pointers[self.state]
        if share is None:
            self._chunks(f, out, state, scratch)
            return
        with f.when(f.compare("eq", share[0], i64(0))):
            self._chunks(f, out, state, scratch)

    def _chunks(self, f: Function, out: Value, state: Value, scratch: Any) -> None:
        whole = self.count // CHUNK * CHUNK
        if whole:
            with f.loop(0, whole, CHUNK) as loop:
                self._chunk(f, f.offset(out, loop.index, in_memory(self.dtype)), state, scratch, CHUNK)
        if self.count > whole:
            rest = f.offset(out, whole, in_memory(self.dtype))
            self._chunk(f, rest, state, scratch, self.count - whole)

    def _chunk(self, f: Function, out: Value, state: Value, drawn: Value, count: int) -> None:
        words(f, state, drawn, i64(count * self.words))
        kind, source = in_memory(self.dtype), "i64" if self.words == 2 else "i32"
        width = f.target.lanes(kind if kind in ("float", "double") else source)

        def one(at: Value | int, valid: int) -> None:
            found = f.load(vector(source, width), f.offset(drawn, at, source))
            value = self.draw.value(f, found, self.dtype, tuple(self.parameters))
            f.store_part(value, f.offset(out, at, kind), valid)

        full = count // width * width
        if full:
            with f.loop(0, full, width) as loop:
                one(loop.index, width)
        if count > full:
            one(full, count - full)


# ----- elements from words


def _pair(f: Function, x: Value) -> Value:
    """53 bits of two words, the first of them the high half."""
    turned = f.intrinsic("fshl", x, x, number(32, x.type))
    return f.binary("and", turned, number(_MASK53, x.type))


def _chance(p: float, one: Any) -> Callable[[Function, Value, DType], Value]:
    def value(f: Function, x: Value, dtype: DType) -> Value:
        kind = like(x.type, in_memory(dtype))
        hit = f.compare("slt", _pair(f, x), number(math.ceil(p * 2.0**53), x.type))
        return f.select(hit, number(one, kind), number(0, kind))

    return value


def _bernoulli(f: Function, x: Value, dtype: DType, parameters: tuple[Any, ...]) -> Value:
    return _chance(parameters[0], 1)(f, x, dtype)


def _dropout_mask(f: Function, x: Value, dtype: DType, parameters: tuple[Any, ...]) -> Value:
    (p,) = parameters
    kind: Any = dtype.np.type
    return _chance(1 - p, kind(1) / kind(1 - p))(f, x, dtype)


def _uniform(f: Function, x: Value, dtype: DType, parameters: tuple[Any, ...]) -> Value:
    """low + (high - low)·u with one rounding; low where that reaches high."""
    low, high = parameters
    wide = vector("double", lanes(x.type))
    scaled = low != 0 or high != 1
    if x.type.endswith("i64>") or x.type == "i64":
        u = f.binary("fmul", f.cast("uitofp", _pair(f, x), wide), number(2.0**-53, wide))
        if scaled:
            u = f.intrinsic("fma", u, number(high - low, wide), number(low, wide))
    else:
        count = f.binary("and", x, number(2**24 - 1, x.type))
        if not scaled:
            narrow = like(x.type, "float")
            return f.binary("fmul", f.cast("sitofp", count, narrow), number(2.0**-24, narrow))
        start = np.float32(low)
        step = float(np.float32(high) - start) * 2.0**-24
        product = f.binary("fmul", f.cast("sitofp", count, wide), number(step, wide))
        u = f.cast("fptrunc", f.binary("fadd", product, number(float(start), wide)), like(x.type, "float"))
    if not scaled:
        return u
    return f.select(f.compare("oeq", u, number(high, u.type)), number(low, u.type), u)


def _two(dtype: DType) -> int:
    return 2


_FLOATS = ("float32", "float64")


def _finite(dtype: DType, low: float, high: float) -> bool:
    largest = float(np.finfo(dtype.np).max)
    return -largest <= low <= high <= largest and high - low <= largest


DRAWS: dict[Op, Draw] = {
    random.bernoulli: Draw(_two, _bernoulli, lambda dtype, args: 0 <= args[0] <= 1),
    random.dropout_mask: Draw(
        _two, _dropout_mask, lambda dtype, args: 0 < args[0] < 1 and dtype.name in _FLOATS
    ),
    random.uniform: Draw(
        lambda dtype: dtype.itemsize // 4,
        _uniform,
        lambda dtype, args: dtype.name in _FLOATS and _finite(dtype, *args),
    ),
}


def _lowering(draw: Draw) -> Lowering:
    def takes(equation: Equation) -> bool:
        return bool(equation.output.size) and draw.takes(equation.output.dtype, equation.attributes[3:])

    return Lowering(takes, lambda group, layouts: DrawKernel(group, layouts, draw))


SPECIAL.update({op: _lowering(draw) for op, draw in DRAWS.items()})
