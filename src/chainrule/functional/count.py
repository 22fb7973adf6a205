"""Counting values: unique, histograms, bincount. Their results have no derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import return_types
from ..dispatch import bind
from ..ops import search as ops
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY, INT, scalar_type, wrap_dim
from .api import method, tensor_argument, write
from .extreme import real_only

Arrays = tuple[Any, Any, Any]


def _flat_unique(a: Any, consecutive: bool) -> Arrays:
    """The distinct values (or runs) of a flat array, which of them each element is, and their counts."""
    order = np.arange(a.size) if consecutive else a.argsort(kind="stable")
    ordered = a[order]
    starts = np.ones(a.size, bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    return _grouped(ordered[starts], starts, order)


def _rows_unique(a: Any, dim: int, consecutive: bool) -> Arrays:
    """The same for the slices of `a` along `dim`, compared in lexicographic order."""
    rows = np.moveaxis(a, dim, 0)
    flat = rows.reshape(len(rows), rows.size // max(len(rows), 1))
    order = np.arange(len(rows)) if consecutive or not flat.shape[1] else np.lexsort(flat.T[::-1])
    ordered = flat[order]
    starts = np.ones(len(rows), bool)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(1)
    values = np.moveaxis(rows[order[starts]], 0, dim)
    return _grouped(np.ascontiguousarray(values), starts, order)


def _grouped(values: Any, starts: Any, order: Any) -> Arrays:
    group = np.cumsum(starts) - 1
    inverse = np.empty(len(order), np.int64)
    inverse[order] = group
    return values, inverse, np.bincount(group, minlength=int(starts.sum())).astype(np.int64)


def _unique(
    name: str, x: Tensor, dim: int | None, consecutive: bool, return_inverse: bool, return_counts: bool
) -> Any:
    tensor_argument(name, x)
    a = x._array()
    real_only("unique" if dim is None else "unique_dim", x)
    if dim is None:
        values, inverse, counts = _flat_unique(a.reshape(-1), consecutive)
        inverse = inverse.reshape(a.shape)
    else:
        dim = wrap_dim(dim, a.ndim)
        if 0 in a.shape and a.shape[dim]:
            raise RuntimeError(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
            )
        values, inverse, counts = _rows_unique(a.reshape(a.shape or (1,)), dim, consecutive)
        values = values if a.ndim else values.reshape(-1)
    found = [values, *([inverse] if return_inverse else []), *([counts] if return_counts else [])]
    results = tuple(Tensor._wrap(np.asarray(f)) for f in found)
    return results if len(results) > 1 else results[0]


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements (or slices along `dim`) in ascending order.

    With `return_inverse`, also which of them each element is; with `return_counts`, how often each occurs.

    >>> import chainrule as cr
    >>> cr.unique(cr.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    return _unique("unique", input, dim, False, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along `dim`) with all but the first of equal neighbours left out.

    >>> import chainrule as cr
    >>> cr.unique_consecutive(cr.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _unique("unique_consecutive", input, dim, True, return_inverse, return_counts)


# ----- histograms


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2 … occurs, or the sum of the `weights` where it does.

    >>> import chainrule as cr
    >>> cr.bincount(cr.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    tensor_argument("bincount", input)
    a = input._array()
    if FROM_NUMPY[a.dtype].category != INT:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{scalar_type(input.dtype)}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if a.ndim != 1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights._a.shape != a.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    length = max(int(input.max()) + 1, 0, minlength) if a.size else minlength
    return bind(ops.bincount, (input, weights, length))


def _range(name: str, a: Any, low: Any, high: Any) -> tuple[float, float]:
    """The outer edges: as given, or those of the data if both are equal; a single point is widened by 1."""
    if low == high and a.size:
        low, high = float(a.min()), float(a.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    return (
        (low - (name == "torch.histc" or 0.5), high + (name == "torch.histc" or 0.5))
        if low == high
        else (low, high)
    )


def _positive(bins: int, dim: int = 0) -> int:
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension {dim}")
    return int(bins)


def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements fall in each of `bins` equal intervals of [min, max] (of the data if both are equal).

    >>> import chainrule as cr
    >>> cr.histc(cr.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    tensor_argument("histc", input)
    if input.dtype.category != FLOAT:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{scalar_type(input.dtype)}'")
    bins = _positive(bins)
    low, high = _range("torch.histc", input._array(), float(min), float(max))
    result: Tensor = bind(ops.histc, (input, low, high, bins))
    return result if out is None else write(out, result)


def _edges(a: Any, bins: Any, span: Any, dim: int, name: str) -> Any:
    if isinstance(bins, Tensor):
        return bins._array()
    low, high = _range(name, a, *(span or (0.0, 0.0))) if a.size or span else (0.0, 1.0)
    return np.linspace(low, high, _positive(bins, dim) + 1).astype(a.dtype)


def _density(counts: Any, edges: list[Any]) -> Any:
    volume: Any = 1.0
    for i, e in enumerate(edges):
        volume = volume * np.diff(e).reshape((-1,) + (1,) * (len(edges) - 1 - i))
    return counts / (counts.sum() * volume)


def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: Any = None,
) -> Any:
    """Counts (or weights, or a density) in `bins` intervals, and their edges, as (hist, bin_edges).

    >>> import chainrule as cr
    >>> cr.histogram(cr.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 2.0)).hist
    tensor([0., 3.])
    """
    tensor_argument("histogram", input)
    if input.dtype.category != FLOAT:
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{scalar_type(input.dtype)}'")
    a = input._array().reshape(-1)
    e = _edges(a, bins, range, 0, "torch.histogramdd")
    w = None if weight is None else weight._array().reshape(-1)
    counts = ops.counted([a], [e], w)
    hist = (_density(counts, [e]) if density else counts).astype(a.dtype)
    results = [Tensor._wrap(hist), Tensor._wrap(np.array(e))]
    if out is not None:
        results = [write(o, r) for o, r in zip(out, results)]
    return return_types.histogram(results)


def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Counts of the points input[..., :] on a grid, one dimension per coordinate, as (hist, bin_edges)."""
    tensor_argument("histogramdd", input)
    a = input._array()
    n = a.shape[-1]
    points = a.reshape(-1, n)
    per_dim = list(bins) if isinstance(bins, (list, tuple)) else [bins] * n
    if len(per_dim) != n:
        raise RuntimeError(
            f"torch.histogramdd: The size of bins must be equal to the innermost dimension of the "
            f"input: {len(per_dim)} != {n}"
        )
    spans = [None] * n if range is None else [(range[2 * i], range[2 * i + 1]) for i in np.arange(n)]
    columns = [points[:, i] for i in np.arange(n)]
    edges = [
        _edges(c, b, s, i, "torch.histogramdd") for i, (c, b, s) in enumerate(zip(columns, per_dim, spans))
    ]
    counts = ops.counted(columns, edges, None if weight is None else weight._array().reshape(-1))
    hist = (_density(counts, edges) if density else counts).astype(a.dtype)
    return return_types.histogramdd([Tensor._wrap(hist), tuple(Tensor._wrap(np.array(e)) for e in edges)])


for _function in (unique, unique_consecutive, bincount, histc, histogram):
    method(_function)

__all__ = ["bincount", "histc", "histogram", "histogramdd", "unique", "unique_consecutive"]
