"""x[...] and x[...] = v for everything PyTorch takes between the brackets.

NOTE [Two steps] Ints, slices, None and Ellipsis are applied first,
    as one view; then the index tensors and masks select from
that view. So `x[0, :, i]` keeps the place of `i`, as in PyTorch (NumPy would count the 0 as an index array).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.tape import Node, clock, mode
from ..dispatch import bind, cast, join_views
from ..dispatch import where as spot
from ..inplace import assign, old_value, plain, rebase, require_writable, touch
from ..ops import compare
from ..ops import index as ops
from ..ops.index import INDEX
from ..ops.movement import expand, reshape, stack
from ..ops.record import Op, Spec
from ..tensor import Tensor, new_tensor
from ..types import BOOL, FROM_NUMPY, INT, dtype_of, int64
from .api import shaping

Key = tuple[Any, ...]
ALL = slice(None)
_EVERYDAY = frozenset({int, type(None), type(Ellipsis)})
ndarray = np.ndarray


def view_at(x: Tensor, key: Key, op: Op) -> Tensor:
    """The view x[key] for a basic key, recorded as `op` (pick or part)."""
    a = x._a
    if type(a) is not ndarray:
        a = x._array()
    if not plain(a):
        return bind(op, (x, key))
    try:
        out = a[key]
    except IndexError as error:
        raise _worded(error, a, key) from None
    if type(out) is not ndarray:
        out = a[(*key, ...)]
    r: Tensor = new_tensor(Tensor)
    r._a = out
    n = x._node
    if n is not None and mode.grad:
        args = (Spec(a.shape, dtype_of(a)), key)
        r._node = Node(op, args, args, None, (n,), out.shape, spot())
    else:
        r._node = None
    join_views(op, x, r, (key,))
    return r


def _worded(error: IndexError, a: Any, key: Key) -> IndexError:
    text = str(error)
    if not a.ndim and any(type(k) is int for k in key):
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
            "convert a 0-dim tensor to a number"
        )
    if "too many indices" in text:
        return IndexError(f"too many indices for tensor of dimension {a.ndim}")
    return IndexError(text.replace("for axis", "for dimension"))


def getitem(self: Tensor, key: Any) -> Tensor:
    """x[key]: a view for ints, slices, None and Ellipsis; a copy for index tensors, lists and masks."""
    if type(key) is int:
        return view_at(self, (key,), ops.pick)
    basic, indices = plan(self, key)
    if not indices:
        op = ops.pick if basic and all(type(k) is int for k in basic) else ops.part
        return view_at(self, basic, op)
    part = self if basic is None else view_at(self, basic, ops.part)
    advanced, ix = joined(part, indices)
    if ix._a.dtype == np.bool_ and clock.tracer is not None:
        advanced, ix = at_places(advanced, ix)
    return bind(ops.index, (part, ix, advanced))


def at_places(key: Key, mask: Tensor) -> tuple[Key, Tensor]:
    """A key with one mask, and the mask, as places: a program knows the number of those alone."""
    places = np.nonzero(shaping("select by a mask", mask))
    at = key.index(INDEX)
    ix = places[0] if len(places) == 1 else np.stack(places)
    return (*key[:at], *(INDEX,) * len(places), *key[at + 1 :]), Tensor._wrap(ix)


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """x[key] = v, in x's own memory; recorded if x or v require grad."""
    require_writable(self)
    basic, indices = ((key,), []) if type(key) is int else plan(self, key)
    tracked = mode.grad and (
        self._node is not None or (isinstance(value, Tensor) and value._node is not None)
    )
    if not indices:
        _set_basic(self, basic, value, tracked)
        return
    part = self if basic is None else view_at(self, basic, ops.part)
    advanced, ix = joined(part, indices)
    write_at(part, ix, as_value(part, value), advanced, False)


def _set_basic(x: Tensor, key: Any, value: Any, tracked: bool) -> None:
    a = x._array()
    number = type(value) in (int, float, bool)
    v = value if number else value._a if isinstance(value, Tensor) else as_value(x, value)._a
    if tracked or 0 in a.strides or not (plain(a) and (number or plain(v))):
        _set_part(x, key, value)
        return
    try:
        a[key] = v
    except IndexError as error:
        raise _worded(error, a, key) from None
    except ValueError:
        _set_part(x, key, value)
        return
    touch(x, spot())


def _set_part(x: Tensor, key: Any, value: Any) -> None:
    """Assign through a view of the part, as PyTorch does."""
    part = view_at(x, key, ops.part)
    v = _squeezed(as_value(x, value), part)
    assign(part, expand(v, part._a.shape) if v._a.shape != part._a.shape else v, spot())


def _squeezed(v: Tensor, part: Tensor) -> Tensor:
    """PyTorch drops leading dimensions of size 1 that the assigned value has too many."""
    extra = v._a.ndim - part._a.ndim
    return reshape(v, v._a.shape[extra:]) if extra > 0 and set(v._a.shape[:extra]) == {1} else v


def write_at(x: Tensor, ix: Tensor, v: Tensor, key: Key, accumulate: bool) -> Tensor:
    """index_put_: write into x's memory at index tensors, without a copy, and record it if wanted."""
    return write_into(ops.index_put, ops.put, x, ix, v, key, accumulate)


def write_into(op: Op, write: Callable[..., None], x: Tensor, ix: Tensor, v: Tensor, *attrs: Any) -> Tensor:
    """`write` into x's memory, recorded as `op`, whose rules read the values of the index tensor alone."""
    require_writable(x)
    if not (plain(x._a) and plain(ix._a) and plain(v._a)):
        return assign(x, bind(op, (old_value(x, False), ix, v, *attrs)), spot())
    node = None
    if mode.grad and (x._node is not None or v._node is not None):
        specs = tuple(Spec(t._a.shape, dtype_of(t._a)) for t in (x, ix, v))
        args = (specs[0], ix, specs[2], *attrs)
        saved = (specs[0], ix._a, specs[2], *attrs)
        node = Node(op, args, saved, None, (x._node, None, v._node), x._a.shape, spot())
    a = x._array()
    write(a, _apart(ix._a, a), _apart(v._a, a), *attrs)
    touch(x, spot())
    if node is not None:
        r = new_tensor(Tensor)
        r._a, r._node = x._a, node
        rebase(x, r)
    return x


def _apart(source: Any, target: Any) -> Any:
    """The source, copied if it may overlap the memory that is written."""
    return source.copy() if np.may_share_memory(source, target) else source


def as_value(x: Tensor, value: Any) -> Tensor:
    """What is assigned, as a tensor of x's dtype."""
    if not isinstance(value, Tensor):
        kind = x._a.dtype
        try:
            given = np.asarray(value)
        except (ValueError, TypeError):
            given = np.asarray(None)
        if given.dtype.kind not in "biufcV":
            raise TypeError(f"can't assign a {type(value).__name__} to a torch.{dtype_of(x._a).name} tensor")
        return Tensor._wrap(given.astype(kind))
    return cast(value, dtype_of(x._a))


# ----- reading the key


def plan(x: Tensor, key: Any) -> tuple[Any, list[tuple[int, Tensor]]]:
    """(basic, indices): a key's basic part (None: all of it), the index tensors with their dimensions."""
    if type(key) is not tuple:
        key = _treated_as_tuple(key) if type(key) is list else (key,)
    for k in key:
        kind = type(k)
        if kind is slice:
            if k.step is not None and not _step(k.step) > 0:
                raise ValueError("step must be greater than zero")
            if not (_plain(k.start) and _plain(k.stop) and _plain(k.step)):
                break
        elif kind not in _EVERYDAY:
            break
    else:
        return key, []
    return _general(x, tuple(_normal(k) for k in key))


def _plain(bound: Any) -> bool:
    return bound is None or type(bound) is int


def _step(step: Any) -> int:
    return int(step.__index__())


def _treated_as_tuple(key: list[Any]) -> tuple[Any, ...]:
    """A list that holds sequences, tensors, slices, None or Ellipsis counts as a tuple."""
    parts = (Tensor, ndarray, list, tuple, slice, type(None), type(Ellipsis))
    if not any(isinstance(k, parts) for k in key):
        return (key,)
    warnings.warn(
        "Using a non-tuple sequence for multidimensional indexing is deprecated: use x[tuple(seq)] instead "
        "of x[seq]",
        UserWarning, stacklevel=4,
    )  # fmt: skip
    return tuple(key)


def _normal(k: Any) -> Any:
    """One entry of a key as an int, a plain slice, None, Ellipsis or an index tensor."""
    if k is None or k is Ellipsis or type(k) is int:
        return k
    if isinstance(k, slice):
        return slice(*(b if _plain(b) else _step(b) for b in (k.start, k.stop, k.step)))
    if isinstance(k, (bool, np.bool_)):
        return Tensor._wrap(np.asarray(k, dtype=np.bool_))
    if isinstance(k, Tensor):
        kind = FROM_NUMPY[k._a.dtype].category
        if kind > INT:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if k._a.dtype == np.uint8:
            return compare.ne(k, 0)
        return k if k._a.ndim or kind == BOOL or not plain(k._a) else int(k._a)
    if hasattr(k, "__index__") and not isinstance(k, ndarray):
        return int(k.__index__())
    if isinstance(k, (list, tuple, range, ndarray)):
        array = np.asarray(k)
        if not array.size and array.dtype.kind == "f":
            array = array.astype(np.int64)
        if array.dtype.kind not in "biu":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return _normal(Tensor._wrap(array))
    refusal = TypeError if isinstance(k, str) else IndexError
    raise refusal(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(k).__name__})"
    )


def _consumed(k: Any) -> int:
    """How many dimensions of the tensor an entry of the key uses up."""
    if k is None or k is Ellipsis:
        return 0
    return k._a.ndim if isinstance(k, Tensor) and k._a.dtype == np.bool_ else 1


def _general(x: Tensor, key: Key) -> tuple[Any, list[tuple[int, Tensor]]]:
    used = sum(map(_consumed, key))
    if used > x._a.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x._a.ndim}")
    basic: list[Any] = []
    found: list[tuple[int, Tensor]] = []
    at = source = 0
    for k in key:
        if k is Ellipsis:
            free = x._a.ndim - used
            basic += [ALL] * free
            at, source = at + free, source + free
        elif isinstance(k, Tensor):
            n = _consumed(k)
            if k._a.dtype == np.bool_ and n:
                _check_mask(k, x, source)
            found.append((at, k))
            basic += [ALL] * n if n else [None]
            at, source = at + max(n, 1), source + n
        else:
            basic.append(k)
            at += type(k) is not int
            source += k is not None
    trivial = all(type(k) is slice and k == ALL for k in basic)
    return (None if trivial and found else tuple(basic)), found


def _check_mask(mask: Tensor, x: Tensor, dim: int) -> None:
    shape = x._a.shape[dim : dim + mask._a.ndim]
    for i, (m, n) in enumerate(zip(mask._a.shape, shape)):
        if m != n:
            raise IndexError(
                f"The shape of the mask {list(mask._a.shape)} at index {i} does not match the shape of the "
                f"indexed tensor {list(x._a.shape)} at index {dim + i}"
            )


def joined(x: Tensor, indices: list[tuple[int, Tensor]]) -> tuple[Key, Tensor]:
    """The key with its INDEX marks and the one index argument (see NOTE [Keys] in ops/index.py)."""
    if len(indices) == 1:
        dim, ix = indices[0]
        if (
            ix._a.dtype != np.bool_
            or ix._a.ndim == 1
            or (ix._a.ndim > 1 and not dim and ix._a.ndim == x._a.ndim)
        ):
            return (ALL,) * dim + (INDEX,), ix
    placed: list[tuple[int, Tensor]] = []
    for dim, ix in indices:
        if ix._a.dtype == np.bool_:
            places = np.nonzero(np.atleast_1d(shaping("select by a mask", ix)))
            placed += [(dim + i, Tensor._wrap(p)) for i, p in enumerate(places)]
        else:
            placed.append((dim, ix if ix._a.dtype == np.int64 else cast(ix, int64)))
    key: list[Any] = [ALL] * (placed[-1][0] + 1)
    for dim, _ in placed:
        key[dim] = INDEX
    if len(placed) == 1:
        return tuple(key), placed[0][1]
    try:
        shape = np.broadcast_shapes(*(ix._a.shape for _, ix in placed))
    except ValueError:
        shapes = ", ".join(str(list(ix._a.shape)) for _, ix in placed)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    return tuple(key), stack([ix if ix._a.shape == shape else expand(ix, shape) for _, ix in placed], 0)


Tensor.__getitem__ = getitem  # type: ignore[assignment, method-assign]
Tensor.__setitem__ = setitem  # type: ignore[assignment, method-assign]
__all__: list[str] = []
