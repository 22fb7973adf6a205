"""The gradient of a convolution to its input, for every stride.

NOTE [Phases] With stride s the inputs at places r, r + s, r + 2s … meet the same places of the kernel, every
s-th or so, and neighbours among them meet neighbouring outputs: each of the s·s phases is a sum over padded
planes of its own, with part of the kernel turned round. The tiles of a single phase go to the epilogue. With
more, an image's phases are put aside, and then interleaved into tiles of the input's memory order.
"""

from __future__ import annotations

from math import gcd

from .builder import Function, Value, number, vector
from .conv_pad import chosen, repeat
from .conv_plan import Correlation, Pair, Weights
from .conv_sum import Correlator, PlaneEpilogue, PlaneTile, correlation_elements, store_tile
from .target import Target
from .tiles import Index, added, multiplied, row_blocks, value

_MOST_CHANNELS = 4  # of a tile that is interleaved


def _axis(c: Correlation, axis: int, r: int) -> tuple[int, int, int, int, int, int] | None:
    """One axis of the phase r: outputs, places of the kernel, the last of them, their step, dilation, low."""
    s, d, kernel = c.stride[axis], c.dilation[axis], c.kernel[axis]
    met = [k for k in range(kernel) if (r + c.low[axis] - k * d) % s == 0]
    found = len(range(r, c.size[axis], s))
    if not met or not found:
        return None
    apart = d // gcd(s, d)
    low = (len(met) - 1) * apart - (r + c.low[axis] - met[0] * d) // s
    return found, len(met), met[-1], s // gcd(s, d), apart, low


def phase(c: Correlation, rows: int, columns: int) -> Correlation | None:
    """The gradient at every s-th input from (rows, columns) on; none if no output reads them."""
    down, across = _axis(c, 0, rows), _axis(c, 1, columns)
    if down is None or across is None:
        return None
    w = c.weights
    weights = Weights(
        w.start + down[2] * w.row + across[2] * w.column,
        w.group, w.into, w.out, -down[3] * w.row, -across[3] * w.column,
    )  # fmt: skip
    both: list[Pair] = list(zip(down, across))
    return Correlation(
        c.groups, c.out, c.into, c.found, both[5], both[0], both[1], (1, 1), both[4], weights
    ).flat()


def _phases(c: Correlation) -> list[Correlation | None]:
    """Those of every row and column within the stride."""
    return [phase(c, r, q) for r in range(c.stride[0]) for q in range(c.stride[1])]


def _lattice(c: Correlation) -> Pair:
    """Rows and columns of the largest phase."""
    return -(-c.size[0] // c.stride[0]), -(-c.size[1] // c.stride[1])


def input_elements(target: Target, element: str, c: Correlation) -> int:
    """Room for the phases, and for an image of each."""
    phases = _phases(c)
    room = sum(correlation_elements(target, element, p) for p in phases if p is not None)
    if len(phases) == 1 and phases[0] is not None:
        return room
    rows, columns = _lattice(c)
    return room + len(phases) * c.groups * c.into * rows * columns + target.lanes(element)


class InputGradient:
    """The code of one gradient to the input of the convolution `c`."""

    def __init__(self, f: Function, element: str, c: Correlation, scratch: Value) -> None:
        self.f, self.element, self.c = f, element, c
        self.phases: list[Correlator | None] = []
        for p in _phases(c):
            self.phases.append(None if p is None else Correlator(f, element, p, scratch))
            if p is not None:
                scratch = f.offset(scratch, correlation_elements(f.target, element, p), element)
        self.aside = scratch

    def prepare(self, w: Value) -> None:
        """Pack the weights of every phase."""
        for code in self.phases:
            if code is not None:
                code.prepare(w)

    def image(self, g: Value, image: Value, epilogue: PlaneEpilogue) -> None:
        """All of the gradient of the image whose cotangent is at g."""
        first = self.phases[0]
        if len(self.phases) == 1 and first is not None:
            first.image(g, image, epilogue)
            return
        for number_of, code in enumerate(self.phases):
            if code is not None:
                code.image(g, image, self._put_aside(number_of, code.c))
        self._interleave(image, epilogue)

    def _plane(self) -> int:
        rows, columns = _lattice(self.c)
        return rows * columns

    def _put_aside(self, number_of: int, p: Correlation) -> PlaneEpilogue:
        channels = self.c.groups * self.c.into
        to = self.f.offset(self.aside, number_of * channels * self._plane(), self.element)

        def store(f: Function, tile: PlaneTile) -> None:
            here = tile._replace(image=value(0))
            store_tile(f, self.element, here, to, channels, self._plane())

        return store

    def _interleave(self, image: Value, epilogue: PlaneEpilogue) -> None:
        """Row by row, every phase's vectors into vectors of neighbours."""
        f, c = self.f, self.c
        lanes = f.target.lanes(self.element)
        wide = lanes * c.stride[1]
        for r in range(min(c.stride[0], c.size[0])):
            with repeat(f, len(range(r, c.size[0], c.stride[0]))) as line:
                start = added(f, multiplied(f, line, c.stride[0] * c.size[1]), r * c.size[1])
                for blocks in row_blocks(c.groups * c.into, _MOST_CHANNELS):
                    with repeat(f, blocks.times) as block:
                        channel = value(added(f, multiplied(f, block, blocks.size), blocks.start))
                        full, rest = divmod(c.size[1], wide)
                        if full:
                            place = PlaneTile([], image, channel, value(start), (lanes,) * c.stride[1])
                            with repeat(f, full) as chunk:
                                epilogue(f, self._joined(r, line, chunk, blocks.size, place))
                        if rest:
                            widths = [min(lanes, rest - v) for v in range(0, rest, lanes)]
                            place = PlaneTile([], image, channel, value(start), widths)
                            epilogue(f, self._joined(r, line, full, blocks.size, place))

    def _joined(self, r: int, line: Index, chunk: Index, channels: int, place: PlaneTile) -> PlaneTile:
        """The tile `chunk` of a row that begins at `place`, from a vector of each phase."""
        f, c, element = self.f, self.c, self.element
        lanes, stride, plane = f.target.lanes(element), c.stride[1], self._plane()
        kind = vector(element, lanes)
        rows: list[list[Value]] = [[] for _ in range(channels)]
        for q in range(stride):
            number_of = r * stride + q
            at = added(f, multiplied(f, place.channel, plane), number_of * c.groups * c.into * plane)
            at = added(f, at, multiplied(f, line, len(range(q, c.size[1], stride))))
            at = added(f, at, multiplied(f, chunk, lanes))
            here = f.offset(self.aside, value(at), element)
            for i, row in enumerate(rows):
                known = self.phases[number_of] is not None
                row.append(f.load(kind, f.offset(here, i * plane, element)) if known else number(0, kind))
        order = [x % stride * lanes + x // stride for x in range(lanes * len(place.widths))]
        vectors = range(0, len(order), lanes)
        values = [[chosen(f, row, order[v : v + lanes]) for v in vectors] for row in rows]
        pixel = added(f, place.pixel, multiplied(f, chunk, lanes * stride))
        return place._replace(values=values, pixel=value(pixel))
