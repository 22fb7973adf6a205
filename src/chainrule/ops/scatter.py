"""Gather and scatter: one element for each entry of an index tensor, along one dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .index import add_at, add_flat, require_in_range
from .record import Bad, Op, Spec, structured
from .rules import same_dtype, same_shape
from .select import where

_LOWER = "by its NumPy forward: a rare kind of scatter"


def _grid(index: Any, shape: Shape, dim: int) -> tuple[Any, ...]:
    """The positions that `index` names along `dim`, as a NumPy key; refuses negative ones, as PyTorch."""
    if index.size and (index.min() < 0 or index.max() >= shape[dim]):
        wrong = index.min() if index.min() < 0 else index.max()
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {dim} with size {shape[dim]}")
    n = index.ndim
    return tuple(
        index if d == dim else np.arange(index.shape[d]).reshape((-1,) + (1,) * (n - 1 - d)) for d in range(n)
    )


def put_along(out: Any, index: Any, src: Any, dim: int) -> None:
    """Write src at `index` along `dim`, in out's own memory."""
    if index.size:
        out[_grid(index, out.shape, dim)] = src


def add_along(out: Any, index: Any, src: Any, dim: int) -> None:
    """Add src at `index` along `dim`, in out's own memory; repeated positions add up, in order."""
    if index.size:
        at = np.broadcast_arrays(*_grid(index, out.shape, dim))
        add_flat(out, np.ravel_multi_index(at, out.shape), src)


def _with(ufunc: Any) -> Any:
    def combine(out: Any, index: Any, src: Any, dim: int) -> None:
        if index.size:
            ufunc.at(out, _grid(index, out.shape, dim), src)

    return combine


def _scattered(combine: Any) -> Any:
    def forward(a: Any, index: Any, src: Any, dim: int) -> Any:
        out = np.array(a)
        combine(out, index, src, dim)
        return out

    return forward


def _ungather(g: Any, index: Any, shape: Shape, dim: int) -> Any:
    out = np.zeros(shape, g.dtype)
    add_along(out, index, g, dim)
    return out


def _gather_shape(a: Spec, index: Spec, dim: int) -> Shape:
    if a.ndim != index.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d, (have, want) in enumerate(zip(a.shape, index.shape)):
        if d != dim and want > have:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger "
                f"than self "
                f"{list(a.shape)} apart from dimension {dim}"
            )
    return index.shape


_INDEX = np.array([[0, 2, 1], [1, 1, 1]])

gather = structured(
    "gather",
    lambda a, index, dim: a[_grid(index, a.shape, dim)],
    nargs=2,
    vjp=(lambda g, y, a, index, dim: ungather(g, index, a.shape, dim), None),
    shape=_gather_shape,
    dtype=same_dtype,
    tex="{0}_{{{1}}}",
    samples=lambda rng: [(rng.normal(size=(3, 4)), _INDEX, 0), (rng.normal(size=(2, 3)), _INDEX, 1)],
    bad=[Bad(lambda: (np.zeros((2, 2)), np.array([[5, 0]]), 0), RuntimeError, "index 5 is out of bounds")],
)
ungather: Op = structured(
    "ungather",
    _ungather,
    nargs=2,
    vjp=(lambda g, y, a, index, shape, dim: gather(g, index, dim), None),
    shape=lambda a, index, shape, dim: shape,
    dtype=same_dtype,
    tex=r"\sum_{{{1}}} {0}",
    samples=lambda rng: [(rng.normal(size=(2, 3)), _INDEX, (3, 4), 0)],
)
scatter: Op = structured(
    "scatter",
    _scattered(put_along),
    nargs=3,
    vjp=(
        lambda g, y, a, index, src, dim: scatter(g, index, 0, dim),
        None,
        lambda g, y, a, index, src, dim: gather(g, index, dim),
    ),
    shape=same_shape,
    dtype=same_dtype,
    tex=r"\operatorname{{put}}({0}, {1}, {2})",
    samples=lambda rng: [(rng.normal(size=(3, 4)), np.array([[0, 2, 1]]), rng.normal(size=(1, 3)), 0)],
)
scatter_add = structured(
    "scatter_add",
    _scattered(add_along),
    nargs=3,
    vjp=(lambda g, y, a, index, src, dim: g, None, lambda g, y, a, index, src, dim: gather(g, index, dim)),
    shape=same_shape,
    dtype=same_dtype,
    tex=r"{0} + \sum_{{{1}}} {2}",
    samples=lambda rng: [(rng.normal(size=(3, 4)), _INDEX, rng.normal(size=(2, 3)), 0)],
)


def _scatter_prod_rule(g: Any, y: Any, a: Any, index: Any, src: Any, dim: int, *, needs: Any) -> Any:
    """y/a and y/src, and where a single factor is 0 the product of the others."""
    zero = where(src == 0, src * 0 + 1, src * 0)
    zeros_here = gather(scatter_add(where(a == 0, a * 0 + 1, a * 0), index, zero, dim), index, dim)
    base_zero = a == 0
    base = where(base_zero, a * 0 + 1, a)
    others = where(src == 0, src * 0 + 1, src)
    without = scatter_prod(base, index, others, dim)  # the product of all factors that are not 0
    count = scatter_add(where(base_zero, a * 0 + 1, a * 0), index, zero, dim)
    if needs[0]:
        own = where(base_zero, a * 0 + 1, a * 0)
        ga = g * where(count - own > 0, a * 0, without / base)
    g_at, w_at = gather(g, index, dim), gather(without, index, dim)
    gs = g_at * where(zeros_here - zero > 0, src * 0, w_at / others)
    return (ga if needs[0] else None, None, gs)


scatter_prod = structured(
    "scatter_prod",
    _scattered(_with(np.multiply)),
    nargs=3,
    vjp=_scatter_prod_rule,
    shape=same_shape,
    dtype=same_dtype,
    lower=_LOWER,
    tex=r"{0} \prod_{{{1}}} {2}",
    grad_name="ScatterReduceBackward0",
    samples=lambda rng: [(rng.normal(size=(3, 4)), _INDEX, rng.normal(size=(2, 3)), 0)],
)


def _scatter_extreme_rule(g: Any, y: Any, a: Any, index: Any, src: Any, dim: int) -> Any:
    """The cotangent goes in equal shares to all that attain the extreme."""
    mine = where(a == y, y * 0 + 1, y * 0)
    theirs = where(src == gather(y, index, dim), src * 0 + 1, src * 0)
    share = g / scatter_add(mine, index, theirs, dim)
    return (mine * share, None, theirs * gather(share, index, dim))


scatter_amax = structured(
    "scatter_amax",
    _scattered(_with(np.maximum)),
    nargs=3,
    vjp=_scatter_extreme_rule,
    shape=same_shape,
    dtype=same_dtype,
    lower=_LOWER,
    tex=r"\max({0}, {2})",
    grad_name="ScatterReduceBackward0",
    singular="ties share the derivative equally",
    samples=lambda rng: [(rng.normal(size=(3, 4)), _INDEX, rng.normal(size=(2, 3)), 0)],
)
scatter_amin = structured(
    "scatter_amin",
    _scattered(_with(np.minimum)),
    nargs=3,
    vjp=_scatter_extreme_rule,
    shape=same_shape,
    dtype=same_dtype,
    lower=_LOWER,
    tex=r"\min({0}, {2})",
    grad_name="ScatterReduceBackward0",
    singular="ties share the derivative equally",
    samples=lambda rng: [(rng.normal(size=(3, 4)), _INDEX, rng.normal(size=(2, 3)), 0)],
)


# ----- embeddings: rows of a table


def _embedding(weight: Any, ix: Any, padding: int, by_frequency: bool) -> Any:
    require_in_range(ix, len(weight))
    return weight[ix]


def _embedding_grad(g: Any, ix: Any, count: int, padding: int, by_frequency: bool) -> Any:
    out = np.zeros((count, g.shape[-1]), g.dtype)
    if by_frequency:
        g = g / np.maximum(np.bincount(ix.reshape(-1), minlength=count), 1)[ix][..., None].astype(g.dtype)
    add_at(out, (ix,), g)
    if padding >= 0:
        out[padding] = 0
    return out


def _embedding_pullback(gg: Any, ix: Any, padding: int, by_frequency: bool) -> Any:
    out = gg[ix]
    if by_frequency:
        out = out / np.maximum(np.bincount(ix.reshape(-1), minlength=len(gg)), 1)[ix][..., None].astype(
            gg.dtype
        )
    return np.where((ix == padding)[..., None], out.dtype.type(0), out)


_ROWS = np.array([[0, 2], [2, 1]])
embedding = structured(
    "embedding",
    _embedding,
    nargs=2,
    dtype=same_dtype,
    tex="{0}_{{{1}}}",
    vjp=(
        lambda g, y, w, ix, padding, by_frequency: embedding_grad(g, ix, w.shape[0], padding, by_frequency),
        None,
    ),
    shape=lambda w, ix, *_: (*ix.shape, w.shape[1]),
    samples=lambda rng: [(rng.normal(size=(4, 3)), _ROWS, -1, False)],
    bad=[Bad(lambda: (np.zeros((2, 2)), np.array([5]), -1, False), IndexError, "index out of range in self")],
)
embedding_grad: Op = structured(
    "embedding_grad",
    _embedding_grad,
    nargs=2,
    dtype=same_dtype,
    tex=r"\sum_{{{1}}} {0}",
    vjp=(
        lambda g, y, a, ix, count, padding, by_frequency: embedding_rows(g, ix, padding, by_frequency),
        None,
    ),
    shape=lambda a, ix, count, *_: (count, a.shape[-1]),
    samples=lambda rng: [(rng.normal(size=(2, 2, 3)), _ROWS, 4, -1, True)],
)
embedding_rows: Op = structured(
    "embedding_rows",
    _embedding_pullback,
    nargs=2,
    dtype=same_dtype,
    tex="{0}_{{{1}}}",
    vjp=(
        lambda g, y, a, ix, padding, by_frequency: embedding_grad(g, ix, a.shape[0], padding, by_frequency),
        None,
    ),
    shape=lambda w, ix, *_: (*ix.shape, w.shape[1]),
    samples=lambda rng: [(rng.normal(size=(4, 3)), _ROWS, 1, False)],
)
