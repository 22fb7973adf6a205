"""The loops that fill a tile of channels and outputs from packed weights and padded planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .builder import Function, Value, i64, number, vector
from .conv_pad import clear, copy_planes, repeat
from .conv_plan import Correlation, Lanes, Section, Strip, Tiling, tiling
from .target import Target
from .tiles import Blocks, Index, added, less, multiplied, row_blocks, value

_MOST_COLUMNS = 8  # of the kernel, written out


class PlaneTile(NamedTuple):
    """Finished outputs, in registers.

    values   [channel][vector]
    image    i64: whose they are
    channel  i64: the first
    pixel    i64: the first, in the plane as one row
    widths   how many lanes of each vector are outputs: vectors that are not full come last, or nowhere
    """

    values: list[list[Value]]
    image: Value
    channel: Value
    pixel: Value
    widths: Sequence[int]


PlaneEpilogue = Callable[[Function, PlaneTile], None]


def tile_address(
    f: Function, element: str, tile: PlaneTile, pointer: Value, channels: int, plane: int
) -> Value:
    """Where the tile begins in an array [image][channel][pixel]; its channels lie `plane` elements apart."""
    row = added(f, multiplied(f, tile.image, channels), tile.channel)
    return f.offset(pointer, value(added(f, multiplied(f, row, plane), tile.pixel)), element)


def store_tile(f: Function, element: str, tile: PlaneTile, pointer: Value, channels: int, plane: int) -> None:
    """The epilogue that only stores."""
    at, lanes = tile_address(f, element, tile, pointer, channels, plane), f.target.lanes(element)
    for i, row in enumerate(tile.values):
        for v, (x, width) in enumerate(zip(row, tile.widths)):
            f.store_part(x, f.offset(at, i * plane + v * lanes, element), width)


def packed_size(c: Correlation) -> int:
    """Elements of the packed weights."""
    return c.groups * c.out * c.taps


def correlation_elements(target: Target, element: str, c: Correlation) -> int:
    """Room for the packed weights and a group's padded planes, which are read a little beyond their ends."""
    return packed_size(c) + (0 if c.direct else c.into * c.plane + 2 * target.lanes(element))


def pack_weights(f: Function, element: str, c: Correlation, w: Value, to: Value) -> None:
    """[group][block of channels][input channel][row][column][channel of the block]."""
    s, size = c.weights, tiling(f.target, element, c).channels
    with repeat(f, c.groups) as group:
        first = added(f, multiplied(f, group, s.group), s.start)
        place = multiplied(f, group, c.out * c.taps)
        for blocks in row_blocks(c.out, size):
            with repeat(f, blocks.times) as block:
                row = added(f, multiplied(f, block, blocks.size), blocks.start)
                source = f.offset(w, value(added(f, multiplied(f, row, s.out), first)), element)
                panel = f.offset(to, value(added(f, multiplied(f, row, c.taps), place)), element)
                _pack(f, element, _runs(c), s.out, blocks.size, source, panel)


def _runs(c: Correlation) -> list[tuple[int, int]]:
    """(count, stride) of the weights of a channel, outermost first; runs in one go are one."""
    out: list[tuple[int, int]] = []
    for count, stride in (
        (c.into, c.weights.into),
        (c.kernel[0], c.weights.row),
        (c.kernel[1], c.weights.column),
    ):
        if out and out[-1][1] == count * stride:
            out[-1] = (out[-1][0] * count, stride)
        else:
            out.append((count, stride))
    return out


def _pack(
    f: Function,
    element: str,
    runs: Sequence[tuple[int, int]],
    apart: int,
    size: int,
    source: Value,
    to: Value,
) -> Value:
    """The weights of `size` channels side by side; where the next ones go."""
    if not runs:
        for i in range(size):
            f.store(f.load(element, f.offset(source, i * apart, element)), f.offset(to, i, element))
        return f.offset(to, size, element)
    (count, stride), *inner = runs
    with f.loop(0, count, 1, [source, to]) as loop:
        at, place = loop.carried
        place = _pack(f, element, inner, apart, size, at, place)
        loop.next = [f.offset(at, stride, element), place]
    return loop.results[1]


def blended(
    f: Function, element: str, pointer: Value, offset: int, lanes: Sequence[Lanes], width: int
) -> Value:
    """A vector whose lanes are neighbours only in parts: one load for each part."""
    count = f.target.lanes(element)
    kind = vector(element, count)
    found = f.load_part(kind, f.offset(pointer, offset + lanes[0].offset, element), width)
    for part in lanes[1:]:
        x = f.load_part(kind, f.offset(pointer, offset + part.offset, element), width)
        found = f.shuffle(found, x, [count + i if i >= part.first else i for i in range(count)])
    return found


class Level(NamedTuple):
    """A loop; per turn the weights move by `packed` elements and the inputs by `padded`."""

    start: Index
    stop: Index
    packed: int
    padded: int


class StripCode(NamedTuple):
    """The code of one strip of outputs and `rows` channels.

    met  which rows of the kernel to sum over: those whose inputs are not all padding
    """

    f: Function
    element: str
    c: Correlation
    strip: Strip
    rows: int
    met: tuple[Index, Index]

    def sums(self, a: Value, b: Value) -> list[list[Value]]:
        """Σ over input channels and the kernel."""
        kind = vector(self.element, self.f.target.lanes(self.element))
        vectors = len(self.strip.vectors)
        levels, body = self._levels()
        totals = self._nest(levels, body, a, b, [number(0, kind)] * (self.rows * vectors))
        return [totals[i * vectors : (i + 1) * vectors] for i in range(self.rows)]

    def _levels(self) -> tuple[list[Level], list[int]]:
        """The loops, and the offsets of inputs that are written out inside."""
        c = self.c
        rows, columns = c.kernel
        if rows == columns == 1:
            unroll = next(u for u in (4, 2, 1) if c.into % u == 0)
            body = [u * c.plane for u in range(unroll)]
            return [Level(0, c.into // unroll, unroll * self.rows, unroll * c.plane)], body
        fitting = (u for u in range(c.period, _MOST_COLUMNS + 1, c.period) if columns % u == 0)
        unroll = max(fitting, default=columns)
        turns = columns // unroll
        levels = [
            Level(0, c.into, rows * columns * self.rows, c.plane),
            Level(*self.met, columns * self.rows, c.dilation[0] * c.pitch),
            Level(0, turns, unroll * self.rows, c.column(unroll) if turns > 1 else 0),
        ]
        return levels, [c.column(j) for j in range(unroll)]

    def _nest(
        self, levels: Sequence[Level], body: Sequence[int], a: Value, b: Value, totals: list[Value]
    ) -> list[Value]:
        f, element = self.f, self.element
        if not levels:
            for k, offset in enumerate(body):
                totals = self._step(a, k * self.rows, b, offset, totals)
            return totals
        level, *inner = levels
        if (level.start, level.stop) == (0, 1):
            return self._nest(inner, body, a, b, totals)
        a = f.offset(a, value(multiplied(f, level.start, level.packed)), element)
        b = f.offset(b, value(multiplied(f, level.start, level.padded)), element)
        with f.loop(value(level.start), value(level.stop), 1, [a, b, *totals]) as loop:
            a, b, *totals = loop.carried
            totals = self._nest(inner, body, a, b, totals)
            loop.next = [f.offset(a, level.packed, element), f.offset(b, level.padded, element), *totals]
        return loop.results[2:]

    def _step(self, a: Value, row: int, b: Value, offset: int, totals: list[Value]) -> list[Value]:
        """One place in the kernel: the smaller of both operands stays in registers."""
        f, element = self.f, self.element
        lanes, vectors = f.target.lanes(element), len(self.strip.vectors)

        def weight(i: int) -> Value:
            return f.splat(f.load(element, f.offset(a, row + i, element)), lanes)

        def inputs(v: int) -> Value:
            width = self.strip.widths[v] if self.c.direct else lanes
            return blended(f, element, b, offset, self.strip.vectors[v], width)

        out = list(totals)
        if vectors <= self.rows:
            known = [inputs(v) for v in range(vectors)]
            for i in range(self.rows):
                w = weight(i)
                for v, x in enumerate(known):
                    out[i * vectors + v] = f.fma(w, x, out[i * vectors + v])
        else:
            known = [weight(i) for i in range(self.rows)]
            for v in range(vectors):
                x = inputs(v)
                for i, w in enumerate(known):
                    out[i * vectors + v] = f.fma(w, x, out[i * vectors + v])
        return out


class Correlator:
    """The code of one correlation: weights packed once, then image after image."""

    def __init__(self, f: Function, element: str, c: Correlation, scratch: Value) -> None:
        self.f, self.element, self.c = f, element, c
        self.tiling: Tiling = tiling(f.target, element, c)
        self.packed = scratch
        self.padded = f.offset(scratch, packed_size(c) + f.target.lanes(element), element)

    def prepare(self, w: Value) -> None:
        """Pack the weights and clear the padding."""
        pack_weights(self.f, self.element, self.c, w, self.packed)
        if not self.c.direct:
            clear(self.f, self.element, self.padded, self.c.into * self.c.plane)

    def image(self, x: Value, image: Value, epilogue: PlaneEpilogue) -> None:
        """All outputs of the image at x."""
        f, element, c = self.f, self.element, self.c
        with repeat(f, c.groups) as group:
            source = f.offset(x, multiplied(f, group, c.into * c.size[0] * c.size[1]), element)
            if not c.direct:
                copy_planes(f, element, c, source, self.padded, c.into)
                source = self.padded
            packed = f.offset(self.packed, multiplied(f, group, c.out * c.taps), element)
            channel = multiplied(f, group, c.out)
            for section in self.tiling.sections:
                self._section(section, source, packed, channel, image, epilogue)

    def _section(
        self,
        section: Section,
        source: Value,
        packed: Value,
        channel: Index,
        image: Value,
        epilogue: PlaneEpilogue,
    ) -> None:
        f, element, c = self.f, self.element, self.c
        with repeat(f, section.times) as stretch:
            place = added(f, multiplied(f, stretch, section.offset), section.place)
            start = added(f, multiplied(f, stretch, section.pixels), section.pixel)
            row = multiplied(f, stretch, section.pixels // c.found[1])
            for strip in section.strips:
                met = self._met(
                    added(f, row, (section.pixel + strip.pixel) // c.found[1]), section.pixel, strip
                )
                with repeat(f, strip.repeats) as again:
                    moved = multiplied(f, again, strip.step)
                    b = f.offset(source, value(added(f, place, moved)), element)
                    pixel = value(added(f, added(f, start, moved), strip.pixel))
                    for blocks in row_blocks(c.out, self.tiling.channels):
                        self._blocks(blocks, strip, met, b, packed, (image, channel, pixel), epilogue)

    def _met(self, row: Index, pixel: int, strip: Strip) -> tuple[Index, Index]:
        """The rows of the kernel that meet more than padding from the outputs' row `row` on."""
        f, c = self.f, self.c
        kernel = c.kernel[0]
        if not c.skips:
            return 0, kernel
        columns = c.found[1]
        extent = (pixel + strip.pixel + sum(strip.widths) - 1) // columns - (pixel + strip.pixel) // columns
        last = value(less(f, c.low[0] - extent, row))
        start = f.intrinsic("smin", f.intrinsic("smax", last, i64(0)), i64(kernel - 1))
        stop = f.intrinsic("smin", value(less(f, c.size[0] + c.low[0], row)), i64(kernel))
        return start, f.intrinsic("smax", stop, f.binary("add", start, i64(1)))

    def _blocks(
        self,
        blocks: Blocks,
        strip: Strip,
        met: tuple[Index, Index],
        b: Value,
        packed: Value,
        place: tuple[Value, Index, Value],
        epilogue: PlaneEpilogue,
    ) -> None:
        f, c = self.f, self.c
        image, channel, pixel = place
        with repeat(f, blocks.times) as block:
            first = added(f, multiplied(f, block, blocks.size), blocks.start)
            a = f.offset(packed, value(multiplied(f, first, c.taps)), self.element)
            values = StripCode(f, self.element, c, strip, blocks.size, met).sums(a, b)
            epilogue(f, PlaneTile(values, image, value(added(f, channel, first)), pixel, strip.widths))
