"""How a product of given sizes is computed: tile, blocks that fit the caches, and what is copied first."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .builder import BITS
from .target import Target
from .tiles import Blocks, Panel, column_panels, row_blocks, shape

Strides = tuple[int, int]

# Sizes in bytes that decide; they suit a second cache of 512 KB and more, and a first one of 32 KB.
NEAR = 64 << 10  # less than this of B is read quickly where it lies
BAND = 256 << 10  # what may be read over and over: half a second cache
COPY = 128 << 10  # from here on an operand that many tiles read is worth copying
FIRST = 32 << 10  # the first cache: slices of A and B that fit are read by all tiles before the next ones
DEPTH = 256  # steps along k whose panels stay near


class Plan(NamedTuple):
    """How one product is computed.

    rows      the runs of row blocks
    panels    the runs of column panels
    depth     steps along k at a time; partial sums are kept in memory between them
    tall      row blocks at a time, over which every panel of B goes
    pack_a    copy the row blocks so that each is read in order
    pack_b    the same for panels of B
    dot       vectors along k, summed at the end, instead of along columns
    gather    B is so small that its vectors are put together from elements and kept
    """

    rows: list[Blocks]
    panels: list[Panel]
    depth: int
    tall: int
    pack_a: bool
    pack_b: bool
    dot: bool
    gather: bool


@cache
def planned(target: Target, element: str, m: int, n: int, k: int, a: Strides, b: Strides) -> Plan:
    """The plan for C[m, n] = A[m, k]·B[k, n] with these strides."""
    lanes, size = target.lanes(element), BITS[element] // 8
    most_rows, most_vectors = shape(target, element, m, n, k, k * n * size >= NEAR)
    rows, panels = row_blocks(m, most_rows), column_panels(n, most_vectors, lanes)
    whole = Plan(rows, panels, k, m, False, False, False, False)
    if k == 0:
        return whole
    if _along_k(target, element, m, n, k, a, b):
        return whole._replace(dot=True)
    if b[1] != 1 and n <= lanes and k <= 8 and n * k <= 32:
        return whole._replace(gather=True)
    far = k * n * size >= COPY or (m >= 512 and k * n * size >= NEAR)
    pack_b = b[1] != 1 or (m >= 96 and far and b[0] != 0)
    pack_a = a[1] != 1 and a[0] != 0 and n >= 96 and k >= 64 and m * k * size >= COPY
    depth = k
    if pack_a or (not pack_b and k * n * size > BAND):
        depth = _even(k, DEPTH)
    elif a[1] != 1 and k * (m + n) * size > FIRST:
        depth = _even(k, max(FIRST * 3 // 4 // ((m + n) * size), 32))
    elif k > 8 * DEPTH:
        depth = _even(k, 4 * DEPTH)
    tall = max(BAND // (depth * size * most_rows), 1)
    return whole._replace(depth=depth, tall=tall, pack_a=pack_a, pack_b=pack_b)


def _even(k: int, most: int) -> int:
    """About `most` steps at a time, in even parts: a multiple of every unrolling, or all if near enough."""
    if k < 2 * most:
        return k
    parts = -(-k // most)
    return -(-k // parts // 4) * 4


def _along_k(target: Target, element: str, m: int, n: int, k: int, a: Strides, b: Strides) -> bool:
    """Whether dot products of contiguous vectors beat a transposed copy of B, by counting cycles.

    Only for few rows or columns: nothing keeps the other operand near.
    """
    lanes = target.lanes(element)
    if a[1] != 1 or b[0] != 1 or (b[1] == 1 and n > 1) or k < 2 * lanes or min(m, n) > 16:
        return False
    dots = m * n * (k / lanes / 2 + 2)
    copy = n * k * 1.75 / lanes
    return dots < copy + k * m * -(-n // lanes) / 2


class Room(NamedTuple):
    """Bytes of scratch memory for each purpose."""

    b: int
    a: int
    sums: int


def room(plan: Plan, target: Target, element: str, m: int, n: int, k: int) -> Room:
    """The scratch memory of a plan; each part has a vector's slack and begins at a multiple of 64 bytes."""
    lanes, size = target.lanes(element), BITS[element] // 8
    columns = -(-n // lanes) * lanes

    def bytes(count: int) -> int:
        return -(-(count * size + 64) // 64) * 64

    height = max((min(r.times, plan.tall) * r.size for r in plan.rows), default=0)
    return Room(
        bytes(columns * plan.depth) if plan.pack_b else 0,
        bytes(height * plan.depth) if plan.pack_a else 0,
        bytes(columns * m) if plan.depth < k else 0,
    )
