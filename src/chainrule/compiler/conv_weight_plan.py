"""The arithmetic of the weights' gradient: which sums share a register tile, and where everything lies."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .builder import BITS
from .conv_plan import Correlation, Section, by_rows, fits, in_order
from .target import Target
from .tiles import row_blocks, shares

_CACHE = 24 << 10  # bytes of the first cache that a tile's operands may take
_MOST_VECTORS = (4, 8)  # whose code is written out


class WeightPlan(NamedTuple):
    """Tiles of `channels` x `taps`, over `sections` of outputs, `images` at a time."""

    sections: tuple[Section, ...]
    channels: int
    taps: int
    images: int

    def slots(self, rows: int, lanes: int) -> int:
        """Elements of a tile's sums."""
        return -(-rows * self.taps // lanes) * lanes


@cache
def weight_plan(target: Target, element: str, c: Correlation, images: int) -> WeightPlan:
    """The least cycles by the model; vectors whose code is written out count as cycles too."""
    lanes = target.lanes(element)
    best, found = float("inf"), WeightPlan((), 1, 1, 1)
    for split in (in_order, by_rows):
        for most in _MOST_VECTORS:
            sections = split(c, lanes, most)
            for rows in range(1, min(c.out, target.registers) + 1):
                for taps in range(1, min(c.taps, target.registers) + 1):
                    if not fits(target, rows, taps):
                        break
                    bytes = (rows * c.found[0] * c.found[1] + c.plane) * BITS[element] // 8
                    plan = WeightPlan(sections, rows, taps, max(1, min(_CACHE // bytes, images)))
                    cost = _cost(plan, c)
                    if cost < best:
                        best, found = cost, plan
    return found


def _cost(plan: WeightPlan, c: Correlation) -> float:
    """Cycles per image: a load of a vector that is not aligned takes more than its half."""
    strips = [(s.times * t.repeats, t) for s in plan.sections for t in s.strips]
    vectors = sum(n * len(t.vectors) for n, t in strips)
    loads = plan.taps * sum(n * t.loads for n, t in strips) / vectors
    blocks = shares(c.out, plan.channels)
    cycles = sum(
        vectors * max(r * plan.taps / 2, 0.7 * (r + loads), 4) + 3 * r * plan.taps / plan.images
        for r in blocks
    )
    code = sum(len(t.vectors) for _, t in strips) * len(set(blocks)) * plan.channels * plan.taps
    return cycles * -(-c.taps // plan.taps) * (1 + max(0, code - 100) / 2000)


class WeightRoom:
    """Where things lie in the scratch of a gradient, in this order.

    offsets  i64 [taps]: how far from an output's first input that of each tap lies
    sums     [group][tile][slots]: sums over images, spread by tiles
    dense    [channel][taps]: the same in the order of the weights
    padded   [image][input channel][plane], with lanes that mean nothing on both sides
    """

    def __init__(self, target: Target, element: str, c: Correlation, images: int) -> None:
        self.plan = plan = weight_plan(target, element, c, max(images, 1))
        self.lanes = lanes = target.lanes(element)
        self.tiles = -(-c.taps // plan.taps)
        self.taps = self.tiles * plan.taps
        slots = sum(b.times * plan.slots(b.size, lanes) for b in row_blocks(c.out, plan.channels))
        self.group_sums = self.tiles * slots
        self.sums = c.groups * self.group_sums
        self.dense = c.groups * c.out * c.taps
        self.padded = 0 if c.direct else plan.images * c.into * c.plane
        elements = self.sums + self.dense + self.padded + 2 * lanes
        self.bytes = self.taps * 8 + elements * BITS[element] // 8
