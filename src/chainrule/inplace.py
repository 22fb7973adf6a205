"""In-place changes: written into the tensor's own memory, recorded as if out of place, seen by every view.

NOTE [In place] `x.mul_(y)` records `x_new = mul(x_old, y)`, writes x_new's values into x's memory and gives x
the new node. If x is a view, its root gets a node that scatters the new part into the old whole, and every
living view of the root is derived from it anew.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .autograd.tape import RETAIN, Node, Output, clock, mode, tick
from .dispatch import bind, cast, constant, where
from .errors import message, source_line
from .ops.movement import detach, view_scatter
from .ops.rearrange import clone
from .ops.record import Op
from .tensor import Tensor, new_tensor
from .types import BOOL, FROM_NUMPY, dtype_of, scalar_dtype, scalar_type

ndarray = np.ndarray
_F32 = np.dtype(np.float32)
CHANGES: dict[Callable[..., Any], Op] = {}  # the short methods made here, which native ones may replace
_IN_PLACE = {
    operator.add: operator.iadd, operator.sub: operator.isub, operator.mul: operator.imul,
    operator.truediv: operator.itruediv, operator.pow: operator.ipow,
}  # fmt: skip


def touch(x: Tensor, spot: Any) -> None:
    """Note on x's root that its memory has changed, and on its node if that saved the old values."""
    root = x._base if x._base is not None else x
    root._stamp = clock.touched = tick()
    root._touched = spot
    for t in (root, x):
        node = t._node
        if node is not None and node.y is not None:
            _spoil(node, spot)
    reader = None if root._read_by is None else root._read_by()
    if reader is not None:
        _spoil(reader, spot)


def _spoil(node: Node, spot: Any) -> None:
    """Note on the node that its saved result was changed."""
    parent = node.edges[0] if type(node) is Output else node
    if parent is not None:
        parent.more().dirty = spot


def require_writable(x: Tensor) -> None:
    """Refuse the in-place change that autograd cannot follow: of a leaf that requires grad."""
    if not mode.grad:
        return
    root = x._base
    if x._node is not None and x.is_leaf:
        raise RuntimeError(
            _leaf("a leaf Variable that requires grad is being used in an in-place operation.", x)
        )
    if root is not None and root._node is not None and root.is_leaf and _detached_at(x) is None:
        raise RuntimeError(
            _leaf(
                "a view of a leaf Variable that requires grad is being used in an in-place operation.", root
            )
        )


def _leaf(what: str, x: Tensor) -> str:
    return message(
        what,
        came=f"a leaf of shape {tuple(x._a.shape)}, changed at {source_line(where())}",
        expected="leaves keep the values that the recorded operations were computed from",
        fix="wrap an update in `with torch.no_grad():`, or compute a new tensor (w = w - lr * g)",
    )


def assign(x: Tensor, r: Tensor, spot: Any) -> Tensor:
    """Write the recorded result `r` into x's memory and give x its place on the tape: NOTE [In place]."""
    a = x._array()
    out = r._a if clock.tracer is None else r._array()
    kind = FROM_NUMPY[out.dtype].category
    if kind > FROM_NUMPY[a.dtype].category:
        raise RuntimeError(f"result type {_kind(out)} can't be cast to the desired output type {_kind(a)}")
    if out.shape != a.shape:
        try:
            fits = np.broadcast_shapes(out.shape, a.shape) == a.shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"output with shape {list(a.shape)} doesn't match the broadcast shape {list(out.shape)}"
            )
        r = r.expand(a.shape)
    if out.dtype != a.dtype:
        r = cast(r, dtype_of(a))
    require_own_memory(a)
    a[...] = r._a
    touch(x, spot)
    if r._node is not None or x._node is not None:
        rebase(x, r)
    return x


def _kind(a: Any) -> str:
    return scalar_type(dtype_of(a))


def require_own_memory(a: Any) -> None:
    if not a.flags.writeable or (
        a.size and 0 in a.strides and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape))
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )


def rebase(x: Tensor, r: Tensor) -> None:
    """Give x (and its root, and the root's views) the node of the value just written."""
    if not mode.grad:
        return
    root = x._base if x._base is not None else x
    mark = _detached_at(x)
    family = [
        v
        for v in (reference() for reference in root._views or ())
        if v is not None and _detached_at(v) is mark
    ]
    if mark is not None:
        root = next(
            (v for v in family if v._chain[-1] is mark), x
        )  # x, if the detached tensor itself is gone
    if root is not x:
        old = new_tensor(Tensor)
        old._a, old._node = root._a, root._node
        _replace(root, bind(view_scatter, (old, r, x._chain[len(root._chain) :]))._node)
    _replace(x, r._node)
    for view in family:
        if view is not x and view is not root and all(a is b for a, b in zip(root._chain, view._chain)):
            _rederive(view, root)


def _detached_at(x: Tensor) -> Any:
    """The step of x's chain that made the detached tensor it is a view of; autograd stops there."""
    return next((step for step in reversed(x._chain) if step[0] is detach), None)


def _replace(x: Tensor, node: Node | None) -> None:
    """Give x its new place on the tape; what retain_grad() asked for moves there with it."""
    keep = x.__dict__.get("_keeps")
    if keep is not None:
        if x._node is not None and x._node.extra is not None:
            x._node.extra.prehooks.pop(RETAIN, None)
        if node is not None:
            node.more().prehooks[RETAIN] = keep
    x._node = node


def _rederive(view: Tensor, root: Tensor) -> None:
    """Record the view's operations anew on the changed root."""
    t = new_tensor(Tensor)
    t._a, t._node = root._a, root._node
    for op, attrs in view._chain[len(root._chain) :]:
        t = bind(op, (t, *attrs))
    _replace(view, t._node)


def old_value(x: Tensor, copy: bool) -> Tensor:
    """x as it is before the change, for the record: with its own memory if the rule will read the values."""
    t: Tensor = new_tensor(Tensor)
    t._a, t._node = x._a if clock.tracer is None else x._array(), None
    if copy:
        t._a = t._a.copy() if plain(t._a) else bind(clone, (t,))._a
    t._node = x._node
    return t


def plain(a: Any) -> bool:
    """Whether a short cut may compute on `a` itself: it is NumPy's own, and no tracer has to see it."""
    tracer = clock.tracer
    return (type(a) is ndarray or isinstance(a, np.generic)) and (tracer is None or not tracer.here())


def inplace(op: Op, function: Callable[..., Tensor] | None = None) -> Callable[..., Tensor]:
    """`x.op_(…)` for a record whose first argument is x (through `function` if bind is not enough)."""

    def method(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        require_writable(x)
        source = old_value(x, 0 in op.reads) if mode.grad else x
        r = function(source, *args, **kwargs) if function is not None else bind(op, (source, *args))
        return assign(x, r, where())

    quick = _IN_PLACE.get(op.forward)
    return method if quick is None or function is not None else _quick(op, quick, method)


def _quick(
    op: Op, change: Callable[[Any, Any], Any], general: Callable[..., Tensor]
) -> Callable[..., Tensor]:
    """The everyday `x -= y`: nothing to record, floats of one dtype, y of x's shape or a number."""
    weak = op.weak

    def method(x: Tensor, y: Any) -> Tensor:
        a = x._a
        if type(a) is ndarray and (x._node is None or not mode.grad) and clock.tracer is None:
            kind = a.dtype
            if isinstance(y, Tensor):
                b = y._a
                fits = b.dtype is kind and (y._node is None or not mode.grad)
            else:
                fits = type(y) is float or type(y) is int
                b = constant(y, kind) if fits and not weak else y
            if fits and (kind is _F32 or kind.kind == "f") and (a.base is None or 0 not in a.strides):
                try:
                    change(a, b)
                except ValueError:  # shapes that do not fit, or memory that is read-only
                    return general(x, y)  # words the error
                if x._base is None:
                    x._stamp = clock.touched = tick()
                    x._touched = spot = where()
                    node = x._node
                    if node is not None and node.y is not None:
                        _spoil(node, spot)
                else:
                    touch(x, where())
                return x
        return general(x, y)

    CHANGES[method] = op
    return method


__all__ = [
    "BOOL",
    "Node",
    "assign",
    "inplace",
    "old_value",
    "plain",
    "rebase",
    "require_own_memory",
    "require_writable",
    "scalar_dtype",
    "touch",
]
