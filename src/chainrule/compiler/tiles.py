"""Register tiles of a matrix product: their shapes, and the loop over k that fills one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from .builder import Function, Value, i64, number, vector
from .target import Target

Index = Value | int


class Matrix(NamedTuple):
    """Element (i, j) lies i·row + j·column elements behind the pointer; a stride of 0 repeats."""

    pointer: Value
    row: int
    column: int


class Tile(NamedTuple):
    """A finished block of C, in registers.

    values  [row][vector]; a vector spans `lanes` columns, and lanes beyond its width mean nothing
    row     i64: where the tile begins in C
    column  i64
    widths  how many lanes of each vector are columns of C; all but the last are full
    """

    values: list[list[Value]]
    row: Value
    column: Value
    widths: list[int]


Epilogue = Callable[[Function, Tile], None]


class Blocks(NamedTuple):
    """`times` consecutive blocks of `size` rows, the first of them at `start`."""

    start: int
    size: int
    times: int

    @property
    def stop(self) -> int:
        return self.start + self.size * self.times


class Panel(NamedTuple):
    """`times` consecutive panels of columns, each of vectors with these widths, the first at `start`."""

    start: int
    widths: list[int]
    times: int

    def columns(self, lanes: int) -> int:
        """Of one panel, with those that its last vector has to spare."""
        return len(self.widths) * lanes


def multiplied(f: Function, a: Index, by: int) -> Index:
    """a·by, folded if it can be."""
    if isinstance(a, int):
        return a * by
    return a if by == 1 else 0 if by == 0 else f.binary("mul", a, i64(by))


def added(f: Function, a: Index, b: Index) -> Index:
    """a + b, folded if it can be."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, int):
        a, b = b, a
    if isinstance(b, int) and b == 0:
        return a
    return f.binary("add", value(a), value(b))


def less(f: Function, a: Index, b: Index) -> Index:
    """a - b, folded if it can be."""
    if isinstance(b, int):
        return added(f, a, -b)
    return f.binary("sub", value(a), b)


def value(a: Index) -> Value:
    return i64(a) if isinstance(a, int) else a


def at(f: Function, matrix: Matrix, element: str, row: Index, column: Index = 0) -> Value:
    """The address of element (row, column)."""
    place = added(f, multiplied(f, row, matrix.row), multiplied(f, column, matrix.column))
    return f.offset(matrix.pointer, place, element)


def shares(total: int, most: int) -> list[int]:
    """`total` in as few parts of at most `most` as can be, none more than one larger than another."""
    if not total:
        return []
    parts = -(-total // most)
    small, larger = divmod(total, parts)
    return [small + 1] * larger + [small] * (parts - larger)


def widths(columns: int, lanes: int) -> list[int]:
    """The columns as vectors, of which the last may be partial."""
    return [min(lanes, columns - start) for start in range(0, columns, lanes)]


def row_blocks(m: int, most: int) -> list[Blocks]:
    """The rows as one or two runs of equal blocks: no single row is left over."""
    out, start = [], 0
    sizes = shares(m, most)
    for size in sorted(set(sizes), reverse=True):
        count = sizes.count(size)
        out.append(Blocks(start, size, count))
        start += size * count
    return out


def column_panels(n: int, most: int, lanes: int) -> list[Panel]:
    """The columns as runs of equal panels; the last vector of the last panel may be partial."""
    sizes = shares(-(-n // lanes), most)
    tail = n % lanes
    if tail:
        last = sizes.pop()
    out, start = [], 0
    for size in sorted(set(sizes), reverse=True):
        count = sizes.count(size)
        out.append(Panel(start, [lanes] * size, count))
        start += size * count * lanes
    if tail:
        out.append(Panel(start, [lanes] * (last - 1) + [tail], 1))
    return out


def _fits(target: Target, rows: int, vectors: int) -> bool:
    """The accumulators, a row of B, an element of A and, without multiply-add, a product."""
    return rows * vectors + vectors + (1 if target.fma else 2) <= target.registers


def _cycles(rows: int, vectors: int, k: int, far: bool) -> float:
    """Of a tile. A step: two multiply-adds or loads a cycle, four cycles until a sum can be added to.

    Loads cost a little more than that, and those of B more still from behind the first cache. The end: a
    cycle for each vector and row.
    """
    step = max(rows * vectors / 2, (rows + vectors) / 2, 4) + 0.05 * rows + (0.4 if far else 0.1) * vectors
    return k * step + rows * vectors + rows + 4


@cache
def shape(target: Target, element: str, m: int, n: int, k: int, far: bool) -> tuple[int, int]:
    """The most rows and vectors of a tile: the least cycles by a model of the core, then the least code."""
    lanes = target.lanes(element)
    best, found = float("inf"), (1, 1)
    for vectors in range(1, min(-(-n // lanes), target.registers) + 1):
        for rows in range(1, min(m, target.registers) + 1):
            if not _fits(target, rows, vectors):
                continue
            blocks, panels = row_blocks(m, rows), column_panels(n, vectors, lanes)
            cost = sum(
                b.times * p.times * _cycles(b.size, len(p.widths), k, far) for b in blocks for p in panels
            )
            cost *= 1 + 0.03 * len(blocks) * len(panels)
            if cost < best:
                best, found = cost, (rows, vectors)
    return found


def unrolling(k: int, rows: int, vectors: int, in_parts: bool) -> int:
    """Steps along k per turn of the loop: all if they are few, else a divisor so that nothing is left over.

    Tall tiles are not unrolled: LLVM's scheduler would load every step's elements of A first, and spill.
    """
    if k <= 8 and k * rows * vectors <= 48 and not in_parts:
        return max(k, 1)
    return 1 if rows > 8 or k % 2 else 2


def sums(
    f: Function,
    element: str,
    rows: int,
    widths: Sequence[int],
    steps: Index,
    unroll: int,
    a: Matrix,
    b: Matrix,
    start: Sequence[Value] | None = None,
    known: Sequence[Value] | None = None,
) -> list[list[Value]]:
    """Σₖ a(i, k)·b(k, j) for a tile; b has unit columns, or is `known`: one vector for every k."""
    lanes, vectors = f.target.lanes(element), len(widths)
    kind = vector(element, lanes)

    def step(a_at: Value, b_at: Value, u: int, totals: Sequence[Value]) -> list[Value]:
        if known is None:
            places = [f.offset(b_at, u * b.row + lanes * j, element) for j in range(vectors)]
            row = [f.load_part(kind, place, w) for place, w in zip(places, widths)]
        else:
            row = [known[u]]
        out = []
        for i in range(rows):
            x = f.splat(f.load(element, f.offset(a_at, i * a.row + u * a.column, element)), lanes)
            for j in range(vectors):
                out.append(
                    f.fma(x, row[j], totals[i * vectors + j]) if totals else f.binary("fmul", x, row[j])
                )
        return out

    totals: Sequence[Value] = start or ()
    if isinstance(steps, int) and steps <= unroll:
        for u in range(steps):
            totals = step(a.pointer, b.pointer, u, totals)
        totals = totals or [number(0, kind)] * (rows * vectors)
    else:
        totals = totals or [number(0, kind)] * (rows * vectors)
        with f.loop(0, steps, unroll, [a.pointer, b.pointer, *totals]) as loop:
            a_at, b_at, *totals = loop.carried
            for u in range(unroll):
                totals = step(a_at, b_at, u, totals)
            a_next = f.offset(a_at, unroll * a.column, element)
            b_next = f.offset(b_at, unroll * b.row, element)
            loop.next = [a_next, b_next, *totals]
        totals = loop.results[2:]
    return [list(totals[i * vectors : (i + 1) * vectors]) for i in range(rows)]


def repeat(f: Function, start: Index, stop: Index, step: int, body: Callable[[Index], None]) -> None:
    """Do body(i) for i in range(start, stop, step), which is not empty; no loop if it is known to be once."""
    if isinstance(start, int) and isinstance(stop, int) and stop - start <= step:
        body(start)
        return
    with f.loop(start, stop, step) as loop:
        body(loop.index)
