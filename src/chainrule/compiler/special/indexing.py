"""Kernels of index tensors: gathering, scattering, and the sums that are their gradients.

Each is one move between a table and values, or two where the table is a new array: it is filled first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...ops import index, scatter
from ...ops.index import INDEX, part
from ...ops.record import Op
from ...program.ir import Equation, Var
from ...types import BOOL
from ..builder import Function, Value
from ..checks import Check
from ..kinds import SPECIAL, Lowering
from ..layout import Buffer, Layout, Layouts, view_of
from ..target import Target
from .kernel import Places
from .moves import ADD, READ, SET, Move, Mover, Stream, can_share, reach

_INDICES = ("int64", "int32", "int16", "int8")


class Named(NamedTuple):
    """Where index arrays point: a domain, the table seen over it at index 0, and how indices move it.

    indices  per index array: its layout over the domain, by how much one index moves, and the limit
    columns  (dimension of the domain, of the table): where both count alike, whatever the indices
    """

    sizes: tuple[int, ...]
    table: Layout
    indices: list[tuple[Layout, int, int]]
    columns: list[tuple[int, int]]


# ----- keys, as NumPy reads them


def _expanded(key: tuple[Any, ...], rank: int) -> list[Any]:
    """The key with a slice for every dimension that it leaves out."""
    taken = sum(k is not None and k is not Ellipsis for k in key)
    rest = [slice(None)] * (rank - taken)
    if Ellipsis not in [k for k in key if k is Ellipsis]:
        return [*key, *rest]
    place = next(i for i, k in enumerate(key) if k is Ellipsis)
    return [*key[:place], *rest, *key[place + 1 :]]


def _front(key: tuple[Any, ...], rank: int) -> int:
    """How many dimensions of the result come before those of the index arrays.

    They take the place of the first of them, or come first if anything stands between them; a number counts
    as an index array.
    """
    advanced = [i for i, k in enumerate(key) if _is_advanced(k)]
    if advanced[-1] - advanced[0] != len(advanced) - 1:
        return 0
    before = _expanded(key, rank)
    return next(i for i, k in enumerate(before) if _is_advanced(k))


def _is_advanced(k: Any) -> bool:
    return not (k is None or k is Ellipsis or isinstance(k, slice))


def _by_key(table: Layout, ix: Layout, key: tuple[Any, ...]) -> Named:
    """The places that a key names (see NOTE [Keys] in ops/index.py)."""
    base = view_of(table, part, (tuple(0 if k == INDEX else k for k in key),))
    assert_base: Any = base
    count = key.count(INDEX)
    parts = [ix] if count == 1 else [_row(ix, i) for i in range(count)]
    front, shape = _front(key, len(table.shape)), parts[0].shape
    outer, inner = assert_base.shape[:front], assert_base.shape[front:]
    sizes = (*outer, *shape, *inner)
    at = assert_base.strides
    over = Layout(table.buffer, sizes, (*at[:front], *(0,) * len(shape), *at[front:]), assert_base.offset)
    pad = (0,) * front, (0,) * len(inner)
    indices: list[tuple[Layout, int, int]] = []
    columns: list[tuple[int, int]] = []
    d = out = 0
    for k in _expanded(key, len(table.shape)):
        if k is None:
            out += 1
        elif isinstance(k, slice):
            if table.shape[d] == assert_base.shape[out] and k.step in (None, 1):
                columns.append((out if out < front else out + len(shape), d))
            out, d = out + 1, d + 1
        else:
            if k == INDEX:
                p = parts[len(indices)]
                layout = Layout(p.buffer, sizes, (*pad[0], *p.strides, *pad[1]), p.offset)
                indices.append((layout, table.strides[d], table.shape[d]))
            d += 1
    return Named(sizes, over, indices, columns)


def _row(a: Layout, i: int) -> Layout:
    return Layout(a.buffer, a.shape[1:], a.strides[1:], a.offset + i * a.strides[0])


def _along(table: Layout, ix: Layout, dim: int) -> Named:
    """The places that an index of as many dimensions names along one of them."""
    strides = tuple(0 if d == dim else s for d, s in enumerate(table.strides))
    columns = [(d, d) for d, n in enumerate(table.shape) if d != dim and ix.shape[d] == n]
    moved = (ix, table.strides[dim], table.shape[dim])
    return Named(ix.shape, Layout(table.buffer, ix.shape, strides, table.offset), [moved], columns)


# ----- kernels


def _raises(place: int, equation: Equation, value: Any) -> object:
    """The forward, on zeros and with this index in one of the index arrays, which words the error."""
    operands: list[Any] = [
        np.zeros(v.shape, v.dtype.np) if isinstance(v, Var) else v for v in equation.operands
    ]
    indices = operands[1]
    several = any(isinstance(a, tuple) and a.count(INDEX) > 1 for a in equation.attributes)
    (indices[place] if several else indices)[...] = value
    return equation.op.forward(*equation.with_operands(operands))


class MoveKernel(Places):
    """The moves of one equation."""

    def __init__(self, group: Any, layouts: Layouts, spec: Spec) -> None:
        super().__init__()
        self.moves: list[Move] = []
        equation: Equation = group.first
        self.equation, self.layouts, self.spec = equation, layouts, spec
        table, ix, *_ = equation.operands
        out = layouts.of[equation.output]
        if spec.mode == READ:
            named = spec.named(layouts.of[table], layouts.of[ix], equation)
            shared = next((d for d, n in enumerate(named.sizes) if n > 1), None)
            self._move(READ, named, out, shared)
            return
        named = spec.named(out, layouts.of[ix], equation)
        columns = max(named.columns, key=lambda c: named.sizes[c[0]], default=None)
        if spec.onto:
            self._fill(out, layouts.of[table], columns)
            value = equation.operands[2]
        else:
            self._fill(out, None, columns)
            value = table
        accumulates = spec.mode == ADD or bool(spec.accumulates and equation.attributes[-1])
        self._move(ADD if accumulates else SET, named, value, columns and columns[0])

    def _fill(self, out: Layout, source: Layout | None, columns: tuple[int, int] | None) -> None:
        """Zeros, or a copy, where the sums go."""
        dtype = self.equation.output.dtype
        place = self.touches(out, dtype)
        value = None if source is None else self.touches(source.broadcast(out.shape), dtype)
        self.stores[self.equation.output] = place  # it covers what the next move writes
        self.moves.append(Move(SET, out.shape, place, value, 0, (), columns and columns[1]))

    def _move(self, mode: str, named: Named, value: Any, shared: int | None) -> None:
        equation = self.equation
        variable: Var = equation.operands[1]
        table = self.touches(named.table, equation.output.dtype)
        place = None
        if mode == READ:
            place = self.writes(equation.output, value)
        elif isinstance(value, Var):
            over = self.layouts.of[value].broadcast(named.sizes)
            place, value = self.touches(over, value.dtype), None
        streams = tuple(
            Stream(
                self.touches(layout, variable.dtype), step, limit, self.spec.wraps,
                Check(equation, partial(_raises, i)),
            )
            for i, (layout, step, limit) in enumerate(named.indices)
        )  # fmt: skip
        self.moves.append(Move(mode, named.sizes, table, place, value, streams, shared))

    def reach(self, share: int, threads: int, target: Target) -> list[tuple[int, int, int]]:
        divided = threads > 1 and can_share(self.moves, threads)
        if share and not divided:
            return []
        return [r for m in self.moves for r in reach(m, self.accesses, share, threads, divided)]

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        starts = self.starts(f, pointers)
        if share is None or can_share(self.moves, share[1]):
            for m in self.moves:
                Mover(f, m, self.accesses, starts, share).emit()
            return
        with f.when(f.compare("eq", share[0], Value("0", "i64"))):
            for m in self.moves:
                Mover(f, m, self.accesses, starts, None).emit()


class Spec(NamedTuple):
    """How a record's equations become moves.

    mode         READ from the table, or SET or ADD to a new one
    named        the places, from the layouts of table and index and the equation
    onto         whether the new table starts as a copy of the first operand; its values are the third
    wraps        whether negative indices count from the end
    accumulates  whether the last attribute asks for sums
    when         which equations besides it takes
    """

    mode: str
    named: Callable[[Layout, Layout, Equation], Named]
    onto: bool = False
    wraps: bool = False
    accumulates: bool = False
    when: Callable[[Equation], bool] = lambda equation: True

    def takes(self, equation: Equation) -> bool:
        """Index numbers, not masks, into what is not empty; values that need no cast."""
        table, ix, *rest = equation.operands
        out = equation.output
        if not isinstance(ix, Var) or ix.dtype.name not in _INDICES or not isinstance(table, Var):
            return False
        if table.dtype is not out.dtype or not all(table.shape) or not all(out.shape) or not ix.size:
            return False
        if not self.when(equation):
            return False
        if self.mode != READ and out.dtype.category == BOOL and (self.mode == ADD or equation.attributes[-1]):
            return False
        return all(not isinstance(v, Var) or v.dtype is out.dtype for v in rest) and self._fits(equation)

    def _fits(self, equation: Equation) -> bool:
        """Whether the values broadcast to the places that they go to."""
        if self.mode == READ:
            return True
        source = equation.operands[2 if self.onto else 0]
        if not isinstance(source, Var):
            return True
        table, ix = (
            Layout(Buffer(0), v.shape, (0,) * v.ndim) for v in (equation.output, equation.operands[1])
        )
        sizes = self.named(table, ix, equation).sizes
        try:
            return np.broadcast_shapes(source.shape, sizes) == sizes
        except ValueError:
            return False


def _key(table: Layout, ix: Layout, equation: Equation) -> Named:
    key = next(a for a in equation.attributes if isinstance(a, tuple) and INDEX in a)
    return _by_key(table, ix, key)


def _rows(table: Layout, ix: Layout, equation: Equation) -> Named:
    return _by_key(table, ix, (INDEX,))


def _dim(table: Layout, ix: Layout, equation: Equation) -> Named:
    return _along(table, ix, equation.attributes[-1] % len(table.shape))


def _all_alike(equation: Equation) -> bool:
    """Whether an embedding's rows all count, and alike."""
    _, padding, by_frequency = equation.attributes
    return padding < 0 and not by_frequency


def _has_dims(equation: Equation) -> bool:
    return equation.output.ndim > 0


SPECS: dict[Op, Spec] = {
    index.index: Spec(READ, _key, wraps=True),
    index.index_select: Spec(READ, _key),
    index.unindex: Spec(ADD, _key, wraps=True),
    index.index_put: Spec(SET, _key, onto=True, wraps=True, accumulates=True),
    scatter.embedding: Spec(READ, _rows),
    scatter.embedding_grad: Spec(ADD, _rows, wraps=True, when=_all_alike),
    scatter.gather: Spec(READ, _dim, when=_has_dims),
    scatter.ungather: Spec(ADD, _dim, when=_has_dims),
    scatter.scatter: Spec(SET, _dim, onto=True, when=_has_dims),
    scatter.scatter_add: Spec(ADD, _dim, onto=True, when=_has_dims),
}


def _lowering(spec: Spec) -> Lowering:
    return Lowering(spec.takes, lambda group, layouts: MoveKernel(group, layouts, spec))


SPECIAL.update({op: _lowering(spec) for op, spec in SPECS.items()})
