"""Extremes: the largest and smallest values and where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import DType, Shape, int64
from .movement import reshape
from .record import Bad, Op, Spec, structured
from .reduce import Dims, count, reduced_shape, restore, samples
from .scatter import ungather

_SHARED = "the elements that attain the extreme share the derivative equally"


def attains(a: Any, y: Any) -> Any:
    """Where `a` has the value y; NaN counts as equal to NaN."""
    return (a == y) | ((a != a) & (y != y))


def _ties(a: Any, y: Any, dim: Dims, keepdim: bool) -> Any:
    if not keepdim and dim and len(dim) != a.ndim:
        y = np.asarray(y).reshape(reduced_shape(a, dim, True))
    hit = attains(a, y).astype(a.dtype)
    return hit / hit.sum(axis=dim, keepdims=True) if dim else hit


ties = structured(
    "ties",
    _ties,
    nargs=2,
    shape=lambda a, *_: a.shape,
    dtype=lambda a, *_: a.dtype,
    tex=r"\frac{{[{0} = {1}]}}{{\#[{0} = {1}]}}",
    samples=lambda rng: [(np.array([[1.0, 2.0, 2.0]]), np.array([2.0]), (1,), False)],
    nondiff="it is constant between the points where it jumps",
)


def _ties_rule(g: Any, y: Any, a: Any, dim: Dims, keepdim: bool) -> Any:
    return restore(g, a.shape, dim, keepdim) * ties(a, y, dim, keepdim)


def _nothing_to_compare(name: str) -> Any:
    """The type rule of reductions that have no value for an empty dimension."""

    def shape(a: Spec, dim: Dims, keepdim: bool) -> Shape:
        if not count(a.shape, dim):
            empty = next(d for d in dim if not a.shape[d])
            raise IndexError(f"{name}: Expected reduction dim {empty} to have non-zero size.")
        return reduced_shape(a, dim, keepdim)

    return shape


def _reduce(ufunc: Any) -> Any:
    def forward(a: Any, dim: Dims, keepdim: bool) -> Any:
        if len(dim) == a.ndim and not keepdim:
            return ufunc.reduce(a, axis=None)
        return ufunc.reduce(a, axis=dim, keepdims=keepdim)

    return forward


def _extreme(name: str, ufunc: Any, tex: str, grad_name: str, words: str) -> Op:
    return structured(
        name,
        _reduce(ufunc),
        vjp=(_ties_rule,),
        shape=_nothing_to_compare(words + "()"),
        tex=tex,
        samples=samples,
        singular=_SHARED,
        grad_name=grad_name,
        bad=[
            Bad(
                lambda: (np.zeros((0, 3)), (0,), False),
                IndexError,
                f"{words}(): Expected reduction dim 0 to have non-zero",
            )
        ],
    )


amax = _extreme("amax", np.maximum, r"\max {0}", "AmaxBackward0", "amax")
amin = _extreme("amin", np.minimum, r"\min {0}", "AminBackward0", "amin")
max_all = _extreme("max_all", np.maximum, r"\max {0}", "MaxBackward1", "max")
min_all = _extreme("min_all", np.minimum, r"\min {0}", "MinBackward1", "min")


def _aminmax_rule(g: Any, y: Any, a: Any, dim: Dims, keepdim: bool) -> Any:
    return _ties_rule(g[0], amin(a, dim, keepdim), a, dim, keepdim) + _ties_rule(
        g[1], amax(a, dim, keepdim), a, dim, keepdim
    )


aminmax = structured(
    "aminmax",
    lambda a, dim, keepdim: (amin.forward(a, dim, keepdim), amax.forward(a, dim, keepdim)),
    outputs=2,
    vjp=(_aminmax_rule,),
    shape=lambda a, dim, keepdim: [_nothing_to_compare("aminmax")(a, dim, keepdim)] * 2,
    tex=r"(\min {0}, \max {0})",
    samples=samples,
    singular=_SHARED,
)


# ----- positions


def _position(find: Any) -> Any:
    """argmax or argmin over one dimension, or over all of them flattened: the first of equal ones."""

    def forward(a: Any, dim: Dims, keepdim: bool) -> Any:
        if a.dtype.itemsize == 2 and a.dtype.kind != "i":
            a = a.astype(np.float32)
        if len(dim) == a.ndim:
            out = find(a)
            return np.asarray(out).reshape((1,) * a.ndim) if keepdim else out
        return find(a, dim[0], None, keepdims=keepdim)

    return forward


def _positions(name: str, find: Any) -> Op:
    return structured(
        name,
        _position(find),
        shape=_nothing_to_compare(name + "()"),
        dtype="int64",
        tex=rf"\operatorname{{{{{name}}}}} {{0}}",
        samples=samples,
        nondiff="positions are whole numbers",
        bad=[
            Bad(
                lambda: (np.zeros((0, 3)), (0,), False),
                IndexError,
                f"{name}(): Expected reduction dim 0 to have non-zero",
            )
        ],
    )


argmax = _positions("argmax", lambda a, *args, **kw: a.argmax(*args, **kw))
argmin = _positions("argmin", lambda a, *args, **kw: a.argmin(*args, **kw))


# ----- values with their positions


def picked_rule(g: Any, y: Any, a: Any, dim: int, keepdim: bool, *_: Any) -> Any:
    """The cotangent of picked elements goes back to where they were picked."""
    if not a.ndim:
        return g[0]
    at = unreduced(y[1], a.shape, dim, keepdim)
    return ungather(unreduced(g[0], a.shape, dim, keepdim), at, a.shape, dim)


def unreduced(x: Any, shape: Shape, dim: int, keepdim: bool) -> Any:
    """A reduced value or index with the reduced dimension back, as size 1."""
    return x if keepdim else reshape(x, (*shape[:dim], 1, *shape[dim + 1 :]))


def picked_shape(name: str) -> Any:
    """The type rule of reductions to a value and its index along one dimension."""

    def shape(a: Spec, dim: int, keepdim: bool, *_: Any) -> list[Shape]:
        if a.ndim and not a.shape[dim]:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
        return [reduced_shape(a, (dim,) if a.ndim else (), keepdim)] * 2

    return shape


def picked_dtype(a: Spec, *_: Any) -> list[DType]:
    return [a.dtype, int64]


def picked_samples(rng: np.random.Generator) -> list[Any]:
    """Arguments (a, dim, keepdim)."""
    return [
        (rng.normal(size=(2, 5)), 1, False),
        (rng.normal(size=(4, 2, 3)), 0, True),
        (rng.normal(size=()), 0, False),
    ]


def _with_position(ufunc: Any, position: Op) -> Any:
    def forward(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        if not a.ndim:
            return np.array(a), np.zeros((), np.int64)
        at = (
            position.forward(a, (dim,), keepdim)
            if a.ndim > 1
            else np.asarray(position.forward(a, (0,), keepdim))
        )
        if dim == a.ndim - 1 and a.flags.c_contiguous:  # picking is quicker than reducing again
            rows = a.reshape(-1, a.shape[dim])
            return rows[np.arange(len(rows)), at.reshape(-1)].reshape(at.shape), at
        return ufunc.reduce(a, axis=dim, keepdims=keepdim), at

    return forward


def _dimension(name: str, ufunc: Any, position: Op, grad_name: str) -> Op:
    short = name.removesuffix("_dim")
    return structured(
        name,
        _with_position(ufunc, position),
        outputs=2,
        vjp=(picked_rule,),
        shape=picked_shape(short),
        dtype=picked_dtype,
        tex=rf"\{short} {{0}}",
        samples=picked_samples,
        singular="of equal values the first one gets the derivative",
        grad_name=grad_name,
        bad=[
            Bad(
                lambda: (np.zeros((2, 0)), 1, False),
                IndexError,
                f"{short}(): Expected reduction dim 1 to have non-zero",
            )
        ],
    )


max_dim = _dimension("max_dim", np.maximum, argmax, "MaxBackward0")
min_dim = _dimension("min_dim", np.minimum, argmin, "MinBackward0")
