"""Copy a strip of a matrix so that a tile reads it in order: one shared function for every form of strip."""

from __future__ import annotations

from collections.abc import Sequence

from .builder import Function, Module, Value, i64, vector
from .tiles import Index, Matrix, value


def pack(f: Function, element: str, out: Value, source: Matrix, steps: Index, count: int, pitch: int) -> None:
    """out[k·pitch + j] = source(k, j) for k < steps and j < count.

    Whole vectors may be written, in order: up to a vector of anything lies behind the last element.
    """
    lanes = f.target.lanes(element)
    size = value(steps)
    if source.column == 1:
        name = f"pack.rows.{element}.{count}"
        if not f.module.has(name):
            _write_rows(f.module, name, element, count)
        f.call(name, out, i64(pitch), source.pointer, i64(source.row), size)
        return
    full = count // lanes * lanes if source.row == 1 and lanes > 1 and pitch % lanes == 0 else 0
    for j in range(0, full, lanes):
        name = f"pack.columns.{element}"
        if not f.module.has(name):
            _write_columns(f.module, name, element)
        to, start = (
            f.offset(x, place, element) for x, place in ((out, j), (source.pointer, j * source.column))
        )
        f.call(name, to, i64(pitch), start, i64(source.column), size)
    if count > full:
        name = _elements(f.module, element)
        to = f.offset(out, full, element)
        start = f.offset(source.pointer, full * source.column, element)
        f.call(name, to, i64(pitch), start, i64(source.row), size, i64(source.column), i64(count - full))


def _write_rows(module: Module, name: str, element: str, count: int) -> None:
    """The strip's rows lie in memory as they will in the copy."""
    f = module.function(name, ["ptr", "i64", "ptr", "i64", "i64"])
    out, pitch, source, stride, steps = f.parameters
    lanes = module.target.lanes(element)
    kind = vector(element, lanes)
    with f.loop(0, steps, carry=[out, source]) as loop:
        to, start = loop.carried
        for j in range(0, count, lanes):
            found = f.load_part(kind, f.offset(start, j, element), min(lanes, count - j))
            f.store(found, f.offset(to, j, element))
        loop.next = [f.offset(to, pitch, element), f.offset(start, stride, element)]
    f.ret()


def _elements(module: Module, element: str) -> str:
    """The function for a strip without unit stride, and for what is left of others."""
    name = f"pack.elements.{element}"
    if module.has(name):
        return name
    f = module.function(name, ["ptr", "i64", "ptr", "i64", "i64", "i64", "i64"])
    out, pitch, source, stride, steps, gap, count = f.parameters
    with f.loop(0, steps, carry=[out, source]) as loop:
        to, start = loop.carried
        with f.loop(0, count, carry=[start]) as inner:
            f.store(f.load(element, inner.carried[0]), f.offset(to, inner.index, element))
            inner.next = [f.offset(inner.carried[0], gap, element)]
        loop.next = [f.offset(to, pitch, element), f.offset(start, stride, element)]
    f.ret()
    return name


def _write_columns(module: Module, name: str, element: str) -> None:
    """A vector of columns that lie in memory: square blocks are transposed, and the last one overlaps."""
    f = module.function(name, ["ptr", "i64", "ptr", "i64", "i64"])
    out, pitch, source, stride, steps = f.parameters
    lanes = module.target.lanes(element)
    few, many, end = f.label("few"), f.label("many"), f.label("end")
    f.branch(f.compare("slt", steps, i64(lanes)), few, many)
    f.begin(few)
    f.call(_elements(module, element), out, pitch, source, i64(1), steps, stride, i64(lanes))
    f.jump(end)
    f.begin(many)
    last = f.binary("sub", steps, i64(lanes))
    with f.loop(0, steps, lanes) as loop:
        k = f.intrinsic("smin", loop.index, last)
        columns = [f.offset(source, k, element)]
        for _ in range(1, lanes):
            columns.append(f.offset(columns[-1], stride, element))
        to = f.offset(out, f.binary("mul", k, pitch), element)
        for row in transposed(f, element, columns):
            f.store(row, to)
            to = f.offset(to, pitch, element)
    f.jump(end)
    f.begin(end)
    f.ret()


def transposed(f: Function, element: str, columns: Sequence[Value]) -> list[Value]:
    """Vector u of the result holds element u behind each pointer."""
    lanes = f.target.lanes(element)
    kind, half = vector(element, lanes), lanes // 2
    if half < 2:
        return _exchanged(f, [f.load(kind, p) for p in columns], half)
    # The first exchange is of half vectors, which can be loaded where they belong.
    part = vector(element, half)
    rows = []
    for side in (0, half):
        for p, q in zip(columns[:half], columns[half:]):
            low, high = (f.load(part, f.offset(x, side, element)) for x in (p, q))
            rows.append(f.shuffle(low, high, range(lanes)))
    return _exchanged(f, rows, half // 2)


def _exchanged(f: Function, rows: list[Value], apart: int) -> list[Value]:
    """The stages of a transposition that swap blocks of `apart` lanes, then half of that, down to one."""
    lanes = len(rows)
    while apart:
        for i in range(lanes):
            if i & apart:
                continue
            a, b = rows[i], rows[i + apart]
            low = [lanes + j - apart if j & apart else j for j in range(lanes)]
            high = [lanes + j if j & apart else j + apart for j in range(lanes)]
            rows[i], rows[i + apart] = f.shuffle(a, b, low), f.shuffle(a, b, high)
        apart //= 2
    return rows
