"""Movement: copies of an array as views of it, joined or set among zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import join, movement, rearrange, scan, view
from ...ops.complex import conj
from ...ops.index import INDEX, index_select, part, pick, unindex, unpart
from ...ops.movement import embed, expand, reshape, view_scatter
from ...ops.reduce import sum
from ...ops.select import where
from ...ops.spectral import eye_like
from ...ops.view import diagonal
from ...program.passes.rewrite import NO_MATCH
from ...types import BOOL
from .parts import along, converted, filled, positions, scalar
from .registry import decomposition


@decomposition(movement.detach, moves=True)
def _detach(a: Any) -> Any:
    return a


@decomposition(conj, moves=True)
def _conj(a: Any) -> Any:
    return NO_MATCH if a.dtype.is_complex else a


@decomposition(movement.unsafe_view, moves=True)
def _unsafe_view(a: Any, shape: Any) -> Any:
    return reshape(a, shape)


@decomposition(movement.sum_to, moves=True)
def _sum_to(a: Any, shape: Any) -> Any:
    extra = a.ndim - len(shape)
    stretched = [i for i, n in enumerate(shape, extra) if n == 1 and a.shape[i] != 1]
    dims = (*range(extra), *stretched)
    if not dims:
        return a
    return reshape(converted(sum(a, dims, False), a.dtype), shape)


# ----- several results


@decomposition(movement.unbind, moves=True)
def _unbind(a: Any, dim: int) -> Any:
    return [pick(a, along(dim, i)) for i in range(a.shape[dim])]


@decomposition(join.split, moves=True)
def _split(a: Any, sizes: Any, dim: int) -> Any:
    stops = np.cumsum(sizes).tolist()
    return [part(a, along(dim, slice(stop - n, stop))) for n, stop in zip(sizes, stops)]


# ----- among zeros


@decomposition(unpart, moves=True)
def _unpart(g: Any, shape: Any, key: Any) -> Any:
    return embed(g, shape, ((part, (key,)),))


@decomposition(rearrange.diag_embed, moves=True)
def _diag_embed(a: Any, offset: int, dim1: int, dim2: int) -> Any:
    shape = rearrange.diag_embed.shape(a.var.spec, offset, dim1, dim2)
    return embed(a, shape, ((diagonal, (offset, dim1, dim2)),))


@decomposition(rearrange.fill, moves=True)
def _fill(a: Any, value: Any) -> Any:
    return filled(a.builder, value, a.shape, a.dtype)


@decomposition(rearrange.pad_constant, moves=True)
def _pad_constant(a: Any, pads: Any, value: Any) -> Any:
    shape = rearrange.pad_constant.shape(a.var.spec, pads, value)
    cut = tuple(slice(max(-b, 0), n - max(-e, 0)) for n, (b, e) in zip(a.shape, pads))
    inner = tuple(slice(max(b, 0), n - max(e, 0)) for n, (b, e) in zip(shape, pads))
    kept = part(a, cut) if any(b < 0 or e < 0 for b, e in pads) else a
    chain = ((part, (inner,)),)
    if not value:
        return embed(kept, shape, chain)
    return view_scatter(filled(a.builder, value, shape, a.dtype), kept, chain)


@decomposition(scan.shift, moves=True)
def _shift(a: Any, dim: int, by: int, fill: float) -> Any:
    if not a.ndim:
        return filled(a.builder, fill, (), a.dtype)
    n = a.shape[dim]
    k = min(abs(by), n)
    end = filled(a.builder, fill, (*a.shape[:dim], k, *a.shape[dim + 1 :]), a.dtype)
    if by > 0:
        return join.cat((end, part(a, along(dim, slice(0, n - k)))), dim, (k, n - k))
    return join.cat((part(a, along(dim, slice(k, n))), end), dim, (n - k, k))


# ----- other orders


@decomposition(rearrange.flip, moves=True)
def _flip(a: Any, dims: Any) -> Any:
    return part(a, tuple(slice(None, None, -1 if i in dims else None) for i in range(a.ndim)))


@decomposition(rearrange.roll, moves=True)
def _roll(a: Any, shifts: Any, dims: Any) -> Any:
    for by, dim in zip(shifts, dims):
        n = a.shape[dim]
        k = by % n if n else 0
        if k:
            ends = part(a, along(dim, slice(n - k, n))), part(a, along(dim, slice(0, n - k)))
            a = join.cat(ends, dim, (k, n - k))
    return a


@decomposition(rearrange.repeat, moves=True)
def _repeat(a: Any, counts: Any) -> Any:
    shape = (1,) * (len(counts) - a.ndim) + a.shape
    ones = tuple(n for size in shape for n in (1, size))
    blocks = tuple(n for pair in zip(counts, shape) for n in pair)
    return reshape(expand(reshape(a, ones), blocks), tuple(n * c for n, c in zip(shape, counts)))


@decomposition(rearrange.repeat_interleave, moves=True)
def _repeat_interleave(a: Any, counts: Any, dim: int) -> Any:
    n = a.shape[dim]
    if n and len(set(counts)) == 1:
        lead, tail, each = a.shape[: dim + 1], a.shape[dim + 1 :], counts[0]
        blocks = expand(view.unsqueeze(a, dim + 1), (*lead, each, *tail))
        return reshape(blocks, (*a.shape[:dim], n * each, *tail))
    return index_select(a, np.repeat(np.arange(n), counts), along(dim, INDEX))


@decomposition(rearrange.sum_runs, moves=True)
def _sum_runs(g: Any, counts: Any, dim: int) -> Any:
    shape = (*g.shape[:dim], len(counts), *g.shape[dim + 1 :])
    return unindex(g, np.repeat(np.arange(len(counts)), counts), shape, along(dim, INDEX))


@decomposition(rearrange.pad, moves=True)
def _pad(a: Any, pads: Any, mode: str) -> Any:
    for dim, (before, after) in enumerate(pads):
        if before or after:
            source = rearrange.padding_source(a.shape[dim], before, after, mode)
            a = index_select(a, source, along(dim, INDEX))
    return a


@decomposition(rearrange.unpad, moves=True)
def _unpad(g: Any, shape: Any, pads: Any, mode: str) -> Any:
    for dim in reversed(range(len(shape))):
        before, after = pads[dim]
        if before or after:
            source = rearrange.padding_source(shape[dim], before, after, mode)
            size = (*g.shape[:dim], shape[dim], *g.shape[dim + 1 :])
            g = unindex(g, source, size, along(dim, INDEX))
    return g


# ----- triangles


def _triangle(a: Any, low: Any, high: Any) -> Any:
    """a where low >= high, of constants of row and column numbers; elsewhere 0."""
    mask = a.builder.constant(low) >= high
    return a & mask if a.dtype.category == BOOL else where(mask, a, scalar(0, a.dtype))


def _row_and_column(a: Any) -> tuple[Any, Any]:
    return positions(a.shape[-2], 0, 2), positions(a.shape[-1])


@decomposition(rearrange.tril, moves=True)
def _tril(a: Any, diagonal: int) -> Any:
    row, column = _row_and_column(a)
    return _triangle(a, row + diagonal, column)


@decomposition(rearrange.triu, moves=True)
def _triu(a: Any, diagonal: int) -> Any:
    row, column = _row_and_column(a)
    return _triangle(a, column, row + diagonal)


@decomposition(eye_like, moves=True)
def _eye_like(a: Any) -> Any:
    n = a.shape[-1]
    equal = a.builder.constant(positions(n, 0, 2)) == positions(n)
    return expand(movement.to(equal, a.dtype), a.shape)
