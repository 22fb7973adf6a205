"""The gradient of max pooling of windows side by side: values put back to where they came from."""

from __future__ import annotations

from .builder import Function, Value, i64, number, vector
from .conv_pad import chosen, repeat
from .conv_sum import PlaneEpilogue, PlaneTile
from .pool import Windows, square, taken
from .tiles import Index, added, column_panels, multiplied, value, widths


def max_pool_input(
    f: Function,
    element: str,
    windows: Windows,
    x: Value,
    g: Value,
    epilogue: PlaneEpilogue,
    *,
    first_plane: Value,
    planes: Index,
) -> None:
    """The gradient of paired windows: each value's cotangent at the place it was taken from, zeros elsewhere.

    The places are found again from x, so that no indices need to be kept. Hands tiles of one channel, which
    is the plane, to the epilogue.
    """
    if planes:
        code = _PairedGradient(f, element, windows, epilogue)
        with repeat(f, planes) as index:
            code.plane(x, g, value(added(f, first_plane, index)))


class _PairedGradient:
    """The code for one plane."""

    def __init__(self, f: Function, element: str, windows: Windows, epilogue: PlaneEpilogue) -> None:
        self.f, self.element, self.windows, self.epilogue = f, element, windows, epilogue
        self.lanes = f.target.lanes(element)
        self.zero = number(0, vector(element, self.lanes))

    def plane(self, x: Value, g: Value, plane: Value) -> None:
        f, element, lanes = self.f, self.element, self.lanes
        (height, width), (rows, columns) = self.windows.size, self.windows.out
        here = f.offset(x, value(multiplied(f, plane, height * width)), element)
        cotangent = f.offset(g, value(multiplied(f, plane, rows * columns)), element)
        with repeat(f, rows) as row:
            start = multiplied(f, row, 2 * width)
            line = f.offset(here, value(start), element)
            source = f.offset(cotangent, value(multiplied(f, row, columns)), element)
            for panel in column_panels(columns, 1, lanes):
                with repeat(f, panel.times) as again:
                    at = added(f, multiplied(f, again, lanes), panel.start)
                    twice = multiplied(f, at, 2)
                    places = f.offset(line, value(twice), element), f.offset(source, value(at), element)
                    self._spread(panel.widths[0], *places, plane, added(f, start, twice))
            for edge in (0, width):
                self._zeros(plane, added(f, start, edge + 2 * columns), width - 2 * columns)
        self._zeros(plane, 2 * rows * width, (height - 2 * rows) * width)

    def _spread(self, count: int, x: Value, g: Value, plane: Value, pixel: Index) -> None:
        """The gradient of `count` windows."""
        f, lanes, width = self.f, self.lanes, self.windows.size[1]
        best, *others = square(f, self.element, x, width, count)
        takes = []
        for x in others:
            takes.append(taken(f, x, best))
            best = f.select(takes[-1], x, best)
        zero, left = self.zero, f.load_part(self.zero.type, g, count)
        parts = []
        for take in reversed(takes):
            parts.append(f.select(take, left, zero))
            left = f.select(take, zero, left)
        parts.append(left)
        parts.reverse()
        for line, pair in enumerate((parts[:2], parts[2:])):
            orders = [
                [(k % 2) * lanes + k // 2 for k in range(v, v + lanes)] for v in range(0, 2 * count, lanes)
            ]
            found = [chosen(f, pair, order) for order in orders]
            at = value(added(f, pixel, line * width))
            self.epilogue(f, PlaneTile([found], i64(0), plane, at, widths(2 * count, lanes)))

    def _zeros(self, plane: Value, pixel: Index, count: int) -> None:
        """Places that no window meets."""
        for panel in column_panels(count, 1, self.lanes):
            with repeat(self.f, panel.times) as again:
                at = added(self.f, added(self.f, multiplied(self.f, again, self.lanes), panel.start), pixel)
                self.epilogue(self.f, PlaneTile([[self.zero]], i64(0), plane, value(at), panel.widths))
