"""The short paths of eager calls: per record a function with nothing left to decide for everyday arguments.

Elementwise operations on tensors of one dtype take the steps of dispatch.py's `bind`, written out; all other
arguments go to `bind` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .autograd.tape import Node, clock, mode, tick
from .dispatch import bind, constant, where, worded
from .ops.record import Op, Spec
from .tensor import Tensor, new_tensor
from .types import FROM_NUMPY, scalar_dtype

ndarray = np.ndarray
new_node: Callable[[type[Node]], Node] = object.__new__
_NONE1, _NONE2 = (None,), (None, None)
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
SHORT: dict[Callable[..., Any], Op] = {}  # the functions made here, which native ones may replace


def unary(op: Op) -> Callable[[Tensor], Tensor]:
    """The eager function of a one-argument elementwise record."""
    f, picky = op.forward, op.floats or op.refuses
    keep = op.differentiable

    def call(x: Tensor) -> Tensor:
        if clock.tracer is not None:
            return bind(op, (x,))
        a = x._a
        if picky and (kind := a.dtype) is not _F32 and kind is not _F64:
            return bind(op, (x,))
        try:
            out = f(a)
        except (ValueError, TypeError) as error:
            raise worded(op, (x,), error) from None
        r = new_tensor(Tensor)
        r._a = out
        n = x._node
        if n is not None and keep and mode.grad:
            node = r._node = new_node(Node)
            node.op = op
            if op.reads:
                node.args, node.saved = (x,), (a,)
            else:
                node.args = node.saved = _NONE1
            node.y = out if op.reads_y else None
            node.edges = (n,)
            node.shape = out.shape
            node.where = where()
            node.seq = tick()
            node.g = node.extra = None
        else:
            r._node = None
        return r

    SHORT[call] = op
    return call


def direct(op: Op) -> Callable[..., Tensor]:
    """The eager function (x, *attributes) of a structured record: one tensor, one result, no view."""
    f, keep = op.forward, op.differentiable

    def call(x: Tensor, *attrs: Any) -> Tensor:
        if clock.tracer is not None:
            return bind(op, (x, *(a.item() if isinstance(a, ndarray) and not a.ndim else a for a in attrs)))
        a = x._a
        n = x._node
        try:
            out = f(a, *attrs)
        except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
            raise worded(op, (x, *attrs), error) from None
        r = new_tensor(Tensor)
        r._a = out
        r._node = None
        if n is not None and keep and mode.grad:
            if op.reads:
                args, saved = (x, *attrs), (a, *attrs)
            else:
                args = saved = (Spec(a.shape, FROM_NUMPY[a.dtype]), *attrs)
            if a.dtype.kind == "c":
                clock.complex = True
            r._node = Node(op, args, saved, out if op.reads_y else None, (n,), out.shape, where())
        return r

    return call


def binary(op: Op) -> Callable[[Tensor, Any], Tensor]:
    """The eager function of a two-argument elementwise record, for a tensor and a tensor or number."""
    f, weak, keep = op.forward, op.weak, op.differentiable
    picky = op.floats or op.refuses not in ("", "B")

    def call(x: Tensor, y: Any) -> Tensor:
        if clock.tracer is not None:
            return other(op, x, y)
        a = x._a
        kind = a.dtype
        t = type(y)
        if t is float or t is int:
            m = None
            if kind is not _F32 and kind is not _F64:
                return other(op, x, y)
            b = y if weak else constant(y, kind) if type(a) is ndarray else kind.type(y)
        elif t is Tensor or isinstance(y, Tensor):
            b = y._a
            m = y._node
            if b.dtype is not kind or (picky and kind is not _F32 and kind is not _F64):
                return bind(op, (x, y))
        else:
            return other(op, x, y)
        try:
            out = f(a, b)
        except (ValueError, TypeError) as error:
            raise worded(op, (x, y), error) from None
        r = new_tensor(Tensor)
        r._a = out
        n = x._node
        if (n is not None or m is not None) and keep and mode.grad:
            node = r._node = new_node(Node)
            node.op = op
            if op.reads:
                node.args, node.saved = (x, y), (a, b)
            else:  # constants stay, for whoever wants to know what was computed
                node.args = (x, None) if n is None else (None, y) if m is None else _NONE2
                node.saved = _NONE2
            node.y = out if op.reads_y else None
            node.edges = (n, m)
            node.shape = out.shape
            node.where = where()
            node.seq = tick()
            node.g = node.extra = None
        else:
            r._node = None
        return r

    SHORT[call] = op
    return call


def other(op: Op, x: Tensor, y: Any) -> Any:
    """`x op y` for anything but the everyday pair: numbers of another category, NumPy scalars and arrays."""
    if isinstance(y, ndarray) and y.ndim:
        y = Tensor._wrap(y)
    elif isinstance(y, (ndarray, np.generic)):
        y = y.item()
    try:
        scalar_dtype(y) if not isinstance(y, Tensor) else None
    except TypeError:
        return NotImplemented
    return bind(op, (x, y))


def reverse(op: Op) -> Callable[[Tensor, Any], Tensor]:
    """`y op x` for a Python number y on the left."""

    def call(x: Tensor, y: Any) -> Tensor:
        if isinstance(y, ndarray) and y.ndim:
            y = Tensor._wrap(y)
        elif isinstance(y, (ndarray, np.generic)):
            y = y.item()
        elif not isinstance(y, (int, float, complex, Tensor)):
            return NotImplemented
        return bind(op, (y, x))

    return call
