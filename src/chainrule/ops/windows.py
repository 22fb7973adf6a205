"""Sliding windows over the spatial dimensions: the geometry that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def output_size(n: int, kernel: int, stride: int, pad: int, dilation: int, ceil_mode: bool = False) -> int:
    """How many windows fit in `n` values padded by `pad` in all; with ceil_mode the last may stick out."""
    span = n + pad - dilation * (kernel - 1) - 1
    return (-(-span // stride) if ceil_mode else span // stride) + 1


def _kept(n: int, lo: int, hi: int) -> tuple[slice, slice]:
    """Which of `n` values padding keeps, and where they come to lie; negative pads cut, maybe all of them."""
    first, last = max(-lo, 0), n + min(hi, 0)
    return (slice(first, last), slice(first + lo, last + lo)) if first < last else (slice(0), slice(0))


def _places(size: Sequence[int], pads: Pads) -> tuple[Any, Any]:
    """The index of what padding keeps, and that of where it comes to lie."""
    kept = [_kept(n, lo, hi) for n, (lo, hi) in zip(size, pads)]
    return (..., *(old for old, _ in kept)), (..., *(new for _, new in kept))


def pad_spatial(x: Any, pads: Pads, value: Any = 0) -> Any:
    """`x` with its last len(pads) dimensions padded (or, for negative pads, cut)."""
    if not any(lo or hi for lo, hi in pads):
        return x
    lead = x.shape[: x.ndim - len(pads)]
    spatial = x.shape[len(lead) :]
    old, new = _places(spatial, pads)
    if all(lo <= 0 and hi <= 0 for lo, hi in pads):
        return np.ascontiguousarray(x[old])
    out: Any = np.full((*lead, *(n + lo + hi for n, (lo, hi) in zip(spatial, pads))), value, x.dtype)
    out[new] = x[old]
    return out


def _unpadded(whole: Any, pads: Pads) -> Any:
    """The adjoint of `pad_spatial`: what was padded is cut, what was cut is zero."""
    return pad_spatial(whole, tuple((-lo, -hi) for lo, hi in pads))


def windows(x: Any, kernel: Ints, out: Ints, stride: Ints, dilation: Ints) -> Any:
    """A view (…, *kernel, *out) of all windows of the last len(kernel) dimensions of `x`; no copy."""
    d = len(kernel)
    steps = x.strides[x.ndim - d :]
    strides = (
        *x.strides[: x.ndim - d],
        *(s * q for s, q in zip(steps, dilation)),
        *(s * q for s, q in zip(steps, stride)),
    )
    shape = (*x.shape[: x.ndim - d], *kernel, *out)
    if x.flags.c_contiguous:  # the constructor is ten times quicker than as_strided
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def offsets(kernel: Ints, out: Ints, stride: Ints, dilation: Ints) -> Iterator[tuple[Ints, Any]]:
    """For each place in the kernel: its index, and the slices of the padded input that it meets."""
    for at in product(*map(range, kernel)):
        yield (
            at,
            (...,)
            + tuple(
                slice(k * q, k * q + (n - 1) * s + 1, s) for k, q, n, s in zip(at, dilation, out, stride)
            ),
        )


def scatter_windows(
    cols: Any, shape: Sequence[int], out: Ints, stride: Ints, pads: Pads, dilation: Ints
) -> Any:
    """The adjoint of `windows`: cols (…, *kernel, *out) added up into unpadded spatial sizes `shape`."""
    d = len(out)
    lead, kernel = cols.shape[: cols.ndim - 2 * d], cols.shape[cols.ndim - 2 * d : cols.ndim - d]
    whole: Any = np.zeros((*lead, *(n + lo + hi for n, (lo, hi) in zip(shape, pads))), cols.dtype)
    for at, place in offsets(kernel, out, stride, dilation):
        whole[place] += cols[(slice(None),) * len(lead) + at]
    return _unpadded(whole, pads)


def steps_of(sizes: Sequence[int]) -> list[int]:
    """How far apart neighbours along each dimension are in a flat block of `sizes`."""
    steps = [1] * len(sizes)
    for i in range(len(sizes) - 2, -1, -1):
        steps[i] = steps[i + 1] * sizes[i + 1]
    return steps


def _flat_view(
    buffer: Any, lead: Sequence[int], block: int, kernel: Ints, spread: Sequence[int], length: int
) -> Any:
    unit = buffer.itemsize
    outer = [block * unit]
    for n in reversed(lead[1:]):
        outer.insert(0, outer[0] * n)
    return np.ndarray(
        (*lead, *kernel, length), buffer.dtype, buffer, 0, (*outer, *(s * unit for s in spread), unit)
    )


def _flat_layout(size: Sequence[int], pads: Pads, kernel: Ints, dilation: Ints, length: int) -> Any:
    """Padded sizes, their product, the kernel neighbours' flat distances, and what runs over the end."""
    padded = [n + lo + hi for n, (lo, hi) in zip(size, pads)]
    spread = [s * q for s, q in zip(steps_of(padded), dilation)]
    block = prod(padded)
    over = max(sum((k - 1) * s for k, s in zip(kernel, spread)) + length - block, 0)
    return padded, block, spread, over


def flat_windows(x: Any, kernel: Ints, length: int, pads: Pads, dilation: Ints) -> Any:
    """A view (N, C, *kernel, length): `length` values in memory order per place in the kernel."""
    lead, size = x.shape[:2], x.shape[2:]
    padded, block, spread, over = _flat_layout(size, pads, kernel, dilation, length)
    total = lead[0] * lead[1] * block
    buffer: Any = np.zeros(total + over, x.dtype)
    old, new = _places(size, pads)
    buffer[:total].reshape(*lead, *padded)[new] = x[old]
    return _flat_view(buffer, lead, block, kernel, spread, length)


def scatter_flat(cols: Any, size: Ints, pads: Pads, dilation: Ints) -> Any:
    """The adjoint of `flat_windows`: cols (N, C, *kernel, length) added up into (N, C, *size)."""
    lead, kernel, length = cols.shape[:2], cols.shape[2:-1], cols.shape[-1]
    padded, block, spread, over = _flat_layout(size, pads, kernel, dilation, length)
    total = lead[0] * lead[1] * block
    buffer: Any = np.zeros(total + over, cols.dtype)
    view = _flat_view(buffer, lead, block, kernel, spread, length)
    for at in product(*map(range, kernel)):
        view[(slice(None), slice(None), *at)] += cols[(slice(None), slice(None), *at)]
    return _unpadded(buffer[:total].reshape(*lead, *padded), pads)
