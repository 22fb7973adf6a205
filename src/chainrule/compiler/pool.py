"""Max pooling of planes [plane][h][w].

Windows of any stride and dilation are read from padded planes, as a convolution's: see NOTE [Padded planes]
in conv_plan. Windows of 2 x 2 side by side are read where they are. The rule is that of the record: the first
of equal values is taken, and of values that are not numbers the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..ops.pool import paired, pooled_size
from ..ops.record import Spec
from ..types import float32
from .builder import BITS, Function, Value, i64, like, number, vector
from .conv_pad import chosen, copy_planes, cover, repeat
from .conv_plan import Correlation, Pair, Strip, Weights, bodies, by_rows, in_order
from .conv_sum import PlaneTile, blended
from .target import Target
from .tiles import Index, added, column_panels, multiplied, value

PoolEpilogue = Callable[[Function, PlaneTile, list[Value]], None]
_MOST_VECTORS = 2
_CONVERSION = {"float": "i32", "double": "i64"}


class Windows(NamedTuple):
    """Sizes of max pooling in two dimensions; in one dimension the first is 1."""

    size: Pair
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    @property
    def out(self) -> Pair:
        """Rows and columns of the result."""
        rows, columns = pooled_size(*self)
        return rows, columns

    @property
    def paired(self) -> bool:
        """Whether the windows are 2 x 2 side by side, and whole."""
        return paired(Spec(self.size, float32), *self[1:])

    @property
    def plan(self) -> Correlation:
        """How the windows lie in a padded plane."""
        return Correlation(
            1, 1, 1, self.size, self.padding, self.out, self.kernel, self.stride, self.dilation,
            Weights(0, 0, 0, 0, 0, 0),
        )  # fmt: skip


def max_pool_bytes(target: Target, element: str, windows: Windows) -> int:
    """The scratch that max_pool needs."""
    return 0 if windows.paired else (windows.plan.plane + 2 * target.lanes(element)) * BITS[element] // 8


def max_pool(
    f: Function,
    element: str,
    windows: Windows,
    x: Value,
    epilogue: PoolEpilogue,
    *,
    indices: bool,
    first_plane: Value,
    planes: Index,
    scratch: Value,
) -> None:
    """Hand tiles of one channel, which is the plane, to the epilogue, with flat i64 indices if wanted."""
    if not planes:
        return
    code = _MaxPool(f, element, windows, epilogue, indices)
    padded = f.offset(scratch, code.lanes, element)
    lowest = number(float("-inf"), code.kind)
    if not windows.paired:
        count = windows.plan.plane
        cover(f, element, count, lambda at, w: f.store_part(lowest, f.offset(padded, value(at), element), w))
    with repeat(f, planes) as index:
        plane = value(added(f, first_plane, index))
        source = f.offset(x, value(multiplied(f, plane, windows.size[0] * windows.size[1])), element)
        if windows.paired:
            code.pairs(source, plane)
        else:
            copy_planes(f, element, windows.plan, source, padded, 1)
            code.any(padded, plane)


def taken(f: Function, x: Value, best: Value) -> Value:
    """Whether x replaces the best so far: it is larger, or not a number."""
    return f.binary("or", f.compare("ogt", x, best), f.compare("uno", x, x))


class _MaxPool:
    """The code for one plane."""

    def __init__(
        self, f: Function, element: str, windows: Windows, epilogue: PoolEpilogue, indices: bool
    ) -> None:
        self.f, self.element, self.windows, self.epilogue, self.indices = (
            f,
            element,
            windows,
            epilogue,
            indices,
        )
        self.lanes = f.target.lanes(element)
        self.kind = vector(element, self.lanes)
        self.integer = like(self.kind, _CONVERSION[element])

    def any(self, padded: Value, plane: Value) -> None:
        """All windows, from a padded plane."""
        f, w = self.f, self.windows
        c, columns, down = w.plan, w.out[1], w.stride[0] * w.size[1]
        ways = [split(c, self.lanes, _MOST_VECTORS) for split in (in_order, by_rows)]
        for section in min(ways, key=bodies):
            with repeat(f, section.times) as stretch:
                place = added(f, multiplied(f, stretch, section.offset), section.place)
                pixel = added(f, multiplied(f, stretch, section.pixels), section.pixel)
                rows = multiplied(f, stretch, section.pixels // columns * down)
                for strip in section.strips:
                    with repeat(f, strip.repeats) as again:
                        moved = multiplied(f, again, strip.step)
                        here = f.offset(padded, value(added(f, place, moved)), self.element)
                        first = value(added(f, added(f, pixel, moved), strip.pixel))
                        found = [self._largest(here, strip, v) for v in range(len(strip.widths))]
                        tile = PlaneTile([[best for best, _ in found]], i64(0), plane, first, strip.widths)
                        base = added(f, rows, multiplied(f, moved, w.stride[1]))
                        self._hand_over(tile, section.pixel + strip.pixel, base, [at for _, at in found])

    def pairs(self, x: Value, plane: Value) -> None:
        """Windows of 2 x 2 side by side, row by row from where they are."""
        f, w, lanes = self.f, self.windows, self.lanes
        width = w.size[1]
        with repeat(f, w.out[0]) as row:
            line = multiplied(f, row, 2 * width)
            for panel in column_panels(w.out[1], _MOST_VECTORS, lanes):
                wide = len(panel.widths) * lanes
                with repeat(f, panel.times) as again:
                    column = added(f, multiplied(f, again, wide), panel.start)
                    base = added(f, line, multiplied(f, column, 2))
                    here = f.offset(x, value(base), self.element)
                    found = [
                        self._largest_of(
                            list(
                                zip(
                                    square(
                                        f, self.element, f.offset(here, 2 * v * lanes, self.element), width, n
                                    ),
                                    (0, 1, width, width + 1),
                                )
                            )
                        )
                        for v, n in enumerate(panel.widths)
                    ]
                    pixel = value(added(f, multiplied(f, row, w.out[1]), column))
                    tile = PlaneTile([[best for best, _ in found]], i64(0), plane, pixel, panel.widths)
                    self._hand_over(tile, 0, base, [at for _, at in found])

    def _largest(self, here: Value, strip: Strip, v: int) -> tuple[Value, Value | None]:
        """The largest values of a vector of windows, and how far each lies from its window's first place."""
        c, width = self.windows.plan, self.windows.size[1]
        shifts = [
            (i * c.dilation[0] * c.pitch + c.column(j), i * c.dilation[0] * width + j * c.dilation[1])
            for i in range(c.kernel[0])
            for j in range(c.kernel[1])
        ]
        values = [
            (blended(self.f, self.element, here, at, strip.vectors[v], self.lanes), n) for at, n in shifts
        ]
        return self._largest_of(values)

    def _largest_of(self, values: list[tuple[Value, int]]) -> tuple[Value, Value | None]:
        f = self.f
        (best, shift), *others = values
        where = number(shift, self.integer) if self.indices else None
        for x, shift in others:
            take = taken(f, x, best)
            best = f.select(take, x, best)
            if where is not None:
                where = f.select(take, number(shift, self.integer), where)
        return best, where

    def _hand_over(self, tile: PlaneTile, pixel: int, base: Index, shifts: list[Value | None]) -> None:
        """Give a tile to the epilogue, with the flat places of its values in the plane.

        The places of the windows are known from `pixel` on; in the plane all lie `base` further.
        """
        f, w = self.f, self.windows
        places = []
        for v, shift in enumerate(shifts):
            if shift is None:
                continue
            outputs = (divmod(pixel + v * self.lanes + lane, w.out[1]) for lane in range(self.lanes))
            corner = [
                (r * w.stride[0] - w.padding[0]) * w.size[1] + q * w.stride[1] - w.padding[1]
                for r, q in outputs
            ]
            at = f.binary("add", constants(corner), f.splat(value(base), self.lanes))
            at = f.binary("add", at, shift if shift.type == at.type else f.cast("sext", shift, at.type))
            if any(w.padding):  # a window of -inf alone may name its padding
                at = f.intrinsic("smax", at, number(0, at.type))
                at = f.intrinsic("smin", at, number(max(w.size[0] * w.size[1] - 1, 0), at.type))
            places.append(at)
        self.epilogue(f, tile, places)


def constants(numbers: list[int]) -> Value:
    """A vector of integers."""
    listed = ", ".join(f"i64 {k}" for k in numbers)
    return Value(f"<{listed}>" if len(numbers) > 1 else str(numbers[0]), vector("i64", len(numbers)))


def square(f: Function, element: str, at: Value, width: int, count: int) -> list[Value]:
    """Of `count` windows of 2 x 2, side by side in rows of `width`: a vector of each of their four places."""
    lanes = f.target.lanes(element)
    kind = vector(element, lanes)
    out = []
    for line in (at, f.offset(at, width, element)):
        first = f.load_part(kind, line, min(2 * count, lanes))
        rest = max(2 * count - lanes, 0)
        second = f.load_part(kind, f.offset(line, lanes, element), rest) if rest else number(0, kind)
        out += [chosen(f, [first, second], [2 * i + k for i in range(lanes)]) for k in (0, 1)]
    return out
