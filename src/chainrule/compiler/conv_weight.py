"""The gradient of a convolution to its weights: tiles of dot products over the outputs' places.

NOTE [Sums over lanes] A register of the tile holds one weight's sum, spread over lanes as outputs are in
memory: neither operand is rearranged. The lanes are added up once per tile and block of images, so a block
has as many images as let the tile's operands stay in the first cache.
"""

from __future__ import annotations

from functools import partial

from .builder import Function, Value, i64, number, vector
from .conv_fold import added_lanes
from .conv_pad import carry, clear, copy_planes, repeat
from .conv_plan import Correlation, Lanes, Pair, Section, Strip
from .conv_sum import blended
from .conv_weight_plan import WeightRoom
from .tiles import Blocks, Epilogue, Index, Tile, added, column_panels, multiplied, row_blocks, value


class WeightGradient:
    """The code of one gradient, to the weights of the convolution `c`.

    channels  of an image of x and of g in memory
    """

    def __init__(
        self, f: Function, element: str, c: Correlation, images: int, scratch: Value, channels: Pair
    ) -> None:
        self.f, self.element, self.c, self.images, self.channels = f, element, c, images, channels
        self.room = room = WeightRoom(f.target, element, c, images)
        self.plan, self.lanes = room.plan, room.lanes
        self.offsets = scratch
        self.sums = f.offset(scratch, room.taps, "i64")
        self.dense = f.offset(self.sums, room.sums, element)
        self.padded = f.offset(self.dense, room.dense + room.lanes, element)

    def emit(self, x: Value, g: Value, first: Value, epilogue: Epilogue) -> None:
        """Sum over images from `first` on, then hand the tiles over."""
        f, room = self.f, self.room
        clear(f, self.element, self.sums, room.sums)
        self._tabulate()
        if room.padded:
            clear(f, self.element, self.padded, room.padded)
        if self.images:
            with f.loop(0, self.images, self.plan.images) as block:
                left = f.binary("sub", i64(self.images), block.index)
                count = f.intrinsic("smin", left, i64(self.plan.images))
                self._block(x, g, f.binary("add", first, block.index), count)
        self._arrange()
        self._finish(epilogue)

    def _tabulate(self) -> None:
        """The offsets of the taps; the last tile's spare taps repeat the first."""
        f, c = self.f, self.c
        zero, spare = i64(0), range(self.c.taps, self.room.taps)
        for t in spare:
            f.store(zero, f.offset(self.offsets, t, "i64"))
        with f.loop(0, c.into, 1, [self.offsets]) as channel:
            plane = multiplied(f, channel.index, c.plane)
            with f.loop(0, c.kernel[0], 1, channel.carried) as row:
                line = added(f, plane, multiplied(f, row.index, c.dilation[0] * c.pitch))
                (at,) = row.carried
                for j in range(c.kernel[1]):
                    f.store(value(added(f, line, c.column(j))), f.offset(at, j, "i64"))
                row.next = [f.offset(at, c.kernel[1], "i64")]
            channel.next = row.results

    def _block(self, x: Value, g: Value, image: Value, count: Value) -> None:
        f, c, element = self.f, self.c, self.element
        size = c.size[0] * c.size[1]
        plane = c.found[0] * c.found[1]
        with repeat(f, c.groups) as group:
            apart = self.channels[0] * size
            first = added(f, multiplied(f, image, apart), multiplied(f, group, c.into * size))
            source = f.offset(x, value(first), element)
            if not c.direct:
                with f.loop(0, count) as each:
                    here = f.offset(source, multiplied(f, each.index, apart), element)
                    to = f.offset(self.padded, multiplied(f, each.index, c.into * c.plane), element)
                    copy_planes(f, element, c, here, to, c.into)
                source, apart = self.padded, c.into * c.plane
            row = added(f, multiplied(f, image, self.channels[1]), multiplied(f, group, c.out))
            outputs = f.offset(g, value(multiplied(f, row, plane)), element)
            sums = f.offset(self.sums, multiplied(f, group, self.room.group_sums), element)
            for blocks in row_blocks(c.out, self.plan.channels):
                sums = self._rows(blocks, outputs, source, apart, count, sums)

    def _rows(self, blocks: Blocks, g: Value, x: Value, apart: int, count: Value, sums: Value) -> Value:
        """All tiles of some blocks of channels."""
        f, element, plan = self.f, self.element, self.plan
        plane = self.c.found[0] * self.c.found[1]
        slots = plan.slots(blocks.size, self.lanes)
        with f.loop(0, blocks.times, 1, [sums]) as block:
            row = added(f, multiplied(f, block.index, blocks.size), blocks.start)
            here = f.offset(g, value(multiplied(f, row, plane)), element)
            with f.loop(0, self.room.tiles, 1, [self.offsets, *block.carried]) as tile:
                offsets, place = tile.carried
                inputs = [
                    f.offset(x, f.load("i64", f.offset(offsets, t, "i64")), element) for t in range(plan.taps)
                ]
                self._tile(blocks.size, here, inputs, apart, count, place)
                tile.next = [f.offset(offsets, plan.taps, "i64"), f.offset(place, slots, element)]
            block.next = [tile.results[1]]
        return block.results[0]

    def _tile(self, rows: int, g: Value, inputs: list[Value], apart: int, count: Value, place: Value) -> None:
        """One tile over a block of images, added to its sums."""
        f, element, c = self.f, self.element, self.c
        kind = vector(element, self.lanes)
        plane = c.found[0] * c.found[1]
        zeros = [number(0, kind)] * (rows * len(inputs))
        with f.loop(0, count, 1, zeros) as each:
            totals = each.carried
            here = f.offset(g, multiplied(f, each.index, self.channels[1] * plane), element)
            there = value(multiplied(f, each.index, apart))
            for section in self.plan.sections:
                totals = self._section(
                    section, rows, here, [f.offset(x, there, element) for x in inputs], totals
                )
            each.next = totals
        for k, x in enumerate(added_lanes(f, each.results, self.lanes)):
            at = f.offset(place, k * self.lanes, element)
            f.store(f.binary("fadd", f.load(kind, at), x), at)

    def _section(
        self, section: Section, rows: int, g: Value, inputs: list[Value], totals: list[Value]
    ) -> list[Value]:
        f, element, count = self.f, self.element, len(inputs)

        def stretch(_: Index, carried: list[Value]) -> list[Value]:
            g, inputs, totals = carried[0], carried[1 : 1 + count], carried[1 + count :]
            for strip in section.strips:
                totals = carry(f, strip.repeats, totals, partial(self._strip, strip, rows, g, inputs))
            moved = [f.offset(x, section.offset, element) for x in inputs]
            return [f.offset(g, section.pixels, element), *moved, *totals]

        start = [f.offset(x, section.place, element) for x in inputs]
        first = f.offset(g, section.pixel, element)
        return carry(f, section.times, [first, *start, *totals], stretch)[1 + count :]

    def _strip(
        self, strip: Strip, rows: int, g: Value, inputs: list[Value], again: Index, totals: list[Value]
    ) -> list[Value]:
        """The products of a few vectors of outputs, written out."""
        f, element = self.f, self.element
        moved = multiplied(f, again, strip.step)
        at = f.offset(g, value(added(f, moved, strip.pixel)), element)
        places = [f.offset(x, value(moved), element) for x in inputs]
        for v, (lanes, width) in enumerate(zip(strip.vectors, strip.widths)):
            here = f.offset(at, v * self.lanes, element)
            totals = self._step(rows, here, places, lanes, width, totals)
        return totals

    def _step(
        self,
        rows: int,
        g: Value,
        places: list[Value],
        lanes: tuple[Lanes, ...],
        width: int,
        totals: list[Value],
    ) -> list[Value]:
        """One vector of outputs: the smaller of both operands stays in registers."""
        f, element, taps = self.f, self.element, len(places)
        kind, plane = vector(element, self.lanes), self.c.found[0] * self.c.found[1]

        def outputs(i: int) -> Value:
            return f.load_part(kind, f.offset(g, i * plane, element), width)

        def inputs(t: int) -> Value:
            return blended(f, element, places[t], 0, lanes, width)

        out = list(totals)
        if taps <= rows:
            known = [inputs(t) for t in range(taps)]
            for i in range(rows):
                y = outputs(i)
                for t, x in enumerate(known):
                    out[i * taps + t] = f.fma(y, x, out[i * taps + t])
        else:
            known = [outputs(i) for i in range(rows)]
            for t in range(taps):
                x = inputs(t)
                for i, y in enumerate(known):
                    out[i * taps + t] = f.fma(y, x, out[i * taps + t])
        return out

    def _arrange(self) -> None:
        """The sums of the tiles in the order of the weights."""
        f, c, element, plan = self.f, self.c, self.element, self.plan
        with repeat(f, c.groups) as group:
            sums = f.offset(self.sums, multiplied(f, group, self.room.group_sums), element)
            for blocks in row_blocks(c.out, plan.channels):
                slots = plan.slots(blocks.size, self.lanes)
                with f.loop(0, blocks.times, 1, [sums]) as block:
                    row = added(f, multiplied(f, block.index, blocks.size), blocks.start)
                    row = added(f, row, multiplied(f, group, c.out))
                    to = f.offset(self.dense, value(multiplied(f, row, c.taps)), element)
                    sums = block.carried[0]
                    full = c.taps // plan.taps
                    with f.loop(0, full, 1, [sums, to]) as tile:
                        self._scatter(blocks.size, plan.taps, *tile.carried)
                        tile.next = [
                            f.offset(tile.carried[0], slots, element),
                            f.offset(tile.carried[1], plan.taps, element),
                        ]
                    sums, to = tile.results
                    if c.taps % plan.taps:
                        self._scatter(blocks.size, c.taps % plan.taps, sums, to)
                        sums = f.offset(sums, slots, element)
                    block.next = [sums]
                sums = block.results[0]

    def _scatter(self, rows: int, taps: int, sums: Value, to: Value) -> None:
        f, element = self.f, self.element
        for i in range(rows):
            for t in range(taps):
                x = f.load(element, f.offset(sums, i * self.plan.taps + t, element))
                f.store(x, f.offset(to, i * self.c.taps + t, element))

    def _finish(self, epilogue: Epilogue) -> None:
        f, c, element = self.f, self.c, self.element
        kind = vector(element, self.lanes)
        with repeat(f, c.groups * c.out) as row:
            line = f.offset(self.dense, value(multiplied(f, row, c.taps)), element)
            for panel in column_panels(c.taps, 4, self.lanes):
                wide = len(panel.widths) * self.lanes
                with repeat(f, panel.times) as again:
                    column = value(added(f, multiplied(f, again, wide), panel.start))
                    at = f.offset(line, column, element)
                    found = [
                        f.load_part(kind, f.offset(at, v * self.lanes, element), width)
                        for v, width in enumerate(panel.widths)
                    ]
                    epilogue(f, Tile([found], value(row), column, panel.widths))
