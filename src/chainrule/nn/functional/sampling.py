"""Sampling an image at the places of a grid, and grids of affine maps."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np

from ...dispatch import bind, cast
from ...functional.api import tensor_argument
from ...inplace import plain
from ...ops.grid import grid_places
from ...ops.pool import pool_pick
from ...tensor import Tensor


def _constant(a: Any, like: Tensor) -> Tensor:
    return Tensor._wrap(np.asarray(a).astype(like._a.dtype))


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """Where the maps theta (N, 2, 3) or (N, 3, 4) send pixels: (N, H, W, 2) or (N, D, H, W, 3) in [-1, 1].

    Raises ValueError for a theta that does not fit `size`.
    """
    align = _aligned("affine_grid", align_corners)
    size = tuple(int(n) for n in size)
    d = len(size) - 2
    if d not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {list(size)}"
        )
    if theta._a.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if theta._a.shape[1:] != (d, d + 1):
        raise ValueError(
            f"Expected a batch of {d}D affine matrices of shape Nx{d}x{d + 1} for size {list(size)}. "
            f"Got {list(theta._a.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    axes = [_unit_axis(n, align) for n in size[2:]]
    places = np.stack([*reversed(np.meshgrid(*axes, indexing="ij")), np.ones(size[2:])], -1)
    grid = _constant(places.reshape(-1, d + 1), theta) @ theta.mT
    return grid.reshape(size[0], *size[2:], d)


def _unit_axis(n: int, align: bool) -> Any:
    if n == 1:
        return np.zeros(1)
    line = np.linspace(-1, 1, n)
    return line if align else line * (n - 1) / n


def _aligned(name: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            f"Default {name} behavior has changed to align_corners=False since 1.3.0. Please specify "
            f"align_corners=True if the old behavior is desired. See the documentation of {name} for "
            "details.",
            UserWarning, stacklevel=3,
        )  # fmt: skip
    return bool(align_corners)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The values of images (N, C, H, W) at places grid (N, Ho, Wo, 2), given as (x, y) in [-1, 1].

    Volumes (N, C, D, H, W) take places (x, y, z). Modes: bilinear, nearest, bicubic (images only); padding:
    zeros, border, reflection. Raises ValueError for another mode, RuntimeError for sizes that do not fit.
    """
    tensor_argument("grid_sample", input)
    tensor_argument("grid_sample", grid, 2, "grid")
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
            f"'{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    align = _aligned("grid_sample", align_corners)
    _check_grid(input, grid, mode)
    size = input._a.shape[2:]
    d = len(size)
    axes = [
        grid.select(-1, d - 1 - i) for i in range(d)
    ]  # the grid's last dimension is (x, y, …): innermost first
    at = [(g + 1) * ((n - 1) / 2) if align else ((g + 1) * n - 1) * 0.5 for g, n in zip(axes, size)]
    if mode == "bicubic":
        return _cubic_sample(input, at, size, padding_mode, align)
    at = [_padded(x, n, padding_mode, align) for x, n in zip(at, size)]
    if mode == "nearest":
        values = _pick(input, [x.detach().round() for x in at], size)
        return (
            values if grid._node is None else values + (at[0] * 0).unsqueeze(1)
        )  # the grid's gradient is zeros
    low = [x.detach().floor() for x in at]
    share = [x - f for x, f in zip(at, low)]
    total: Any = None
    for corner in product((0, 1), repeat=d):
        values = _pick(input, [f + c for f, c in zip(low, corner)], size)
        for s, c in zip(share, corner):
            values = values * (s if c else 1 - s).unsqueeze(1)
        total = values if total is None else total + values
    return total


def _check_grid(x: Tensor, grid: Tensor, mode: str) -> None:
    size, places = list(x._a.shape), list(grid._a.shape)
    if x._a.dtype != grid._a.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {x.dtype.name} and "
            f"grid has {grid.dtype.name}"
        )
    if len(size) not in (4, 5) or len(size) != len(places):
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input "
            f"with sizes {size} and grid with sizes {places}"
        )
    if size[0] != places[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{size} and grid with sizes {places}"
        )
    if places[-1] != len(size) - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {len(size) - 2} in last dimension, but got grid "
            f"with sizes {places}"
        )
    if 0 in size[2:]:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {size}"
        )
    if mode == "bicubic" and len(size) == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _clipped(x: Tensor, n: int) -> Tensor:
    """x in [0, n - 1]; no gradient where it was outside or on the edge."""
    place = x.detach()
    inside = (place > 0) & (place < n - 1)
    return x * cast(inside, x.dtype) + place.clamp(0, n - 1).masked_fill(inside, 0)


def _padded(x: Tensor, n: int, padding: str, align: bool) -> Tensor:
    """Places outside the image brought back in, as the padding mode says."""
    if padding == "zeros":
        return x
    if padding == "border":
        return _clipped(x, n)
    low, span = (0.0, float(n - 1)) if align else (-0.5, float(n))
    if span == 0:
        return x * 0
    x = (x - low).abs()
    turns = (x.detach() / span).floor()
    rest = x - turns * span
    odd = turns % 2
    return _clipped(rest + odd * (span - 2 * rest) + low, n)


def _pick(x: Tensor, at: list[Tensor], size: tuple[int, ...]) -> Tensor:
    """The values (N, C, *places) at whole places; zeros outside."""
    flat, inside = bind(grid_places, (at, size))
    shape = (*x._a.shape[:2], *flat._a.shape[1:])
    index = flat.unsqueeze(1).expand(shape).reshape(*shape[:2], -1)
    rows = x.reshape(*x._a.shape[:2], -1)
    values = bind(pool_pick, (rows, index, 1)).reshape(shape)
    if plain(inside._a) and inside._a.all():
        return values
    return values * cast(inside.unsqueeze(1), x.dtype)


def _cubic_weights(t: Tensor) -> list[Tensor]:
    a = -0.75

    def far(s: Any) -> Any:
        return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a

    def near(s: Any) -> Any:
        return ((a + 2) * s - (a + 3)) * s * s + 1

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic_sample(x: Tensor, at: list[Tensor], size: tuple[int, ...], padding: str, align: bool) -> Tensor:
    low = [p.detach().floor() for p in at]
    weights = [_cubic_weights(p - f) for p, f in zip(at, low)]
    total: Any = None
    for i, j in product(range(4), repeat=2):
        places = [low[0] + (i - 1), low[1] + (j - 1)]
        inside = [_padded(p, n, padding, align).round() for p, n in zip(places, size)]
        value = _pick(x, inside, size) * (weights[0][i] * weights[1][j]).unsqueeze(1)
        total = value if total is None else total + value
    return total


__all__ = ["affine_grid", "grid_sample"]
