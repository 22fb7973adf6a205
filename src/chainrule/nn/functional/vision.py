"""Resizing and rearranging images: interpolate, pixel and channel shuffles."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from ...dispatch import bind
from ...functional.api import tensor_argument
from ...ops import resample
from ...tensor import Tensor
from ...types import scalar_type
from .adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_KERNELS = {
    "linear": ("linear", 1),
    "bilinear": ("linear", 2),
    "trilinear": ("linear", 3),
    "bicubic": ("cubic", 2),
}
_AREA: tuple[Callable[..., Tensor], ...] = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """The spatial dimensions of (N, C, …) resized to `size` or by `scale_factor`.

    Modes: nearest, nearest-exact, area, linear (3-D), bilinear and bicubic (4-D), trilinear (5-D).
    Raises ValueError for options that contradict each other, NotImplementedError for a mode that does not
    fit the rank.

    >>> import chainrule as cr
    >>> cr.nn.functional.interpolate(cr.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    tensor_argument("interpolate", input)
    plain = mode in ("nearest", "area", "nearest-exact")
    if plain and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic "
            "| trilinear"
        )
    d = input._a.ndim - 2
    spatial = input._a.shape[2:]
    out, scales = _target(
        spatial, size, scale_factor, bool(recompute_scale_factor) or mode == "area", recompute_scale_factor
    )
    if antialias and not (mode in ("bilinear", "bicubic") and d == 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    if not plain and (mode not in _KERNELS or _KERNELS[mode][1] != d):
        _wrong_rank(mode, input._a.ndim)
    if d not in (1, 2, 3):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {d + 2}D) for the modes: nearest "
            f"| linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if 0 in input._a.shape[1:] or min(out) <= 0:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input (H: {spatial[0]}, W: "
            f"{spatial[-1]}) output (H: {out[0]}, W: {out[-1]})"
        )
    if mode == "area":
        return _AREA[d - 1](input, out)
    if input._a.dtype.kind not in "fV" and not (input._a.dtype == "uint8" and plain):
        raise RuntimeError(f"\"upsample_{mode}\" not implemented for '{scalar_type(input.dtype)}'")
    kernel = mode if plain else _KERNELS[mode][0]
    table = resample.antialias_taps if antialias else resample.interpolation_taps
    taps = tuple(
        table(n, m, kernel, None if s is None else float(s), bool(align_corners))
        for n, m, s in zip(spatial, out, scales)
    )
    return bind(resample.upsample, (input, taps))


def _target(
    spatial: Any, size: Any, scale: Any, recompute: bool, asked: bool | None
) -> tuple[tuple[int, ...], Any]:
    """The output sizes and the scales to compute positions with (None: from the sizes)."""
    d = len(spatial)
    if size is not None and scale is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if asked:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        sizes = tuple(size) if isinstance(size, (list, tuple)) else (size,) * d
        if len(sizes) != d:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with "
                f"spatial dimensions of {list(spatial)} and output size of {size}. Please provide input "
                "tensor in (N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
            )
        return tuple(int(n) for n in sizes), (None,) * d
    if scale is None:
        raise ValueError("either size or scale_factor should be defined")
    scales = tuple(scale) if isinstance(scale, (list, tuple)) else (scale,) * d
    if len(scales) != d:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {list(spatial)} and scale_factor of shape {scale}. Please provide input "
            "tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    out = tuple(math.floor(n * float(s)) for n, s in zip(spatial, scales))
    return out, (None,) * d if recompute else scales


def _wrong_rank(mode: str, rank: int) -> None:
    if mode not in _KERNELS:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    raise NotImplementedError(f"Got {rank}D input, but {mode} mode needs {_KERNELS[mode][1] + 2}D input")


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """interpolate() under its old name."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate() with mode="nearest", under its old name."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate() with mode="bilinear" and align_corners=True, under its old name."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        UserWarning,
        stacklevel=3,
    )


def _check_pixels(name: str, x: Tensor, argument: str, factor: int) -> None:
    tensor_argument(name, x)
    if x._a.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {x._a.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C·r², H, W) to (*, C, H·r, W·r): channels become pixels.

    >>> import chainrule as cr
    >>> cr.nn.functional.pixel_shuffle(cr.ones(1, 4, 2, 2), 2).shape
    torch.Size([1, 1, 4, 4])
    """
    _check_pixels("pixel_shuffle", input, "upscale_factor", upscale_factor)
    r, shape = upscale_factor, input._a.shape
    *lead, c, h, w = shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    blocks = input.reshape(*lead, c // (r * r), r, r, h, w)
    return blocks.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2).reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H·r, W·r) to (*, C·r², H, W): pixels become channels.

    >>> import chainrule as cr
    >>> cr.nn.functional.pixel_unshuffle(cr.ones(1, 1, 4, 4), 2).shape
    torch.Size([1, 4, 2, 2])
    """
    _check_pixels("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    r, shape = downscale_factor, input._a.shape
    *lead, c, h, w = shape
    for name, size, place in (("height", h, -2), ("width", w, -1)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({place})={size} is not divisible by {r}"
            )
    n = len(lead)
    blocks = input.reshape(*lead, c, h // r, r, w // r, r)
    return blocks.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3).reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of (N, C, *), read group by group, written in turns.

    >>> import chainrule as cr
    >>> cr.nn.functional.channel_shuffle(cr.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    tensor_argument("channel_shuffle", input)
    shape = input._a.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    n, c, *rest = shape
    if c % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups."
        )
    return input.reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(shape)


native_channel_shuffle = channel_shuffle

__all__ = [
    "channel_shuffle", "interpolate", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle",
    "upsample",
    "upsample_bilinear", "upsample_nearest",
]  # fmt: skip
