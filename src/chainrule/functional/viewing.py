"""The short path of view operations: what bind() and link_view() do, with nothing left to decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tape import Node, clock, mode
from ..dispatch import bind, join_views, where, worded
from ..ops import movement
from ..ops.record import Op, Spec
from ..tensor import Tensor, new_tensor
from ..types import FROM_NUMPY

ndarray = np.ndarray


def view_of(op: Op, x: Tensor, *attrs: Any) -> Tensor:
    """op(x, *attrs) for a record with `view`, recorded and linked to the tensor that owns the memory."""
    a = x._a
    if type(a) is not ndarray or a.dtype.kind == "c" or clock.tracer is not None:
        return bind(op, (x, *attrs))
    try:
        out = op.forward(a, *attrs)
    except (ValueError, IndexError, TypeError) as error:
        raise worded(op, (x, *attrs), error) from None
    r: Tensor = new_tensor(Tensor)
    r._a = out
    n = x._node
    if n is not None and op.vjp is not None and mode.grad:
        args = (Spec(a.shape, FROM_NUMPY[a.dtype]) if op.sizes else None, *attrs)
        r._node = Node(op, args, args, None, (n,), out.shape, where())
    else:
        r._node = None
    base = out.base
    shared = base is a or (base is not None and (base is a.base or np.may_share_memory(out, a)))
    if shared:
        join_views(op, x, r, attrs)
    return r


def detach(input: Tensor) -> Tensor:
    """The same memory without history: no gradient flows through."""
    return view_of(movement.detach, input)


Tensor.detach = detach  # type: ignore[attr-defined]
__all__ = ["detach"]
