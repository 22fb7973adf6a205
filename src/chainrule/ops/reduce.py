"""Reductions: sums, means, products, log-sum-exp, truth and counts along dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import DType, Shape, bool_
from .exponential import exp
from .forms import average, total
from .movement import expand, reshape
from .record import BIG, Op, Spec, structured
from .rules import sum_dtype
from .scan import conj, cumprod, shift
from .select import where

Dims = tuple[int, ...]
_add: Any = np.add  # NumPy's stubs know keepdims only as a literal
_multiply: Any = np.multiply
_logical_and: Any = np.logical_and
_logical_or: Any = np.logical_or


def reduced_shape(a: Spec, dim: Dims, keepdim: bool, *_: Any) -> Shape:
    """The shape after reducing over `dim` (non-negative, normalised)."""
    if keepdim:
        return tuple(1 if i in dim else n for i, n in enumerate(a.shape))
    return tuple(n for i, n in enumerate(a.shape) if i not in dim)


def restore(g: Any, shape: Shape, dim: Dims, keepdim: bool) -> Any:
    """A reduced cotangent spread back over the shape that was reduced."""
    if not keepdim and len(dim) != len(shape):
        g = reshape(g, tuple(1 if i in dim else n for i, n in enumerate(shape)))
    return expand(g, shape)


def count(shape: Shape, dim: Dims) -> int:
    """How many elements each result of the reduction is computed from."""
    n = 1
    for d in dim:
        n *= shape[d]
    return n


EVERY_DIM = [
    tuple(range(n)) for n in range(8)
]  # what a reduction is given when the caller names no dimension


def numbered(name: str) -> Any:
    """What PyTorch calls the backward node: 0 for the reduction of everything, 1 along named dimensions."""

    def grad_name(args: Any) -> str:
        everything = len(args) < 3 or (args[1] is EVERY_DIM[len(args[0].shape) % 8] and not args[2])
        return f"{name}Backward{0 if everything else 1}"

    return grad_name


def samples(rng: np.random.Generator) -> list[Any]:
    """Arguments (a, dim, keepdim) for the registry: everything, one dimension, an outer one kept, 0-dim."""
    return [
        (rng.normal(size=(2, 3)), (0, 1), False),
        (rng.normal(size=(2, 3, 4)), (1,), True),
        (rng.normal(size=(4, 3)), (0,), False),
        (rng.normal(size=()), (), False),
    ]


# ----- sums

_LARGE = 4096


def add_reduce(a: Any, dim: Dims, keepdim: bool) -> Any:
    """Σa over `dim`: integers in int64, half precision in float32, long sums in blocks.

    NumPy adds pairwise only along the contiguous dimension; along any other one after the other, so that the
    error of a tall float32 column grows with its length. Blocks of √n rows bring it back, and are faster too.
    """
    kind = a.dtype.kind
    if kind in "biu":
        return _add.reduce(a, axis=dim, dtype=np.int64, keepdims=keepdim)
    if a.dtype.itemsize == 2:
        return add_reduce(a.astype(np.float32), dim, keepdim).astype(a.dtype)
    if a.size > _LARGE and kind == "f" and dim:
        if len(dim) == a.ndim:
            if not (a.flags.c_contiguous or a.flags.f_contiguous):
                a = np.ascontiguousarray(a)
        elif (out := _blocked(a, dim, keepdim)) is not None:
            return out
    if len(dim) == a.ndim and not keepdim:
        return _add.reduce(a, axis=None)
    return _add.reduce(a, axis=dim, keepdims=keepdim)


def _blocked(a: Any, dim: Dims, keepdim: bool) -> Any:
    """The sum over one long dimension, not the contiguous one, in blocks; None where that is no help."""
    d = dim[0]
    n = a.shape[d]
    if len(dim) != 1 or n < 256 or not a.flags.c_contiguous or d == a.ndim - 1:
        return None
    rows = int(n**0.5)
    head = n // rows * rows
    lead, tail = a.shape[:d], a.shape[d + 1 :]
    body = a if head == n else a[(slice(None),) * d + (slice(0, head),)]
    out = _add.reduce(body.reshape(*lead, rows, head // rows, *tail), axis=d)
    out = _add.reduce(out, axis=d, keepdims=keepdim)
    if head != n:
        out += _add.reduce(a[(slice(None),) * d + (slice(head, n),)], axis=d, keepdims=keepdim)
    return out


sum = structured(
    "sum",
    add_reduce,
    vjp=(lambda g, y, a, dim, keepdim: restore(g, a.shape, dim, keepdim),),
    shape=reduced_shape,
    dtype=sum_dtype,
    tex=r"\sum {0}",
    prec=BIG,
    form=total,
    samples=samples,
    grad_name=numbered("Sum"),
)


def _mean(a: Any, dim: Dims, keepdim: bool) -> Any:
    n = count(a.shape, dim)
    if not n:
        return np.full(reduced_shape(a, dim, keepdim), np.nan, a.dtype)
    if a.dtype.itemsize == 2:
        return (add_reduce(a.astype(np.float32), dim, keepdim) / n).astype(a.dtype)
    return add_reduce(a, dim, keepdim) / n


mean = structured(
    "mean",
    _mean,
    vjp=(lambda g, y, a, dim, keepdim: restore(g / (count(a.shape, dim) or 1), a.shape, dim, keepdim),),
    shape=reduced_shape,
    tex=r"\frac{{1}}{{n}} \sum {0}",
    prec=BIG,
    form=average,
    samples=samples,
    grad_name=numbered("Mean"),
)
nansum = structured(
    "nansum",
    lambda a, dim, keepdim: add_reduce(np.where(np.isnan(a), a.dtype.type(0), a), dim, keepdim),
    vjp=(lambda g, y, a, dim, keepdim: restore(g, a.shape, dim, keepdim) * not_nan(a),),
    shape=reduced_shape,
    dtype=sum_dtype,
    tex=r"\sum_{{\text{{not nan}}}} {0}",
    prec=BIG,
    samples=samples,
    singular="a NaN counts as the constant 0: its derivative is 0",
)
not_nan: Op = structured(
    "not_nan",
    lambda a: (a == a).astype(a.dtype),
    shape=lambda a: a.shape,
    tex=r"[{0} \text{{ is a number}}]",
    samples=lambda rng: [(np.array([1.0, np.nan]),)],
    nondiff="it is constant between the points where it jumps",
)


# ----- products


def _prod(a: Any, dim: Dims, keepdim: bool) -> Any:
    if a.dtype.kind in "biu":
        return _multiply.reduce(a, axis=dim, dtype=np.int64, keepdims=keepdim)
    if a.dtype.itemsize == 2:
        return _prod(a.astype(np.float32), dim, keepdim).astype(a.dtype)
    return _multiply.reduce(a, axis=dim, keepdims=keepdim)


def _prod_rule(g: Any, y: Any, a: Any, dim: Dims, keepdim: bool) -> Any:
    """The product of the others: of those before times those behind, so that zeros need no special case."""
    if not a.ndim:
        return g
    flat = a if len(dim) == 1 else reshape(a, (-1,))
    d = dim[0] if len(dim) == 1 else 0
    before = shift(cumprod(flat, d, False), d, 1, 1.0)
    behind = shift(cumprod(flat, d, True), d, -1, 1.0)
    others = before * behind
    if len(dim) != 1:
        others = reshape(others, a.shape)
    return restore(g, a.shape, dim, keepdim) * conj(others)


prod = structured(
    "prod",
    _prod,
    vjp=(_prod_rule,),
    shape=reduced_shape,
    dtype=sum_dtype,
    tex=r"\prod {0}",
    prec=BIG,
    grad_name=numbered("Prod"),
    samples=lambda rng: [*samples(rng), (np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.5]]), (1,), False)],
)


# ----- log-sum-exp


def _logsumexp(a: Any, dim: Dims, keepdim: bool) -> Any:
    if a.dtype.itemsize == 2:
        return _logsumexp(a.astype(np.float32), dim, keepdim).astype(a.dtype)
    if not a.size:
        return np.log(_add.reduce(a, axis=dim, keepdims=keepdim))
    top = np.maximum.reduce(a.real, axis=dim, keepdims=True)
    top = np.where(np.isfinite(top), top, top.dtype.type(0))
    out = np.log(_add.reduce(np.exp(a - top), axis=dim, keepdims=True)) + top
    return out if keepdim else out.reshape(reduced_shape(a, dim, False))


def _logsumexp_rule(g: Any, y: Any, a: Any, dim: Dims, keepdim: bool) -> Any:
    finite = where(y == float("-inf"), 0.0, y)  # exp(-inf - -inf) would be NaN
    return restore(g, a.shape, dim, keepdim) * conj(exp(a - restore(finite, a.shape, dim, keepdim)))


logsumexp = structured(
    "logsumexp",
    _logsumexp,
    vjp=(_logsumexp_rule,),
    shape=reduced_shape,
    tex=r"\ln \sum e^{{{0}}}",
    prec=BIG,
    samples=samples,
)


# ----- truth and counts

_DISCRETE = "its values are whole numbers or truth values"


def _discrete_samples(rng: np.random.Generator) -> list[Any]:
    return [
        (rng.normal(size=(2, 3)) * (rng.uniform(size=(2, 3)) > 0.5), (0, 1), False),
        (np.array([[0.0, 2.0], [1.0, 3.0]]), (0,), True),
        (np.zeros((0, 3)), (0,), False),
    ]


def _truth_dtype(a: Spec, *_: Any) -> DType:
    return a.dtype if a.dtype.name == "uint8" else bool_


def _all(a: Any, dim: Dims, keepdim: bool) -> Any:
    out = _logical_and.reduce(a, axis=dim, keepdims=keepdim)
    return out.astype(np.uint8) if a.dtype == np.uint8 else out


def _any(a: Any, dim: Dims, keepdim: bool) -> Any:
    out = _logical_or.reduce(a, axis=dim, keepdims=keepdim)
    return out.astype(np.uint8) if a.dtype == np.uint8 else out


all = structured(
    "all",
    _all,
    shape=reduced_shape,
    dtype=_truth_dtype,
    tex=r"\bigwedge {0}",
    samples=_discrete_samples,
    nondiff=_DISCRETE,
)
any = structured(
    "any",
    _any,
    shape=reduced_shape,
    dtype=_truth_dtype,
    tex=r"\bigvee {0}",
    samples=_discrete_samples,
    nondiff=_DISCRETE,
)


def _count_nonzero(a: Any, dim: Dims, keepdim: bool) -> Any:
    return _add.reduce(a != 0, axis=dim, dtype=np.int64, keepdims=keepdim)


count_nonzero = structured(
    "count_nonzero",
    _count_nonzero,
    shape=reduced_shape,
    dtype="int64",
    tex=r"\#\{{{0} \ne 0\}}",
    samples=_discrete_samples,
    nondiff=_DISCRETE,
)
