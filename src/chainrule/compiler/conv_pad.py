"""The copy of an image's channels into padded planes, columns sorted by their remainder by the stride."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from .builder import Function, Value, number, vector
from .conv_plan import Correlation
from .tiles import Index, added, multiplied, value

_UNROLLED = 8


@contextmanager
def repeat(f: Function, count: Index) -> Iterator[Index]:
    """A loop, which is none if the count is known to be one; the count is not zero."""
    if count == 1:
        yield 0
        return
    with f.loop(0, count) as loop:
        yield loop.index


def carry(
    f: Function, count: int, values: Sequence[Value], body: Callable[[Index, list[Value]], list[Value]]
) -> list[Value]:
    """values = body(k, values) for k below a known count, which is not zero."""
    if count == 1:
        return body(0, list(values))
    with f.loop(0, count, 1, values) as loop:
        loop.next = body(loop.index, loop.carried)
    return loop.results


def clear(f: Function, element: str, to: Value, count: int) -> None:
    """Zeros."""
    zero = number(0, vector(element, f.target.lanes(element)))
    cover(f, element, count, lambda at, width: f.store_part(zero, f.offset(to, value(at), element), width))


def copy(f: Function, element: str, source: Value, to: Value, count: int) -> None:
    """`count` elements that follow each other."""
    kind = vector(element, f.target.lanes(element))

    def one(at: Index, width: int) -> None:
        x = f.load_part(kind, f.offset(source, value(at), element), width)
        f.store_part(x, f.offset(to, value(at), element), width)

    cover(f, element, count, one)


def cover(f: Function, element: str, count: int, one: Callable[[Index, int], None]) -> None:
    """one(start, width) for vectors that cover `count` elements: the last overlaps rather than be partial."""
    lanes = f.target.lanes(element)
    full = count // lanes
    if full > _UNROLLED:
        with f.loop(0, full * lanes, lanes) as loop:
            one(loop.index, lanes)
    else:
        for k in range(full):
            one(k * lanes, lanes)
    if count % lanes:
        one(max(count - lanes, 0), min(count, lanes))


def copy_planes(f: Function, element: str, c: Correlation, x: Value, to: Value, planes: int) -> None:
    """`planes` channels of an image; what lies outside of it is left as it is: zeros."""
    (height, width), (top, left) = c.size, c.low
    first, last = max(0, -top), min(height, c.rows - top)
    start, stop = max(0, -left), min(width, c.reach - left)
    if first >= last or start >= stop:
        return
    whole = c.stride[1] == 1 and start == 0 and stop == width == c.pitch
    with f.loop(0, planes) as loop:
        source = f.offset(
            x, value(added(f, multiplied(f, loop.index, height * width), first * width)), element
        )
        place = added(f, multiplied(f, loop.index, c.plane), (first + top) * c.pitch)
        plane = f.offset(to, value(place), element)
        if whole:
            copy(f, element, source, plane, (last - first) * width)
        else:
            with f.loop(0, last - first) as rows:
                line = f.offset(source, multiplied(f, rows.index, width), element)
                row = f.offset(plane, multiplied(f, rows.index, c.pitch), element)
                _row(f, element, c, f.offset(line, start, element), row, range(start + left, stop + left))


def _row(f: Function, element: str, c: Correlation, line: Value, row: Value, columns: range) -> None:
    """Values that go to the columns of a padded row, each to the run of its remainder."""
    stride, lanes = c.stride[1], f.target.lanes(element)
    if stride == 1:
        copy(f, element, line, f.offset(row, columns.start, element), len(columns))
        return
    begin, end = -(-columns.start // stride), columns.stop // stride
    done = range(columns.start, columns.start)
    if end - begin >= lanes:
        done = range(begin * stride, end * stride)

        def one(at: Index, _: int) -> None:
            source = f.offset(
                line, value(added(f, multiplied(f, at, stride), done.start - columns.start)), element
            )
            _sorted(f, element, c, source, f.offset(row, value(added(f, at, begin)), element))

        cover(f, element, end - begin, one)
    for x in columns:
        if x not in done and x % stride in c.remainders:
            at = f.offset(line, x - columns.start, element)
            f.store(f.load(element, at), f.offset(row, x % stride * c.width + x // stride, element))


def _sorted(f: Function, element: str, c: Correlation, source: Value, to: Value) -> None:
    """A vector of every remainder from `stride` vectors."""
    stride, lanes = c.stride[1], f.target.lanes(element)
    kind = vector(element, lanes)
    loaded = [f.load(kind, f.offset(source, lanes * v, element)) for v in range(stride)]
    for r in sorted(c.remainders):
        found = chosen(f, loaded, [r + stride * i for i in range(lanes)])
        f.store(found, f.offset(to, r * c.width, element))


def chosen(f: Function, vectors: Sequence[Value], order: Sequence[int]) -> Value:
    """The lanes `order` of vectors laid end to end."""
    lanes = len(order)
    if lanes == 1:
        return vectors[order[0]]
    found = vectors[0]
    placed = [k if k < lanes else -1 for k in order]
    for v in range(1, len(vectors)):
        if any(k // lanes == v for k in order):
            found = f.shuffle(
                found,
                vectors[v],
                [lanes + k % lanes if k // lanes == v else p for k, p in zip(order, placed)],
            )
            placed = [i if k // lanes <= v else -1 for i, k in enumerate(order)]
    return f.shuffle(found, found, placed) if placed != list(range(lanes)) else found
