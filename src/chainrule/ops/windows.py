"""Sliding windows over the spatial dimensions: the geometry that convolution and pooling share (NumPy only)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def output_size(n: int, kernel: int, stride: int, pad: int, dilation: int, ceil_mode: bool = False) -> int:
    """How many windows fit in `n` values padded by `pad` in all; with ceil_mode the last may stick out."""
    span = n + pad - dilation * (kernel - 1) - 1
    return (-(-span // stride) if ceil_mode else span // stride) + 1


def pad_spatial(x: Any, pads: Pads, value: Any = 0) -> Any:
    """`x` with its last len(pads) dimensions padded (or, for negative pads, cut)."""
    if not any(lo or hi for lo, hi in pads):
        return x
    lead = x.shape[: x.ndim - len(pads)]
    spatial = x.shape[len(lead) :]
    out = np.full((*lead, *(n + lo + hi for n, (lo, hi) in zip(spatial, pads))), value, x.dtype)
    inner = tuple(slice(max(lo, 0), max(lo, 0) + n + min(lo, 0) + min(hi, 0)) for n, (lo, hi) in zip(spatial, pads))
    outer = tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(spatial, pads))
    out[(..., *inner)] = x[(..., *outer)]
    return out


def windows(x: Any, kernel: Ints, out: Ints, stride: Ints, dilation: Ints) -> Any:
    """A view (…, *kernel, *out) of all windows of the last len(kernel) dimensions of `x`; no copy."""
    d = len(kernel)
    steps = x.strides[x.ndim - d :]
    strides = (
        *x.strides[: x.ndim - d], *(s * q for s, q in zip(steps, dilation)), *(s * q for s, q in zip(steps, stride)),
    )  # fmt: skip
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
            + tuple(slice(k * q, k * q + (n - 1) * s + 1, s) for k, q, n, s in zip(at, dilation, out, stride)),
        )


def scatter_windows(cols: Any, shape: Sequence[int], out: Ints, stride: Ints, pads: Pads, dilation: Ints) -> Any:
    """The adjoint of `windows`: cols (…, *kernel, *out) added up into an array of `shape` (spatial sizes, unpadded)."""
    d = len(out)
    lead, kernel = cols.shape[: cols.ndim - 2 * d], cols.shape[cols.ndim - 2 * d : cols.ndim - d]
    whole = np.zeros((*lead, *(n + lo + max(hi, 0) for n, (lo, hi) in zip(shape, pads))), cols.dtype)
    for at, place in offsets(kernel, out, stride, dilation):
        whole[place] += cols[(slice(None),) * len(lead) + at]
    if not any(lo or hi for lo, hi in pads):
        return whole
    return np.ascontiguousarray(whole[(..., *(slice(lo, lo + n) for n, (lo, _) in zip(shape, pads)))])
