"""A layered layout of an acyclic graph, left to right, in a number of passes that is fixed beforehand.

NOTE [Bound] Every pass is linear in nodes and edges, dummies included, up to sorting within layers. The
number of passes is SWEEPS, the number of dummies at most DUMMIES; edges for which none are left, or which
span more than SPAN layers, are drawn in one curve. So there is no graph on which the layout does not end.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

SWEEPS = 6  # over all layers, each way
DUMMIES = 20_000
SPAN = 60  # layers that an edge is led around the nodes of
GAP, TIGHT, BETWEEN = 28.0, 8.0, 18.0  # between layers, before and after ports, between nodes of a layer

Point = tuple[float, float]


@dataclass(eq=False)
class Box:
    """A node: its size around the line on which it is entered, and where the layout has put that line.

    side  -1 for a port at the left border, 1 at the right, 0 for everything else
    """

    width: float
    above: float
    below: float
    key: Any = None
    side: int = 0
    layer: int = 0
    x: float = 0.0  # of the left side
    y: float = 0.0  # of the line


@dataclass(eq=False)
class Link:
    """An edge between two boxes; `out` and `into` are distances from their lines to where it is attached."""

    source: Box
    target: Box
    out: float = 0.0
    into: float = 0.0
    key: Any = None
    route: list[Point] = field(default_factory=list)
    via: list[Box] = field(default_factory=list)


class _Piece(NamedTuple):
    """Part of an edge, from one layer to the next."""

    source: Box
    target: Box
    out: float
    into: float


def layout(boxes: Sequence[Box], links: Sequence[Link]) -> tuple[float, float, float]:
    """Place the boxes, which stand in topological order, and route the links.

    Returns the width, and the smallest and the largest y.

    >>> a, b = Box(40, 10, 10), Box(40, 10, 10)
    >>> layout([a, b], [Link(a, b)])
    (108.0, 0.0, 20.0)
    >>> a.x, b.x, a.y == b.y
    (0.0, 68.0, True)
    """
    _layers(boxes, links)
    columns: list[list[Box]] = [[] for _ in range(1 + max((b.layer for b in boxes), default=0))]
    led = {link.target for link in links}
    for b in sorted(boxes, key=lambda b: b.side == 0 and b not in led):  # below what has a way to it
        columns[b.layer].append(b)
    pieces = _pieces(links, columns)
    _order(columns, pieces)
    _heights(columns, pieces)
    lefts, rights = _across(columns, led)
    for link in links:
        _route(link, lefts, rights)
    everything = [b for c in columns for b in c]
    top = min((b.y - b.above for b in everything), default=0.0)
    bottom = max((b.y + b.below for b in everything), default=0.0)
    return rights[-1], top, bottom


def _layers(boxes: Sequence[Box], links: Sequence[Link]) -> None:
    """The longest way from a source; what nothing leads to stands right before what reads it."""
    into: dict[Box, list[Box]] = {}
    out: dict[Box, list[Box]] = {}
    for link in links:
        into.setdefault(link.target, []).append(link.source)
        out.setdefault(link.source, []).append(link.target)
    first = 1 if any(b.side < 0 for b in boxes) else 0
    for b in boxes:
        b.layer = 0 if b.side < 0 else max((s.layer + 1 for s in into.get(b, ())), default=first)
    for b in reversed(boxes):
        if b not in into and b.side == 0 and b in out:
            b.layer = max(first, min(t.layer for t in out[b]) - 1)
    last = max((b.layer for b in boxes if b.side <= 0), default=0) + 1
    for b in boxes:
        if b.side > 0:
            b.layer = last


def _pieces(links: Sequence[Link], columns: list[list[Box]]) -> list[_Piece]:
    """Edges cut at layers; those of one source share their dummies. NOTE [Bound]."""
    chains: dict[tuple[Box, float], list[Box]] = {}
    pieces: list[_Piece] = []
    left = DUMMIES
    for link in sorted(links, key=lambda k: k.target.layer - k.source.layer):
        span = link.target.layer - link.source.layer - 1
        chain = chains.setdefault((link.source, link.out), [])
        missing = span - len(chain)
        if missing > left or span > SPAN:
            pieces.append(_Piece(link.source, link.target, link.out, link.into))
            continue
        left -= max(missing, 0)
        while len(chain) < span:
            dummy = Box(0.0, 3.0, 3.0, layer=link.source.layer + len(chain) + 1)
            before = chain[-1] if chain else link.source
            pieces.append(_Piece(before, dummy, 0.0 if chain else link.out, 0.0))
            columns[dummy.layer].append(dummy)
            chain.append(dummy)
        link.via = chain[:span]
        before = chain[span - 1] if span else link.source
        pieces.append(_Piece(before, link.target, 0.0 if span else link.out, link.into))
    return pieces


def _order(columns: list[list[Box]], pieces: Sequence[_Piece]) -> None:
    """The order within layers: by the mean place of the neighbours, back and forth; the best one stays."""
    before, after = _neighbours(pieces)
    place = {b: float(i) for c in columns for i, b in enumerate(c)}
    best, fewest = [list(c) for c in columns], _crossings(columns, after)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        near = before if forward else after
        for column in columns if forward else reversed(columns):
            means = {b: _mean(((place[p], w) for p, _, w in near.get(b, ())), place[b]) for b in column}
            column.sort(key=means.__getitem__)
            place.update((b, float(i)) for i, b in enumerate(column))
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = [list(c) for c in columns], crossings
    for i, column in enumerate(best):
        columns[i][:] = column


def _neighbours(pieces: Sequence[_Piece]) -> tuple[dict[Box, list[Any]], dict[Box, list[Any]]]:
    """Before and after each box: the other one, how much lower this one must lie for a straight edge, and
    how much that matters: little, if the other one is a source, which may stand aside."""
    led = {p.target for p in pieces}
    before: dict[Box, list[Any]] = {}
    after: dict[Box, list[Any]] = {}
    for p in pieces:
        weight = 1.0 if p.source in led or p.source.side else 0.05
        before.setdefault(p.target, []).append((p.source, p.out - p.into, weight))
        after.setdefault(p.source, []).append((p.target, p.into - p.out, 1.0))
    return before, after


def _mean(values: Iterable[tuple[float, float]], otherwise: float) -> float:
    """The mean of values with weights."""
    total = heavy = 0.0
    for x, weight in values:
        total, heavy = total + weight * x, heavy + weight
    return total / heavy if heavy else otherwise


def _crossings(columns: list[list[Box]], after: dict[Box, list[Any]]) -> int:
    """How many pairs of edges cross between neighbouring layers."""
    place = {b: i for c in columns for i, b in enumerate(c)}
    total = 0
    for column in columns:
        seen: list[int] = []
        for b in column:
            ends = sorted(place[t] for t, _, _ in after.get(b, ()) if t.layer == b.layer + 1)
            for end in ends:
                total += len(seen) - bisect_left(seen, end + 1)
            for end in ends:
                insort(seen, end)
    return total


def _heights(columns: list[list[Box]], pieces: Sequence[_Piece]) -> None:
    """Heights that keep the order and make edges as straight as they can be."""
    before, after = _neighbours(pieces)
    for column in columns:
        y = 0.0
        for b in column:
            b.y = y + b.above
            y = b.y + b.below + BETWEEN
    for sweep in range(SWEEPS):
        near = (before, after)[sweep % 2]
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = [_mean(((p.y + d, w) for p, d, w in near.get(b, ())), b.y) for b in column]
            weights = [
                sum(w for _, _, w in near.get(b, ())) * (4 if b.width == 0 else 1) + 0.01 for b in column
            ]
            _settle(column, wanted, weights)
    for column in columns:  # what nothing reads, once more
        ends = [b not in after for b in column]
        wanted = [
            _mean(((p.y + d, w) for p, d, w in before.get(b, ())), b.y) if end else b.y
            for b, end in zip(column, ends)
        ]
        _settle(column, wanted, [1.0 if end else 100.0 for end in ends])


def _settle(column: Sequence[Box], wanted: Sequence[float], weights: Sequence[float]) -> None:
    """The nearest heights to the wanted ones that leave the boxes room (pooling of adjacent violators)."""
    at = [0.0]
    for a, b in pairwise(column):
        slim = a.width == 0 and b.width == 0
        at.append(at[-1] + a.below + b.above + (4.0 if slim else BETWEEN))
    pools: list[list[float]] = []  # mean, weight, count
    for want, weight, offset in zip(wanted, weights, at):
        pools.append([want - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, heavy, count = pools.pop()
            into = pools[-1]
            into[0] = (into[0] * into[1] + mean * heavy) / (into[1] + heavy)
            into[1], into[2] = into[1] + heavy, into[2] + count
    i = 0
    for mean, _, count in pools:
        for _ in range(int(count)):
            column[i].y = mean + at[i]
            i += 1


def _across(columns: list[list[Box]], led: set[Box]) -> tuple[list[float], list[float]]:
    """The left and right side of every layer; boxes stand in its middle, sources at its right."""
    lefts, rights, x = [], [], 0.0
    ports = [bool(c) and all(b.side for b in c) for c in columns]
    for i, column in enumerate(columns):
        width = max((b.width for b in column), default=0.0)
        lefts.append(x)
        rights.append(x + width)
        for b in column:
            spare = width - b.width
            b.x = x + (0.0 if b.side > 0 else spare if b.side < 0 or b not in led else spare / 2)
        tight = ports[i] or (i + 1 < len(columns) and ports[i + 1])
        x += width + (TIGHT if tight else GAP)
    return lefts, rights


def _route(link: Link, lefts: Sequence[float], rights: Sequence[float]) -> None:
    """The points of an edge: across a layer a line, between layers a curve."""
    a, b = link.source, link.target
    start, end = (a.x + a.width, a.y + link.out), (b.x, b.y + link.into)
    link.route = [start, (rights[a.layer], start[1])] if rights[a.layer] > start[0] else [start]
    for dummy in link.via:
        link.route += [(lefts[dummy.layer], dummy.y), (rights[dummy.layer], dummy.y)]
    link.route += [(lefts[b.layer], end[1]), end] if lefts[b.layer] < end[0] else [end]


def curve(points: Sequence[Point], dx: float = 0.0, dy: float = 0.0) -> str:
    """The path of a route: smooth between layers, straight across them.

    >>> curve([(0, 0), (10, 5)])
    'M0 0C5 0 5 5 10 5'
    >>> curve([(0, 5), (10, 5)])
    'M0 5H10'
    """
    p = [(round(x + dx, 1), round(y + dy, 1)) for x, y in points]
    path = f"M{p[0][0]:g} {p[0][1]:g}"
    # a way through many layers is mostly one straight line
    inner = [b for a, b, c in zip(p, p[1:], p[2:]) if not a[1] == b[1] == c[1]]
    for (x, y), (u, v) in pairwise([p[0], *inner, *p[1:][-1:]]):
        if x == u and y == v:
            continue
        m = round((x + u) / 2, 1)
        path += f"H{u:g}" if y == v else f"C{m:g} {y:g} {m:g} {v:g} {u:g} {v:g}"
    return path


__all__ = ["Box", "Link", "curve", "layout"]
