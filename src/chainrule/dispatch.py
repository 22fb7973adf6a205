"""From an operation's record to an eager call on tensors: promotion, the array computation, the tape.

`bind` is the general path; quick.py makes shorter ones for the everyday arguments.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np

from .autograd.tape import Node, Output, clock, mode
from .ops import movement
from .ops.record import Op, Spec
from .tensor import Tensor, new_tensor
from .types import (
    FLOAT,
    FROM_NUMPY,
    INT,
    DType,
    bfloat16,
    default,
    dtype_of,
    result_type,
    scalar_dtype,
)

ndarray = np.ndarray
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
    tracer = clock.tracer
    if tracer is not None:
        if tracer.sees():
            args = tracer.entered(op, args)
        else:
            tracer = None
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
        out = op.forward(*saved) if tracer is None else tracer.apply(op, saved)
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
    if op.drops:  # keep no intermediate alive whose values the rules do not read
        if n < 0:
            specs = tuple([Spec(a.shape, dtype_of(a)) for a in saved[0]])
            known = tuple([x if e is None else s for x, e, s in zip(args[0], edges, specs)])
            args, saved = (known, *args[1:]), (specs, *args[1:])
        else:
            kept, kept_args = list(saved), list(args)
            for i in op.drops:
                a = saved[i]
                kept[i] = Spec(a.shape, FROM_NUMPY[a.dtype]) if i in op.sizes and a is not None else None
                if edges[i] is not None:
                    kept_args[i] = kept[i]
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
    if not isinstance(out, ndarray) or out.base is None:
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


Tensor._apply = lambda self, op, args: bind(op, args)  # type: ignore[method-assign]
