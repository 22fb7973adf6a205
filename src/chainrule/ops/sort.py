"""Order: sorting, the k largest, order statistics, the most frequent value. NaN counts as the greatest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .extreme import picked_dtype, picked_rule, picked_samples, picked_shape, ties
from .movement import expand
from .record import Bad, Spec, structured
from .scan import along, placed_rule
from .scatter import ungather

_LOWER = "by its NumPy forward: sorting branches on every comparison"


def _comparable(a: Any) -> Any:
    """The values in a type that NumPy can sort."""
    return a.astype(np.float32) if a.dtype.itemsize == 2 and a.dtype.kind not in "iu" else a


def order(a: Any, dim: int, descending: bool) -> Any:
    """The positions that sort `a`; equal elements keep their order."""
    a = _comparable(a)
    if not descending:
        return a.argsort(axis=dim, kind="stable")
    turned = along(a, dim, slice(None, None, -1)).argsort(axis=dim, kind="stable")
    return a.shape[dim] - 1 - along(turned, dim, slice(None, None, -1))


def _sort(a: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    if not a.ndim:
        return np.array(a), np.zeros((), np.int64)
    at = np.ascontiguousarray(order(a, dim, descending))
    return np.take_along_axis(a, at, dim), at


sort = structured(
    "sort",
    _sort,
    outputs=2,
    vjp=(placed_rule,),
    shape=lambda a, *_: [a.shape, a.shape],
    dtype=picked_dtype,
    lower=_LOWER,
    tex=r"\operatorname{{sort}}({0})",
    singular="equal elements keep their order",
    samples=lambda rng: [
        (rng.normal(size=(2, 4)), 1, False),
        (rng.normal(size=(5, 2)), 0, True),
        (rng.normal(size=()), 0, False),
    ],
)


def _topk(a: Any, k: int, dim: int, largest: bool) -> tuple[Any, Any]:
    if not a.ndim:
        return np.array(a), np.zeros((), np.int64)
    if not 0 <= k <= a.shape[dim]:
        raise RuntimeError("selected index k out of range")
    at = np.ascontiguousarray(along(order(a, dim, largest), dim, slice(0, k)))
    return np.take_along_axis(a, at, dim), at


def _topk_shape(a: Spec, k: int, dim: int, largest: bool) -> list[Shape]:
    if not 0 <= k <= (a.shape[dim] if a.ndim else 1):
        raise RuntimeError("selected index k out of range")
    return [(*a.shape[:dim], k, *a.shape[dim + 1 :]) if a.ndim else ()] * 2


topk = structured(
    "topk",
    _topk,
    outputs=2,
    vjp=(lambda g, y, a, k, dim, largest: ungather(g[0], y[1], a.shape, dim) if a.ndim else g[0],),
    shape=_topk_shape,
    dtype=picked_dtype,
    lower=_LOWER,
    tex=r"\operatorname{{topk}}({0})",
    singular="of equal elements the first ones are taken",
    samples=lambda rng: [(rng.normal(size=(2, 5)), 3, 1, True), (rng.normal(size=(4, 2)), 2, 0, False)],
    bad=[Bad(lambda: (np.zeros(3), 4, 0, True), RuntimeError, "selected index k out of range")],
)


# ----- order statistics


def _pick(a: Any, at: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """Values and indices at the positions `at` (of size 1 along dim)."""
    values = np.take_along_axis(a, at, dim)
    return (values, at) if keepdim else (values.squeeze(dim), at.squeeze(dim))


def _kthvalue(a: Any, dim: int, keepdim: bool, k: int) -> tuple[Any, Any]:
    if not a.ndim:
        return np.array(a), np.zeros((), np.int64)
    return _pick(a, along(order(a, dim, False), dim, slice(k - 1, k)), dim, keepdim)


kthvalue = structured(
    "kthvalue",
    _kthvalue,
    outputs=2,
    vjp=(picked_rule,),
    shape=picked_shape("kthvalue"),
    dtype=picked_dtype,
    lower=_LOWER,
    tex=r"{0}_{{(k)}}",
    singular="of equal elements the first one gets the derivative",
    samples=lambda rng: [(*args, 1) for args in picked_samples(rng)],
)


def _middle(a: Any, dim: int, skip_nan: bool) -> Any:
    """The rank of the lower median: of the numbers only, or of the NaN (which sort last) if one is there."""
    n = a.shape[dim]
    if a.dtype.kind in "biu":
        return np.full((*a.shape[:dim], 1, *a.shape[dim + 1 :]), (n - 1) // 2)
    nan = np.add.reduce(a != a, axis=dim, keepdims=True, dtype=np.int64)
    if skip_nan:
        return np.maximum(n - nan - 1, 0) // 2
    return np.where(nan > 0, n - nan, (n - 1) // 2)


def _median_of(skip_nan: bool) -> Any:
    def forward(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        if not a.ndim:
            return np.array(a), np.zeros((), np.int64)
        rank = _middle(a, dim, skip_nan)
        return _pick(a, np.take_along_axis(order(a, dim, False), rank, dim), dim, keepdim)

    return forward


_PICKED = "of equal elements one gets the derivative"
median_dim = structured(
    "median_dim",
    _median_of(False),
    outputs=2,
    vjp=(picked_rule,),
    shape=picked_shape("median"),
    dtype=picked_dtype,
    lower=_LOWER,
    tex=r"\operatorname{{median}}({0})",
    samples=picked_samples,
    singular=_PICKED,
    grad_name="MedianBackward1",
)
nanmedian_dim = structured(
    "nanmedian_dim",
    _median_of(True),
    outputs=2,
    vjp=(picked_rule,),
    shape=picked_shape("nanmedian"),
    dtype=picked_dtype,
    lower=_LOWER,
    tex=r"\operatorname{{nanmedian}}({0})",
    samples=picked_samples,
    singular=_PICKED,
    grad_name="NanmedianBackward1",
)


def _median_all(a: Any, skip_nan: bool) -> Any:
    flat = a.reshape(-1)
    if not flat.size:
        return np.full((), np.nan, a.dtype)
    if flat.dtype.kind not in "biu":
        numbers = flat[flat == flat]
        if len(numbers) < len(flat) and (not skip_nan or not len(numbers)):
            return np.full((), np.nan, a.dtype)
        flat = numbers
    middle = (len(flat) - 1) // 2
    return np.partition(_comparable(flat), middle)[middle].astype(a.dtype)


def _shared_rule(g: Any, y: Any, a: Any, skip_nan: bool) -> Any:
    return expand(g, a.shape) * ties(a, y, tuple(range(a.ndim)), False)


median = structured(
    "median",
    _median_all,
    vjp=(_shared_rule,),
    shape=lambda a, skip_nan: (),
    lower=_LOWER,
    tex=r"\operatorname{{median}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 3)), False), (rng.normal(size=(5,)), True)],
    singular="the elements equal to the median share the derivative equally",
    grad_name=lambda args: "NanmedianBackward0" if args[1:] and args[1] else "MedianBackward0",
)


# ----- the most frequent value


def _mode(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """The smallest of the most frequent values, and the last position where it stands."""
    if not a.ndim:
        return np.array(a), np.zeros((), np.int64)
    at = np.moveaxis(order(a, dim, False), dim, -1)
    ordered = np.take_along_axis(np.moveaxis(a, dim, -1), at, -1)
    n = ordered.shape[-1]
    place = np.arange(n)
    starts = np.ones(ordered.shape, bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    length = place - np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    best = length.argmax(-1, keepdims=True)  # the first position where the longest run is complete
    index = np.moveaxis(np.take_along_axis(at, best, -1), -1, dim)
    return _pick(a, index, dim, keepdim)


mode = structured(
    "mode",
    _mode,
    outputs=2,
    vjp=(picked_rule,),
    shape=picked_shape("mode"),
    dtype=picked_dtype,
    lower=_LOWER,
    tex=r"\operatorname{{mode}}({0})",
    samples=picked_samples,
    singular="of equal elements the last one gets the derivative",
)
