"""Products whose operands both run along k: vectors of partial sums, added up at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .builder import Function, Value, number, vector
from .target import Target
from .tiles import Blocks, Epilogue, Index, Matrix, Tile, added, at, repeat, row_blocks, value, widths


def dots(
    f: Function, element: str, m: int, n: int, k: int, a: Matrix, b: Matrix, epilogue: Epilogue,
    row: Index, column: Index,
) -> None:  # fmt: skip
    """C(i, j) = Σₖ a(i, k)·b(k, j) where a.column = b.row = 1; the corner of C is (row, column)."""
    tall, wide = dot_shape(f.target, element, m, n)
    for columns in row_blocks(n, wide):
        for rows in row_blocks(m, tall):

            def block(i: Index, j: Index, rows: Blocks = rows, columns: Blocks = columns) -> None:
                a_at = a._replace(pointer=at(f, a, element, i))
                b_at = b._replace(pointer=at(f, b, element, 0, j))
                values = _block(f, element, rows.size, columns.size, k, a_at, b_at)
                place = value(added(f, i, row)), value(added(f, j, column))
                epilogue(f, Tile(values, *place, widths(columns.size, f.target.lanes(element))))

            def line(j: Index, rows: Blocks = rows, block: Callable[[Index, Index], None] = block) -> None:
                repeat(f, rows.start, rows.stop, rows.size, lambda i: block(i, j))

            repeat(f, columns.start, columns.stop, columns.size, line)


def dot_shape(target: Target, element: str, m: int, n: int) -> tuple[int, int]:
    """Rows and columns of C whose sums are kept at a time."""
    lanes = target.lanes(element)
    wide = min(n, 8) if m == 1 else min(n, lanes, 4)
    room = target.registers - 1 - (not target.fma) - wide
    return max(1, min(room // wide, lanes if wide == 1 else 8)), wide


def _block(
    f: Function, element: str, rows: int, columns: int, k: int, a: Matrix, b: Matrix
) -> list[list[Value]]:
    """The vectors of `columns` dot products for each row."""
    lanes = f.target.lanes(element)
    kind = vector(element, lanes)

    def step(a_at: Value, b_at: Value, width: int, sums: Sequence[Value]) -> list[Value]:
        right = [f.load_part(kind, f.offset(b_at, j * b.column, element), width) for j in range(columns)]
        out: list[Value] = []
        for i in range(rows):
            left = f.load_part(kind, f.offset(a_at, i * a.row, element), width)
            out += [f.fma(left, right[j], sums[i * columns + j]) for j in range(columns)]
        return out

    a_at, b_at, sums = a.pointer, b.pointer, [number(0, kind)] * (rows * columns)
    full = k // lanes * lanes
    if full:
        with f.loop(0, full, lanes, [a_at, b_at, *sums]) as loop:
            a_at, b_at, *sums = loop.carried
            sums = step(a_at, b_at, lanes, sums)
            loop.next = [f.offset(a_at, lanes, element), f.offset(b_at, lanes, element), *sums]
        a_at, b_at, *sums = loop.results
    if k > full:
        sums = step(a_at, b_at, k - full, sums)
    if columns > 1:
        ends = [(i + 1) * columns for i in range(rows)]
        return [
            [added_up(f, sums[j : min(j + lanes, end)]) for j in range(end - columns, end, lanes)]
            for end in ends
        ]
    out = []
    for start in range(0, rows, lanes):
        together = added_up(f, sums[start : start + lanes])
        for i in range(min(lanes, rows - start)):
            out.append([f.shuffle(together, together, [i] + [-1] * (lanes - 1)) if i else together])
    return out


def added_up(f: Function, vectors: Sequence[Value]) -> Value:
    """The vector whose lane i is the sum of the lanes of vectors[i]; there are at most `lanes` of them."""
    count, lanes = len(vectors), int(vectors[0].type[1:].split(" ")[0]) if vectors[0].type[0] == "<" else 1
    found: list[Value | None] = [*vectors, *[None] * (lanes - count)]
    apart = lanes // 2
    while apart:
        for i in range(apart):
            a, b = found[i], found[i + apart]
            if a is None:
                continue
            keep = [j if not j & apart else (lanes + j if b else -1) for j in range(lanes)]
            move = [j + apart if not j & apart else (lanes + j - apart if b else -1) for j in range(lanes)]
            low = f.shuffle(a, b or a, keep) if b else a
            found[i] = f.binary("fadd", low, f.shuffle(a, b or a, move))
        apart //= 2
    return found[0] or vectors[0]
