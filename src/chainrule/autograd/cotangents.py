"""What a backward pass starts from: the roots as a tuple, and one cotangent for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from ..types import dtype_of
from .faults import not_scalar


def as_tuple(x: Any) -> tuple[Any, ...]:
    """A tensor or several as a tuple; TypeError for anything else."""
    if isinstance(x, Tensor):
        return (x,)
    listed = tuple(x)
    for t in listed:
        if t is not None and not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor or a sequence of Tensors, but got an element of type {type(t).__name__}"
            )
    return listed


def cotangents_of(roots: tuple[Tensor, ...], given: Any) -> list[Tensor]:
    """The cotangent of each root: the one given, in the root's dtype, or 1 for a root of one element."""
    vs = (None,) * len(roots) if given is None else as_tuple(given)
    if len(vs) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(vs)} gradients")
    out: list[Tensor] = []
    for t, v in zip(roots, vs):
        if v is None:
            if t._node is not None and t._a.size != 1:
                raise RuntimeError(not_scalar(t))
            v = Tensor._wrap(one_like(t._a))
        elif v._a.shape != t._a.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{len(out)}] has a shape of {v.shape} "
                f"and output[{len(out)}] has a shape of {t.shape}."
            )
        elif v._a.dtype != t._a.dtype:
            v = v.to(t.dtype)
        out.append(v)
    return out


_ONES: dict[Any, Any] = {}
_FLOAT32 = np.dtype(np.float32)


def one_like(a: Any) -> Any:
    """The cotangent 1 of a one-element result, kept and read-only."""
    key = a.shape if a.dtype is _FLOAT32 else (a.shape, a.dtype)
    one = _ONES.get(key)
    if one is None:
        if a.dtype.kind == "c":
            raise RuntimeError(
                f"grad can be implicitly created only for real scalar outputs but got {dtype_of(a)}"
            )
        _ONES[key] = one = np.ones(a.shape, a.dtype)
        one.flags.writeable = False
    return one
