"""Indexing: parts of a tensor by position, by mask and by index tensors, and writing such parts.

NOTE [Keys] A key is what NumPy takes between the brackets, as data: ints, slices, None and Ellipsis. Where an
index tensor stands, the key says INDEX and the tensor is an argument of the operation; several index tensors
arrive stacked along a new first dimension, already broadcast against each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .record import Bad, Op, Spec, structured

Key = tuple[Any, ...]
INDEX = "index"


# ----- basic indexing: a view


def basic(a: Any, key: Key) -> Any:
    """a[key], always as an array that shares memory, also when a single element is left."""
    out = a[key]
    return out if type(out) is np.ndarray or type(a) is not np.ndarray else a[(*key, ...)]


def _basic_shape(a: Spec, key: Key) -> Shape:
    return tuple(np.broadcast_to(np.zeros(()), a.shape)[key].shape)


def _unpart(g: Any, shape: Shape, key: Key) -> Any:
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def _part_rule(g: Any, y: Any, a: Any, key: Key) -> Any:
    return unpart(g, a.shape, key)


pick = structured(
    "pick",
    basic,
    vjp=(_part_rule,),
    shape=_basic_shape,
    view=True,
    tex="{0}_{{{1}}}",
    samples=lambda rng: [(rng.normal(size=(3, 4)), (1,)), (rng.normal(size=(3,)), (-1,))],
    bad=[Bad(lambda: (np.zeros((2, 3)), (5,)), IndexError, "out of bounds")],
    grad_name="SelectBackward0",
)
part = structured(
    "part",
    basic,
    vjp=(_part_rule,),
    shape=_basic_shape,
    view=True,
    tex="{0}_{{{1}}}",
    samples=lambda rng: [
        (rng.normal(size=(5, 4)), (slice(1, None, 2), 1)),
        (rng.normal(size=(3,)), (None, ..., slice(0, 2))),
    ],
    grad_name="SliceBackward0",
)
unpart = structured(
    "unpart",
    _unpart,
    vjp=(lambda g, y, a, shape, key: part(g, key),),
    shape=lambda a, shape, key: shape,
    tex=r"\operatorname{{embed}}({0})",
    samples=lambda rng: [(rng.normal(size=(2,)), (5,), (slice(1, None, 2),))],
)


# ----- index tensors: a copy


def with_indices(key: Key, ix: Any) -> Key:
    """The key with its index arrays in place (see NOTE [Keys])."""
    rest = iter((ix,) if key.count(INDEX) == 1 else ix)
    return tuple([next(rest) if type(k) is str else k for k in key])


def _index(a: Any, ix: Any, key: Key) -> Any:
    try:
        return a[with_indices(key, ix)]
    except IndexError as error:
        raise IndexError(str(error).replace("axis", "dimension")) from None


def _index_select(a: Any, ix: Any, key: Key) -> Any:
    require_in_range(ix, a.shape[len(key) - 1])
    return a[with_indices(key, ix)]


def require_in_range(ix: Any, size: int) -> None:
    """Refuse indices below 0 or past the end, as PyTorch's named indexing functions do."""
    if ix.size and (ix.min() < 0 or ix.max() >= size):
        raise IndexError(
            f"index out of range in self\n  came:     indices from {ix.min()} to {ix.max()}\n"
            f"  expected: 0 to {size - 1}, for a dimension of size {size}"
        )


def _index_shape(a: Spec, ix: Spec, key: Key) -> Shape:
    """The shape by NumPy's rule, on a stand-in without memory; a mask's is known only with its values."""
    shape = ix.shape if key.count(INDEX) == 1 else ix.shape[1:]
    at = np.broadcast_to(np.zeros((), np.int64), shape)
    stand_in = np.broadcast_to(np.zeros(()), tuple(max(n, 1) for n in a.shape))
    return tuple(stand_in[tuple([at if type(k) is str else k for k in key])].shape)


def add_at(out: Any, at: Key, v: Any) -> None:
    """out[at] += v, with repeated positions added up in order."""
    first = at[0]
    if len(at) == 1 and first.dtype != np.bool_:
        width = out.size // max(len(out), 1)
        rows = np.where(first < 0, first + len(out), first)
        if rows.size and (rows.min() < 0 or rows.max() >= len(out)):
            raise IndexError(f"index is out of bounds for dimension 0 with size {len(out)}")
        where = (rows[..., None] * width + np.arange(width)).reshape(first.shape + out.shape[1:])
    else:
        where = np.arange(out.size).reshape(out.shape)[at]
    add_flat(out, where, v)


def add_flat(out: Any, where: Any, v: Any) -> None:
    """Add v at the flat positions `where` of out, for which ufunc.at is quick."""
    kind = out.dtype
    half = kind.kind not in "biufc" or (kind.itemsize == 2 and kind.kind == "f")
    # C order, so that reshape(-1) makes no copy
    total = out.astype(np.float32, order="C") if half else np.ascontiguousarray(out)
    values = np.broadcast_to(np.asarray(v).astype(total.dtype, copy=False), where.shape)
    np.add.at(total.reshape(-1), where.reshape(-1), values.reshape(-1))
    if total is not out:
        out[...] = total.astype(kind)


def _unindex(g: Any, ix: Any, shape: Shape, key: Key) -> Any:
    out = np.zeros(shape, g.dtype)
    if ix.dtype == np.bool_:
        out[with_indices(key, ix)] = g
    else:
        add_at(out, with_indices(key, ix), g)
    return out


def _index_rule(g: Any, y: Any, a: Any, ix: Any, key: Key) -> Any:
    return unindex(g, ix, a.shape, key)


def _index_samples(rng: Any) -> list[Any]:
    return [
        (rng.normal(size=(3, 4)), np.array([0, 2, 0]), (INDEX,)),
        (rng.normal(size=(3, 4)), np.array([[0, 2], [1, 1]]), (INDEX, INDEX)),
        (rng.normal(size=(2, 3, 4)), np.array([[1, 0]]), (slice(None), INDEX)),
    ]


index = structured(
    "index",
    _index,
    nargs=2,
    vjp=(_index_rule, None),
    shape=_index_shape,
    dtype=lambda a, *_: a.dtype,
    tex="{0}_{{{1}}}",
    samples=_index_samples,
    bad=[
        Bad(
            lambda: (np.zeros(3), np.array([5]), (INDEX,)),
            IndexError,
            "index 5 is out of bounds for dimension 0 with size 3",
        )
    ],
)
index_select = structured(
    "index_select",
    _index_select,
    nargs=2,
    vjp=(_index_rule, None),
    shape=_index_shape,
    dtype=lambda a, *_: a.dtype,
    tex="{0}_{{{1}}}",
    samples=_index_samples,
)
unindex = structured(
    "unindex",
    _unindex,
    nargs=2,
    vjp=(lambda g, y, a, ix, shape, key: index(g, ix, key), None),
    shape=lambda a, ix, shape, key: shape,
    dtype=lambda a, *_: a.dtype,
    tex=r"\sum_{{{1}}} {0}",
    samples=lambda rng: [(rng.normal(size=(3, 4)), np.array([0, 2, 0]), (3, 4), (INDEX,))],
)


def _index_put(a: Any, ix: Any, v: Any, key: Key, accumulate: bool) -> Any:
    out = np.array(a)
    put(out, ix, v, key, accumulate)
    return out


def _take(a: Any, ix: Any) -> Any:
    _require_flat(ix, a.size)
    return a[ix]


def _require_flat(ix: Any, size: int) -> None:
    if ix.size and (ix.min() < -size or ix.max() >= size):
        wrong = ix.max() if ix.max() >= size else ix.min()
        raise IndexError(f"out of range: tried to access index {wrong} on a tensor of {size} elements.")


# The elements of a flat tensor at flat positions.
take = structured(
    "take",
    _take,
    nargs=2,
    vjp=(lambda g, y, a, ix: unindex(g, ix, a.shape, (INDEX,)), None),
    shape=lambda a, ix: ix.shape,
    dtype=lambda a, ix: a.dtype,
    tex="{0}_{{{1}}}",
    samples=lambda rng: [(rng.normal(size=6), np.array([[0, -1], [2, 2]]))],
    bad=[Bad(lambda: (np.zeros(3), np.array([3])), IndexError, "tried to access index 3 on a tensor of 3")],
)


def put(out: Any, ix: Any, v: Any, key: Key, accumulate: bool) -> None:
    """Write (or add) v into out at the key, in out's own memory."""
    at = with_indices(key, ix)
    try:
        if accumulate:
            add_at(out, at, v)
        else:
            out[at] = v
    except IndexError as error:
        raise IndexError(str(error).replace("axis", "dimension")) from None
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(v))} cannot be broadcast to indexing "
            f"result of shape "
            f"{list(out[at].shape)}"
        ) from None


index_put: Op = structured(
    "index_put",
    _index_put,
    nargs=3,
    shape=lambda a, *_: a.shape,
    dtype=lambda a, *_: a.dtype,
    vjp=(
        lambda g, y, a, ix, v, key, accumulate: g if accumulate else index_put(g, ix, 0, key, False),
        None,
        lambda g, y, a, ix, v, key, accumulate: index(g, ix, key),
    ),
    tex=r"\operatorname{{put}}({0}, {1}, {2})",
    samples=lambda rng: [
        (rng.normal(size=(4, 2)), np.array([0, 2]), rng.normal(size=(2, 2)), (INDEX,), False),
        (rng.normal(size=(4, 2)), np.array([0, 0]), rng.normal(size=(2,)), (INDEX,), True),
    ],
)


def put_flat(out: Any, ix: Any, v: Any, key: Key, accumulate: bool) -> None:
    """put() at flat positions of a flat array."""
    _require_flat(ix, out.size)
    put(out, ix, v, key, accumulate)


def put_slices(out: Any, ix: Any, v: Any, key: Key, accumulate: bool) -> None:
    """put() of whole slices, whose indices are not counted from the end."""
    require_in_range(ix, out.shape[len(key) - 1])
    put(out, ix, v, key, accumulate)


def fill_slices(out: Any, ix: Any, v: Any, key: Key, accumulate: bool) -> None:
    """put() of one value in whole slices."""
    dim = len(key) - 1
    size = out.shape[dim]
    if ix.size and (ix.min() < -size or ix.max() >= size):
        raise IndexError(f"index {ix.max()} is out of bounds for dimension {dim} with size {size}")
    put(out, ix, v, key, accumulate)


def _checked_put(name: str, write: Any, value: Any, bad: Bad, accumulate: tuple[bool, ...]) -> Op:
    """index_put with the bounds of one of PyTorch's named functions."""

    def forward(a: Any, ix: Any, v: Any, key: Key, accumulate: bool) -> Any:
        out = np.array(a)
        write(out, ix, v, key, accumulate)
        return out

    return structured(
        name,
        forward,
        nargs=3,
        shape=index_put.shape,
        dtype=index_put.dtype,
        vjp=index_put.vjp,
        tex=index_put.tex,
        samples=lambda rng: [
            (rng.normal(size=(4, 2)), np.array([0, 2]), value(rng), (INDEX,), a) for a in accumulate
        ],
        bad=[bad],
        grad_name="IndexPutBackward0",
    )


_OUTSIDE = np.array([1, 4])
index_put_flat = _checked_put(
    "index_put_flat",
    put_flat,
    lambda rng: rng.normal(size=(2, 2)),
    Bad(
        lambda: (np.zeros(4), _OUTSIDE, np.zeros(2), (INDEX,), False),
        IndexError,
        "tried to access index 4 on a tensor of 4 elements",
    ),
    (True, False),
)
index_put_slices = _checked_put(
    "index_put_slices",
    put_slices,
    lambda rng: rng.normal(size=(2, 2)),
    Bad(
        lambda: (np.zeros((4, 2)), _OUTSIDE, np.zeros((2, 2)), (INDEX,), True),
        IndexError,
        "expected: 0 to 3",
    ),
    (True, False),
)
index_fill = _checked_put(
    "index_fill",
    fill_slices,
    lambda rng: rng.normal(size=()),
    Bad(
        lambda: (np.zeros((4, 2)), _OUTSIDE, np.zeros(()), (INDEX,), False),
        IndexError,
        "index 4 is out of bounds for dimension 0 with size 4",
    ),
    (False,),
)


# ----- masks


def _masked_fill(a: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, np.asarray(value).astype(a.dtype), a)


masked_fill: Op = structured(
    "masked_fill",
    _masked_fill,
    nargs=3,
    dtype=lambda a, *_: a.dtype,
    vjp=(
        lambda g, y, a, mask, value: masked_fill(g, mask, 0),
        None,
        lambda g, y, a, mask, value: masked_fill(g, ~mask, 0),
    ),
    shape=lambda a, mask, value: np.broadcast_shapes(a.shape, mask.shape),
    tex=r"\operatorname{{fill}}({0}, {1}, {2})",
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)) > 0, rng.normal(size=()))],
)
