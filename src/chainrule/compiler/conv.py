"""Convolution of images [n][c][h][w] and its two gradients as code.

    y[n, o, p, q] = Σ w[o, c, i, j] · x[n, c, p·s + i·d - lo, q·s + j·d - lo]

All three are sums over padded planes: see NOTE [Padded planes] in conv_plan and NOTE [Sums over lanes] in
conv_weight. Each takes `images` images from `first_image` on, so that threads can share a batch; each thread
needs scratch of its own, aligned to 8 bytes, whose content does not matter.
"""

from __future__ import annotations

from typing import NamedTuple

from .builder import BITS, Function, Value
from .conv_pad import repeat
from .conv_plan import Correlation, Pair, Weights
from .conv_stride import InputGradient, input_elements
from .conv_sum import Correlator, PlaneEpilogue, PlaneTile, correlation_elements, store_tile, tile_address
from .conv_weight import WeightGradient
from .conv_weight_plan import WeightRoom
from .target import Target
from .tiles import Epilogue, Index, added, multiplied, value

Pads = tuple[Pair, Pair]


class Geometry(NamedTuple):
    """Sizes of a convolution in two dimensions; in one dimension h = kh = 1. Negative pads cut."""

    n: int
    c: int
    h: int
    w: int
    o: int
    kh: int
    kw: int
    stride: Pair = (1, 1)
    pads: Pads = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def out(self) -> Pair:
        """Rows and columns of the result."""
        sizes = zip((self.h, self.w), (self.kh, self.kw), self.stride, self.pads, self.dilation)
        rows, columns = ((n + lo + hi - q * (k - 1) - 1) // s + 1 for n, k, s, (lo, hi), q in sizes)
        return rows, columns

    @property
    def plan(self) -> Correlation:
        """The convolution as sums over padded planes."""
        area = self.kh * self.kw
        into, out = self.c // self.groups, self.o // self.groups
        low = self.pads[0][0], self.pads[1][0]
        weights = Weights(0, out * into * area, into * area, area, self.kw, 1)
        return Correlation(
            self.groups, into, out, (self.h, self.w), low, self.out, (self.kh, self.kw), self.stride,
            self.dilation, weights,
        ).flat()  # fmt: skip


def conv_forward(
    f: Function,
    element: str,
    geometry: Geometry,
    x: Value,
    w: Value,
    epilogue: PlaneEpilogue,
    *,
    first_image: Value,
    images: Index,
    scratch: Value,
) -> None:
    """Hand all tiles of y to the epilogue."""
    if not images:
        return
    code = Correlator(f, element, geometry.plan, scratch)
    code.prepare(w)
    size = geometry.c * geometry.h * geometry.w
    _each_image(f, element, code, x, size, first_image, images, epilogue)


def conv_input(
    f: Function,
    element: str,
    geometry: Geometry,
    g: Value,
    w: Value,
    epilogue: PlaneEpilogue,
    *,
    first_image: Value,
    images: Index,
    scratch: Value,
) -> None:
    """Hand all tiles of x's gradient to the epilogue, from g, that of y."""
    if not images:
        return
    code = InputGradient(f, element, geometry.plan, scratch)
    code.prepare(w)
    size = geometry.o * geometry.out[0] * geometry.out[1]
    _each_image(f, element, code, g, size, first_image, images, epilogue)


def _each_image(
    f: Function,
    element: str,
    code: Correlator | InputGradient,
    source: Value,
    size: int,
    first: Value,
    images: Index,
    epilogue: PlaneEpilogue,
) -> None:
    with repeat(f, images) as index:
        image = value(added(f, first, index))
        code.image(f.offset(source, value(multiplied(f, image, size)), element), image, epilogue)


def conv_weight(
    f: Function,
    element: str,
    geometry: Geometry,
    x: Value,
    g: Value,
    epilogue: Epilogue,
    *,
    first_image: Value,
    images: int,
    scratch: Value,
    channels: Pair | None = None,
) -> None:
    """Hand all tiles of w's gradient [o][c/groups·kh·kw], summed over these images, to the epilogue.

    Images of x and g may have more `channels` in memory than those of the geometry, so that threads can take
    some outputs each. Threads that share a batch instead store their sums each to a place of its own; the
    caller adds them up.
    """
    apart = channels or (geometry.c, geometry.o)
    WeightGradient(f, element, geometry.plan, images, scratch, apart).emit(x, g, first_image, epilogue)


def forward_bytes(target: Target, element: str, geometry: Geometry) -> int:
    """The scratch that conv_forward needs."""
    return correlation_elements(target, element, geometry.plan) * BITS[element] // 8


def input_bytes(target: Target, element: str, geometry: Geometry) -> int:
    """The scratch that conv_input needs."""
    return input_elements(target, element, geometry.plan) * BITS[element] // 8


def weight_bytes(target: Target, element: str, geometry: Geometry, images: int) -> int:
    """The scratch that conv_weight needs."""
    return WeightRoom(target, element, geometry.plan, images).bytes


__all__ = [
    "Geometry", "PlaneEpilogue", "PlaneTile", "conv_forward", "conv_input", "conv_weight", "forward_bytes",
    "input_bytes", "store_tile", "tile_address", "weight_bytes",
]  # fmt: skip
