"""Windows and strides: sliding windows added up, blocks as columns, memory under other strides."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...ops import conv, view
from ...ops.index import INDEX, index, part, unindex
from ...ops.movement import embed, permute, reshape
from ...ops.reduce import sum
from ...ops.view import memory_places
from ...ops.windows import output_size
from ...program.passes.rewrite import NO_MATCH
from .parts import along, filled
from .registry import decomposition

_FEW = 32  # terms that are written one by one


@decomposition(view.fold_back, moves=True)
def _fold_back(g: Any, shape: Any, dim: int, size: int, step: int) -> Any:
    """Each window among zeros: all at once where they do not overlap, else their k-th elements together."""
    if not shape:
        return sum(g, (0,), False)
    count = g.shape[dim]
    if not count or not size:
        return filled(g.builder, 0, shape, g.dtype)
    if step >= size:
        return embed(g, shape, ((view.unfold, (dim, size, step)),))
    if size > _FEW:
        return NO_MATCH
    total: Any = None
    for k in range(size):
        taken = along(dim, slice(k, k + (count - 1) * step + 1, step))
        term = embed(part(g, (..., k)), shape, ((part, (taken,)),))
        total = term if total is None else total + term
    return total


# ----- blocks as columns: views of the padded image until the last step


def _padded(size: Any, pads: Any) -> Any:
    return tuple(n + lo + hi for n, (lo, hi) in zip(size, pads))


def _inner(size: Any, pads: Any) -> Any:
    """The key of the image inside its padding."""
    return (..., *(slice(lo, lo + n) for n, (lo, _) in zip(size, pads)))


@decomposition(conv.unfold, moves=True)
def _im2col(a: Any, kernel: Any, stride: Any, pads: Any, dilation: Any) -> Any:
    n, c, *size = a.shape
    d = len(kernel)
    if any(lo or hi for lo, hi in pads):
        a = embed(a, (n, c, *_padded(size, pads)), ((part, (_inner(size, pads),)),))
    for i, (k, s, q) in enumerate(zip(kernel, stride, dilation)):
        a = view.unfold(a, 2 + i, (k - 1) * q + 1, s)
        if q > 1:
            a = part(a, (..., slice(None, None, q)))
    out = a.shape[2 : 2 + d]
    a = permute(a, (0, 1, *range(2 + d, 2 + 2 * d), *range(2, 2 + d)))
    return reshape(a, (n, c * prod(kernel), prod(out)))


@decomposition(conv.fold, moves=True)
def _col2im(a: Any, size: Any, kernel: Any, stride: Any, pads: Any, dilation: Any) -> Any:
    d = len(kernel)
    full = _padded(size, pads)
    out = [output_size(m, k, s, 0, q) for m, k, s, q in zip(full, kernel, stride, dilation)]
    a = reshape(a, (a.shape[0], a.shape[1] // prod(kernel), *kernel, *out))
    a = permute(a, (0, 1, *range(2 + d, 2 + 2 * d), *range(2, 2 + d)))
    for i in reversed(range(d)):
        q, width = dilation[i], (kernel[i] - 1) * dilation[i] + 1
        if q > 1:
            a = embed(a, (*a.shape[:-1], width), ((part, ((..., slice(None, None, q)),)),))
        a = view.fold_back(a, (*a.shape[: 2 + i], full[i], *a.shape[3 + i : -1]), 2 + i, width, stride[i])
    return part(a, _inner(size, pads)) if any(lo or hi for lo, hi in pads) else a


# ----- any strides: through the memory they describe


def _memory(g: Any, at: Any, other: Any) -> Any:
    """g added up in zeros at the places `at`."""
    length = int(max(other.max(initial=0), at.max(initial=0))) + 1
    return unindex(reshape(g, (at.size,)), at.reshape(-1), (length,), (INDEX,))


def _shares(at: Any, dtype: Any) -> Any:
    return np.bincount(at.reshape(-1))[at].astype(dtype.np)


@decomposition(view.restride)
def _restride(g: Any, source: Any, target: Any) -> Any:
    wanted, given = memory_places(target), memory_places(source)
    return index(_memory(g, given, wanted), wanted, (INDEX,)) / _shares(wanted, g.dtype)


@decomposition(view.gather_back)
def _gather_back(g: Any, source: Any, target: Any) -> Any:
    given, wanted = memory_places(source), memory_places(target)
    return index(_memory(g / _shares(given, g.dtype), given, wanted), wanted, (INDEX,))
