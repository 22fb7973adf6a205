"""Where values lie: buffers, and layouts on them. Views cost nothing: they are other layouts of the same
buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops.record import Op
from ..program.ir import Equation, Var

Strides = tuple[int, ...]


class Buffer:
    """Memory of one array: a slot of the step's table (argument, state, constant, result), or part of the
    arena.

    `offset` is set by the memory plan, in bytes from the start of the arena; `slot` for memory from outside.
    """

    __slots__ = ("name", "nbytes", "offset", "slot")

    def __init__(self, nbytes: int, slot: int | None = None, name: str = "") -> None:
        self.nbytes, self.slot, self.name = nbytes, slot, name
        self.offset = -1

    def __repr__(self) -> str:
        where = f"slot {self.slot}" if self.slot is not None else f"arena+{self.offset}"
        return f"<{self.name or 'buffer'}: {self.nbytes} bytes at {where}>"


class Layout(NamedTuple):
    """An array on a buffer: element (i, j, …) lies `offset` + i·strides[0] + j·strides[1] + … elements in."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: Strides
    offset: int = 0

    def broadcast(self, shape: Sequence[int]) -> Layout:
        """The layout that reads as an array of the shape it broadcasts to."""
        extra = len(shape) - len(self.shape)
        inner = [0 if n == 1 else s for n, s in zip(self.shape, self.strides)]
        return Layout(self.buffer, tuple(shape), (*(0,) * extra, *inner), self.offset)

    def span(self) -> tuple[int, int]:
        """The first element and the one behind the last that it reaches."""
        if 0 in self.shape:
            return self.offset, self.offset
        ends = [(n - 1) * s for n, s in zip(self.shape, self.strides)]
        low, high = sum(e for e in ends if e < 0), sum(e for e in ends if e > 0)
        return self.offset + low, self.offset + high + 1

    @property
    def contiguous(self) -> bool:
        return same_place(self, self.shape, contiguous_strides(self.shape))


def contiguous_strides(shape: Sequence[int]) -> Strides:
    """Those of an array whose elements lie in order without gaps."""
    out, step = [], 1
    for n in reversed(shape):
        out.append(step)
        step *= max(n, 1)
    return tuple(reversed(out))


def same_place(layout: Layout, shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether each element lies where these strides put it; dimensions of size 1 do not matter."""
    return all(n == 1 or a == b for n, a, b in zip(shape, layout.strides, strides))


def view_of(layout: Layout, op: Op, args: tuple[Any, ...]) -> Layout | None:
    """The layout of a view operation's result: NumPy is asked, on an array without contents; None if it
    copies.
    """
    low, high = layout.span()
    memory = np.empty(max(high - low, 1), np.int8)
    here = np.ndarray(layout.shape, np.int8, memory, layout.offset - low, layout.strides)
    out = op.forward(here, *args)
    if not isinstance(out, np.ndarray) or not np.may_share_memory(out, memory):
        return (
            Layout(layout.buffer, np.shape(out), contiguous_strides(np.shape(out))) if not out.size else None
        )
    start = out.__array_interface__["data"][0] - memory.__array_interface__["data"][0] + low
    return Layout(layout.buffer, out.shape, out.strides, start)


class Layouts:
    """The layout of every variable, found in program order."""

    def __init__(self) -> None:
        self.of: dict[Var, Layout] = {}
        self.maker: dict[Buffer, Var] = {}
        self.held: dict[int, tuple[Buffer, np.ndarray[Any, Any]]] = {}  # by address

    def external(self, var: Var, slot: int, strides: Strides | None = None) -> Layout:
        """An array from outside."""
        buffer = Buffer(var.nbytes, slot, var.name)
        return self._add(var, Layout(buffer, var.shape, strides or contiguous_strides(var.shape)))

    def outside(self, array: np.ndarray[Any, Any]) -> Buffer:
        """Memory of an object that kernels read and write where it lies, such as a generator's state."""
        found = self.held.setdefault(array.ctypes.data, (Buffer(array.nbytes, -1), array))
        return found[0]

    def new(self, var: Var) -> Layout:
        """A contiguous array on a buffer of its own."""
        return self._add(
            var, Layout(Buffer(var.nbytes, None, var.name), var.shape, contiguous_strides(var.shape))
        )

    def _add(self, var: Var, layout: Layout) -> Layout:
        self.of[var] = layout
        self.maker.setdefault(layout.buffer, var)
        return layout

    def view(self, equation: Equation) -> bool:
        """Lay the result of a view equation onto its input's buffer; False if it needs a copy."""
        source = equation.operands[0]
        found = view_of(self.of[source], equation.op, equation.attributes)
        if found is None:
            return False
        self.of[equation.output] = found
        return True
