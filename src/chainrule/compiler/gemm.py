"""Matrix products as machine code for given sizes: register tiles, cache blocks, an epilogue on each tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .builder import Function, Value, i64, lanes
from .gemm_dot import dots
from .gemm_loops import Product
from .gemm_plan import Plan, Strides, planned, room
from .target import Target
from .tiles import Epilogue, Index, Matrix, Tile, added, at, multiplied, repeat, value

__all__ = ["Epilogue", "Matrix", "Tile", "batched", "gemm", "scratch_bytes", "store"]


def gemm(
    f: Function,
    element: str,
    m: int,
    n: int,
    k: int,
    a: Matrix,
    b: Matrix,
    epilogue: Epilogue,
    *,
    first_row: Index = 0,
    first_column: Index = 0,
    scratch: Value | None = None,
    plan: Plan | None = None,
) -> None:
    """C = A·B for A[m, k] and B[k, n]: C(i, j) = Σₖ A(i, k)·B(k, j), every tile handed to the epilogue once.

    The sizes are those of the part that is computed; it begins at (first_row, first_column) of C, and the
    tiles' places count from the corner of the whole. `scratch` points to `scratch_bytes` bytes, best at a
    multiple of 64. Sums are taken in the order of k, in the element type, with multiply-add where there is
    one; where both operands run along k and C is narrow, lanes hold partial sums.
    The plan is chosen by a model of the processor unless it is given.

    Raises ValueError if it needs scratch memory and gets none.
    """
    if not m or not n:
        return
    a = a._replace(pointer=at(f, a, element, first_row))
    b = b._replace(pointer=at(f, b, element, 0, first_column))
    if plan is None:
        m, n, k, a, b, turned = _form(m, n, k, a, b)
        if turned:
            epilogue, first_row, first_column = _turned(epilogue), first_column, first_row
        plan = planned(f.target, element, m, n, k, a[1:], b[1:])
    needed = sum(room(plan, f.target, element, m, n, k))
    if needed and scratch is None:
        raise ValueError(
            f"the product ({m}, {k}) x ({k}, {n}) needs {needed} bytes of scratch memory, but got none"
        )
    if plan.dot:
        dots(f, element, m, n, k, a, b, epilogue, first_row, first_column)
    else:
        Product(f, element, (m, n, k), a, b, epilogue, (first_row, first_column), plan, scratch).emit()


def scratch_bytes(target: Target, element: str, m: int, n: int, k: int, a: Strides, b: Strides) -> int:
    """How much scratch memory `gemm` needs for A and B with these (row, column) strides; often none."""
    if not m or not n:
        return 0
    m, n, k, left, right, _ = _form(m, n, k, Matrix(i64(0), *a), Matrix(i64(0), *b))
    return sum(room(planned(target, element, m, n, k, left[1:], right[1:]), target, element, m, n, k))


def store(c: Matrix, *, accumulate: bool = False) -> Epilogue:
    """The epilogue that writes C, or adds to it."""

    def write(f: Function, tile: Tile) -> None:
        kind = tile.values[0][0].type
        element = kind if kind[0] != "<" else kind[1:-1].split(" x ")[1]
        base = at(f, c, element, tile.row, tile.column)
        for i, row in enumerate(tile.values):
            for j, (x, width) in enumerate(zip(row, tile.widths)):
                place = f.offset(base, i * c.row + j * lanes(kind) * c.column, element)
                if c.column == 1:
                    total = f.binary("fadd", f.load_part(kind, place, width), x) if accumulate else x
                    f.store_part(total, place, width)
                    continue
                for lane in range(width):
                    one, spot = f.extract(x, lane), f.offset(place, lane * c.column, element)
                    f.store(f.binary("fadd", f.load(element, spot), one) if accumulate else one, spot)

    return write


def batched(
    f: Function,
    element: str,
    batch: int,
    m: int,
    n: int,
    k: int,
    a: Matrix,
    b: Matrix,
    strides: tuple[int, int],
    epilogue: Callable[[Function, Tile, Value], None],
    *,
    first: Index = 0,
    scratch: Value | None = None,
) -> None:
    """C[s] = A[s]·B[s] for `batch` values of s from `first` on; the epilogue is also given s.

    The matrices lie `strides` elements apart in A and in B; 0 repeats one.
    """
    if not batch:
        return

    def one(index: Index) -> None:
        s = added(f, index, first)
        left, right = (
            x._replace(pointer=f.offset(x.pointer, multiplied(f, s, stride), element))
            for x, stride in zip((a, b), strides)
        )
        gemm(f, element, m, n, k, left, right, lambda f, tile: epilogue(f, tile, value(s)), scratch=scratch)

    repeat(f, 0, batch, 1, one)


class _Form(NamedTuple):
    """A product in the form that is easiest to compute: perhaps Cᵀ = Bᵀ·Aᵀ."""

    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    turned: bool


def _form(m: int, n: int, k: int, a: Matrix, b: Matrix) -> _Form:
    """Strides of dimensions of one element do not matter, so they are set to what is read best.

    A matrix whose columns lie in memory times one column is turned, so that vectors run down the columns.
    """
    if k == 1:
        a, b = a._replace(column=1), b._replace(row=n)
    if n == 1:
        b = b._replace(column=1)
    if n == 1 and m > 1 and a.row == 1 and k > 1:
        return _Form(1, m, k, Matrix(b.pointer, 0, b.row), Matrix(a.pointer, a.column, 1), True)
    return _Form(m, n, k, a, b, False)


def _turned(epilogue: Epilogue) -> Epilogue:
    """The epilogue of C, where the tiles are those of Cᵀ: one row, whose lanes become rows of one lane."""

    def finish(f: Function, tile: Tile) -> None:
        column = []
        for x, width in zip(tile.values[0], tile.widths):
            count = lanes(x.type)
            column += [f.shuffle(x, x, [i] + [-1] * (count - 1)) if i else x for i in range(width)]
        epilogue(f, Tile([[x] for x in column], tile.column, tile.row, [1]))

    return finish
