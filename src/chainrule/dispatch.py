"""From an operation's record to an eager call on tensors: promotion, the array computation, the tape.

`bind` is the general path. Elementwise operations on tensors of one dtype take a shorter one, made per record
by `unary`, `binary` and `scalar_right`: the same steps with nothing left to decide.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .autograd.tape import Node, Output, clock, mode, tick
from .ops import movement
from .ops.record import Op, Spec
from .tensor import Tensor, new_tensor
from .types import (
    BOOL,
    FLOAT,
    FROM_NUMPY,
    INT,
    DType,
    bfloat16,
    default,
    dtype_of,
    promote_types,
    result_type,
    scalar_dtype,
)

ndarray = np.ndarray
new_node: Callable[[type[Node]], Node] = object.__new__
_NONE1, _NONE2 = (None,), (None, None)
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_CONSTANTS: dict[Any, dict[Any, Any]] = {_F32: {}, _F64: {}}
_HERE = __name__.rpartition(".")[0] + "."


_USER: dict[int, Any] = {}  # code objects known to be the user's, by id (kept, so that an id stays theirs),
_OWN: dict[int, Any] = {}  # … and this package's


def where(depth: int = 2) -> Any:
    """The user's line, as (code, instruction): cheap to take, worded only when an error needs it."""
    frame: Any = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        key = id(code)
        if key in _USER:
            return code, frame.f_lasti
        if key not in _OWN:
            own = frame.f_globals.get("__name__", "").startswith(_HERE)
            known = _OWN if own else _USER
            if len(known) < 10_000:
                known[key] = code
            if not own:
                return code, frame.f_lasti
        frame = frame.f_back
    return None


def constant(value: Any, dtype: Any) -> Any:
    """A Python number as a 0-dim array of `dtype`, kept: NumPy converts a number anew at each use."""
    kept = _CONSTANTS.get(dtype)
    if kept is None or not value:
        return np.array(value).astype(dtype)
    found = kept.get(value)
    if found is None:
        if len(kept) > 512:
            kept.clear()
        found = np.array(value, dtype)
        found.flags.writeable = False
        kept[value] = found
    return found


# ----- the general path


def bind(op: Op, args: tuple[Any, ...]) -> Any:
    """Apply `op` to tensors and attributes: compute on the arrays, record if a gradient is wanted."""
    if op.promote:
        args = _promoted(op, args)
    n = op.nargs
    if n == 1:
        x = args[0]
        a = x._array() if op.view else x._a
        edge = x._node
        edges: Any = (edge,)
        tracked = edge is not None
        saved = (a,) if len(args) == 1 else (a, *args[1:])
    else:
        operands = args[0] if n < 0 else args[:n]
        arrays = []
        edges = []
        tracked = False
        for x in operands:
            if isinstance(x, Tensor):
                arrays.append(x._a)
                edge = x._node
                edges.append(edge)
                if edge is not None:
                    tracked = True
            else:
                arrays.append(x)
                edges.append(None)
        saved = (tuple(arrays), *args[1:]) if n < 0 else (*arrays, *args[n:])
    try:
        out = op.forward(*saved)
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        raise worded(op, args, error) from None
    if op.promote and getattr(saved[0], "dtype", None) == bfloat16.np and op.dtype == "same":
        out = out.astype(bfloat16.np, copy=False)  # ml_dtypes turns bfloat16 with Python numbers into float32
    node = _record(op, args, saved, out, edges) if tracked and mode.grad and op.differentiable else None
    if op.outputs != 1:
        return _several(op, out, node)
    result = new_tensor(Tensor)
    result._a = out
    result._node = node
    if op.view:
        link_view(op, args[0], result, args)
    return result


def _record(op: Op, args: Any, saved: Any, out: Any, edges: Any) -> Node | None:
    n = op.nargs
    if op.outputs == 1 and out.dtype.kind in "iub":  # x.long(): whole numbers have no gradient
        return None
    if op.drops:  # keep no tensor alive whose values the rules do not read
        if n < 0:
            specs = tuple([Spec(a.shape, dtype_of(a)) for a in saved[0]])
            args = saved = (specs, *args[1:])
        else:
            kept, kept_args = list(saved), list(args)
            for i in op.drops:
                a = saved[i]
                kept[i] = kept_args[i] = (
                    Spec(a.shape, FROM_NUMPY[a.dtype]) if i in op.sizes and a is not None else None
                )
            args, saved = tuple(kept_args), tuple(kept)
    if op.outputs != 1:
        shape: Any = [(o.shape, o.dtype) for o in out]
        complex_ = any(o.dtype.kind == "c" for o in out)
    else:
        shape = out.shape
        complex_ = out.dtype.kind == "c"
    if complex_:
        clock.complex = True
    return Node(op, args, saved, out if op.reads_y else None, tuple(edges), shape, where(3))


def _several(op: Op, out: Any, node: Node | None) -> list[Tensor]:
    results = []
    for i, array in enumerate(out):
        result = new_tensor(Tensor)
        result._a = array
        result._node = None
        if node is not None:
            read = i in op.reads_outputs
            if FROM_NUMPY[array.dtype].category >= FLOAT:
                result._node = place = Output(node, i, array.shape)
                place.y = array if read else None
            elif read:
                result._read_by = weakref.ref(node)
        results.append(result)
    return results


def link_view(op: Op, source: Tensor, result: Tensor, args: tuple[Any, ...]) -> None:
    """Make `result` a view of `source`'s root if NumPy shared the memory (a reshape may have copied)."""
    out, a = result._a, source._a
    if type(out) is not ndarray or out.base is None:
        return
    if out.base is not a and out.base is not a.base and not np.may_share_memory(out, a):
        return
    join_views(op, source, result, args[1:])


def join_views(op: Op, source: Tensor, result: Tensor, attrs: tuple[Any, ...]) -> None:
    """Note `result` as the view of `source` that op(source, *attrs) makes."""
    root = source._base if source._base is not None else source
    result._base = root
    result._chain = (*source._chain, (op, attrs))
    views = root._views
    if views is None:
        root._views = views = []
    elif len(views) > 32 and not len(views) & (len(views) - 1):
        views[:] = [v for v in views if v() is not None]
    views.append(weakref.ref(result))


def worded(op: Op, args: tuple[Any, ...], error: Exception) -> Exception:
    """The type rule's own words for what NumPy refused; NumPy's words if the rule finds nothing wrong."""
    try:
        op.shape(*_specs(op, args))
        if op.refuses:
            op.require(_specs(op, args), next(x.dtype for x in args if isinstance(x, Tensor)))
    except Exception as better:
        return better
    if isinstance(error, ValueError):
        return RuntimeError(f"{op.name}: {error}")
    return error


def _specs(op: Op, args: tuple[Any, ...]) -> list[Any]:
    def spec(x: Any) -> Any:
        return Spec(x._a.shape, dtype_of(x._a)) if isinstance(x, Tensor) else x

    if op.nargs < 0:
        return [[spec(x) for x in args[0]], *args[1:]]
    return [spec(x) for x in args]


# ----- promotion


def _promoted(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments in one dtype: tensors cast by a recorded `to`, numbers as 0-dim constants."""
    target = promoted_dtype(op, args)
    if op.refuses:
        op.require(_specs(op, args), target)
    out = []
    for i, x in enumerate(args):
        if i in op.promote and x is not None:
            if isinstance(x, Tensor):
                if x._a.dtype != target.np:
                    x = cast(x, target)
            elif not (op.weak and target.category >= FLOAT):
                x = constant(x, target.np)
        out.append(x)
    return tuple(out)


def promoted_dtype(op: Op, args: tuple[Any, ...]) -> DType:
    """The dtype in which an elementwise operation computes on these arguments."""
    operands = []
    for i in op.promote:
        x = args[i]
        if isinstance(x, Tensor):
            operands.append((dtype_of(x._a), x._a.ndim))
        elif x is not None:
            try:
                operands.append((scalar_dtype(x), None))
            except TypeError:
                raise TypeError(
                    f"{op.name}(): argument {i + 1} must be Tensor, not {type(x).__name__}"
                ) from None
    target = result_type(operands)
    if op.floats and target.category <= INT:
        target = default.dtype
    return target


def cast(x: Tensor, dtype: DType) -> Tensor:
    """`x` in another dtype; the gradient is cast back."""
    if x._a.dtype == dtype.np:
        return x
    return bind(movement.to, (x, dtype))


# ----- the short paths: one function per elementwise record


def unary(op: Op) -> Callable[[Tensor], Tensor]:
    """The eager function of a one-argument elementwise record."""
    f, picky = op.forward, op.floats or op.refuses
    keep = op.differentiable

    def call(x: Tensor) -> Tensor:
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

    return call


def direct(op: Op) -> Callable[..., Tensor]:
    """The eager function (x, *attributes) of a structured record: one tensor, one result, no view."""
    f, keep = op.forward, op.differentiable

    def call(x: Tensor, *attrs: Any) -> Tensor:
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
        a = x._a
        kind = a.dtype
        if isinstance(y, Tensor):
            b = y._a
            m = y._node
            if b.dtype is not kind or (picky and kind is not _F32 and kind is not _F64):
                return bind(op, (x, y))
        else:
            m = None
            t = type(y)
            if kind is _F32 or kind is _F64:
                if t is not float and t is not int:
                    return other(op, x, y)
                b = y if weak else constant(y, kind) if type(a) is ndarray else kind.type(y)
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
            else:
                node.args = node.saved = _NONE2
            node.y = out if op.reads_y else None
            node.edges = (n, m)
            node.shape = out.shape
            node.where = where()
            node.seq = tick()
            node.g = node.extra = None
        else:
            r._node = None
        return r

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


Tensor._apply = lambda self, op, args: bind(op, args)  # type: ignore[method-assign]

__all__ = [
    "BOOL",
    "bind",
    "binary",
    "cast",
    "constant",
    "direct",
    "promote_types",
    "reverse",
    "unary",
    "where",
]
