"""The arithmetic of a convolution's code: what is copied, which outputs share a register tile, at which cost.

NOTE [Padded planes] Each channel of an image is copied once into a plane with its padding, the columns sorted
by their remainder by the stride: the inputs of neighbouring outputs are then neighbours for every place of
the kernel. Outputs are taken in memory order, also over the ends of rows: where a vector spans rows, one load
per row is blended into it. That costs loads, which there is room for, and no multiply-add is wasted on lanes
that are cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import gcd
from typing import NamedTuple

from .target import Target
from .tiles import shares

Pair = tuple[int, int]


class Weights(NamedTuple):
    """Where the weight (group, output channel, input channel, row, column) lies: start + Σ index·stride."""

    start: int
    group: int
    out: int
    into: int
    row: int
    column: int


class Correlation(NamedTuple):
    """y[o, p, q] = Σ w[o, c, i, j] · x[c, p·s + i·d - low, q·s + j·d - low], zero outside of x.

    groups   how often it is repeated, on other channels
    into     input channels per group
    out      output channels per group
    size     rows and columns of x
    low      how far the first window begins before x (negative: inside)
    found    rows and columns of y
    """

    groups: int
    into: int
    out: int
    size: Pair
    low: Pair
    found: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    weights: Weights

    @property
    def rows(self) -> int:
        """Of a padded plane: those that some window meets."""
        return _reach(self.found[0], self.kernel[0], self.stride[0], self.dilation[0])

    @property
    def reach(self) -> int:
        """Columns of padded x that some window meets."""
        return _reach(self.found[1], self.kernel[1], self.stride[1], self.dilation[1])

    @property
    def width(self) -> int:
        """Columns of a padded plane that have the same remainder."""
        return -(-self.reach // self.stride[1])

    @property
    def pitch(self) -> int:
        """Elements from a padded row to the next."""
        return self.width * self.stride[1]

    @property
    def plane(self) -> int:
        """Elements of a padded plane."""
        return self.rows * self.pitch

    @property
    def taps(self) -> int:
        """Products per output."""
        return self.into * self.kernel[0] * self.kernel[1]

    @property
    def direct(self) -> bool:
        """Whether x is read where it is: every window is one value, in order."""
        return self.kernel == self.stride == (1, 1) and self.low == (0, 0) and self.found == self.size

    @property
    def remainders(self) -> frozenset[int]:
        """Those that are met, by the stride, of columns of padded x."""
        return frozenset(j * self.dilation[1] % self.stride[1] for j in range(self.kernel[1]))

    @property
    def period(self) -> int:
        """After how many columns of the kernel the remainders repeat."""
        return self.stride[1] // gcd(self.stride[1], self.dilation[1])

    @property
    def skips(self) -> bool:
        """Whether it pays to leave out the rows of the kernel that meet only padding: a tenth or more."""
        (found, _), (kernel, _), (low, _), (height, _) = self.found, self.kernel, self.low, self.size
        if self.stride[0] != 1 or self.dilation[0] != 1 or self.found[1] == self.pitch or kernel == 1:
            return False
        met = sum(0 <= p + i - low < height for p in range(found) for i in range(kernel))
        return met < 0.9 * found * kernel

    def flat(self) -> Correlation:
        """The same with a single row, if every window is one value and all are taken in order."""
        if not self.direct:
            return self
        size = (1, self.size[0] * self.size[1])
        return self._replace(size=size, found=size)

    def column(self, j: int) -> int:
        """Where the inputs of the kernel's column j begin in a padded row."""
        x = j * self.dilation[1]
        return x % self.stride[1] * self.width + x // self.stride[1]


def _reach(found: int, kernel: int, stride: int, dilation: int) -> int:
    return (found - 1) * stride + (kernel - 1) * dilation + 1


class Lanes(NamedTuple):
    """Lanes first to stop - 1 of a vector are neighbours in memory: lane i lies at offset + i."""

    first: int
    stop: int
    offset: int


class Strip(NamedTuple):
    """Vectors of outputs that are computed together, `repeats` times at every `step` outputs.

    pixel    the first output, counted from where the section begins
    vectors  for each vector, where its lanes' inputs lie (from where the section's begin)
    widths   how many lanes of each are outputs
    """

    pixel: int
    vectors: tuple[tuple[Lanes, ...], ...]
    widths: tuple[int, ...]
    repeats: int = 1
    step: int = 0

    @property
    def loads(self) -> int:
        return sum(map(len, self.vectors))


class Section(NamedTuple):
    """`times` equal stretches of a plane: each `pixels` outputs, with inputs `offset` elements further."""

    pixel: int
    place: int
    times: int
    pixels: int
    offset: int
    strips: tuple[Strip, ...]


def _lanes(pixel: int, width: int, columns: int, jump: int) -> tuple[Lanes, ...]:
    """`width` outputs from `pixel` on, in rows of `columns` that lie `jump` apart."""
    out = []
    lane = 0
    while lane < width:
        row, column = divmod(pixel + lane, columns)
        stop = min(width, lane + columns - column)
        out.append(Lanes(lane, stop, row * jump + column - lane))
        lane = stop
    return tuple(out)


def _strips(pixels: int, lanes: int, most: int, columns: int, jump: int) -> tuple[Strip, ...]:
    """A stretch of outputs as vectors, at most `most` together."""
    out, pixel = [], 0
    for size in shares(-(-pixels // lanes), most):
        widths = tuple(min(lanes, pixels - pixel - lanes * v) for v in range(size))
        vectors = tuple(_lanes(pixel + lanes * v, w, columns, jump) for v, w in enumerate(widths))
        out.append(Strip(pixel, vectors, widths))
        pixel += size * lanes
    return _merged(out)


def _merged(strips: Sequence[Strip]) -> tuple[Strip, ...]:
    """Neighbours that differ only in where they are become one strip with repeats."""
    out: list[Strip] = []
    for strip in strips:
        if out:
            last = out[-1]
            step = last.step or strip.pixel - last.pixel
            moved = tuple(
                tuple(Lanes(a.first, a.stop, a.offset + step * last.repeats) for a in v) for v in last.vectors
            )
            if strip == Strip(last.pixel + step * last.repeats, moved, last.widths):
                out[-1] = last._replace(repeats=last.repeats + 1, step=step)
                continue
        out.append(strip)
    return tuple(out)


def by_rows(c: Correlation, lanes: int, most: int) -> tuple[Section, ...]:
    """Every row of outputs alone: the last vector of a row may be partial."""
    (rows, columns), jump = c.found, c.stride[0] * c.pitch
    return (Section(0, 0, rows, columns, jump, _strips(columns, lanes, most, columns, jump)),)


def in_order(c: Correlation, lanes: int, most: int) -> tuple[Section, ...]:
    """All outputs in memory order: the pattern of row ends repeats after a few rows."""
    (rows, columns), jump = c.found, c.stride[0] * c.pitch
    if jump == columns or rows == 1:
        return (Section(0, 0, 1, 0, 0, _strips(rows * columns, lanes, most, rows * columns, 0)),)
    period = columns // gcd(columns, lanes) * lanes
    count = rows * columns // period
    out = []
    if count:
        offset = period // columns * jump
        out.append(Section(0, 0, count, period, offset, _strips(period, lanes, most, columns, jump)))
    rest = rows * columns - count * period
    if rest:
        start = count * period // columns * jump
        out.append(Section(count * period, start, 1, 0, 0, _strips(rest, lanes, most, columns, jump)))
    return tuple(out)


class Tiling(NamedTuple):
    """The sections of a plane, and the most channels of a tile."""

    sections: tuple[Section, ...]
    channels: int


def bodies(sections: tuple[Section, ...]) -> int:
    """How many strips have code of their own."""
    return sum(len(s.strips) for s in sections)


def cycles(rows: int, vectors: int, loads: int) -> float:
    """Of one tap: two multiply-adds or loads a cycle, four cycles until a sum can be added to."""
    return max(rows * vectors / 2, (rows + loads) / 2, 4)


def fits(target: Target, rows: int, vectors: int) -> bool:
    """The accumulators, the smaller of both operands, and one of the other (or a product)."""
    return rows * vectors + min(rows, vectors) + (1 if target.fma else 2) <= target.registers


@cache
def tiling(target: Target, element: str, c: Correlation) -> Tiling:
    """The least cycles by the model; code of their own for many strips counts as cycles too."""
    lanes = target.lanes(element)
    best, found = float("inf"), Tiling((), 1)
    for most in range(1, target.registers):
        for split in (in_order, by_rows):
            sections = split(c, lanes, most)
            for rows in range(1, min(c.out, target.registers) + 1):
                if not fits(target, rows, most):
                    break
                cost = _cost(sections, shares(c.out, rows), c.taps)
                if cost < best:
                    best, found = cost, Tiling(sections, rows)
    return found


def _cost(sections: tuple[Section, ...], blocks: list[int], taps: int) -> float:
    kinds = [(size, blocks.count(size)) for size in set(blocks)]
    cost = sum(
        section.times * strip.repeats * number * (cycles(size, len(strip.vectors), strip.loads) + 12 / taps)
        for section in sections
        for strip in section.strips
        for size, number in kinds
    )
    return cost * (1 + 0.015 * bodies(sections) * len(kinds))
