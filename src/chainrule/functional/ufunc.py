"""NumPy's functions on tensors: np.exp(t), np.add(array, t) are recorded like the tensor's own operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import bind
from ..ops import arithmetic, bitwise, compare, exponential, rounding, select, trigonometric
from ..ops.product import matmul
from ..ops.record import Op
from ..tensor import Tensor
from .api import write

_OPS: dict[str, Op] = {
    "add": arithmetic.add,
    "subtract": arithmetic.sub,
    "multiply": arithmetic.mul,
    "divide": arithmetic.div,
    "true_divide": arithmetic.div,
    "floor_divide": arithmetic.floor_divide,
    "remainder": arithmetic.remainder,
    "fmod": arithmetic.fmod,
    "power": arithmetic.pow,
    "negative": arithmetic.neg,
    "square": arithmetic.square,
    "sqrt": arithmetic.sqrt,
    "reciprocal": arithmetic.reciprocal,
    "hypot": arithmetic.hypot,
    "gcd": arithmetic.gcd,
    "lcm": arithmetic.lcm,
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "log": exponential.log,
    "log2": exponential.log2,
    "log10": exponential.log10,
    "log1p": exponential.log1p,
    "logaddexp": exponential.logaddexp,
    "logaddexp2": exponential.logaddexp2,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
    "tan": trigonometric.tan,
    "arcsin": trigonometric.asin,
    "arccos": trigonometric.acos,
    "arctan": trigonometric.atan,
    "arctan2": trigonometric.atan2,
    "sinh": trigonometric.sinh,
    "cosh": trigonometric.cosh,
    "tanh": trigonometric.tanh,
    "arcsinh": trigonometric.asinh,
    "arccosh": trigonometric.acosh,
    "arctanh": trigonometric.atanh,
    "deg2rad": trigonometric.deg2rad,
    "radians": trigonometric.deg2rad,
    "rad2deg": trigonometric.rad2deg,
    "degrees": trigonometric.rad2deg,
    "absolute": rounding.abs,
    "fabs": rounding.abs,
    "sign": rounding.sign,
    "floor": rounding.floor,
    "ceil": rounding.ceil,
    "trunc": rounding.trunc,
    "copysign": rounding.copysign,
    "signbit": rounding.signbit,
    "heaviside": rounding.heaviside,
    "nextafter": rounding.nextafter,
    "maximum": select.maximum,
    "minimum": select.minimum,
    "fmax": select.fmax,
    "fmin": select.fmin,
    "equal": compare.eq,
    "not_equal": compare.ne,
    "less": compare.lt,
    "less_equal": compare.le,
    "greater": compare.gt,
    "greater_equal": compare.ge,
    "isnan": compare.isnan,
    "isinf": compare.isinf,
    "isfinite": compare.isfinite,
    "logical_not": compare.logical_not,
    "logical_and": compare.logical_and,
    "logical_or": compare.logical_or,
    "logical_xor": compare.logical_xor,
    "bitwise_and": bitwise.bitwise_and,
    "bitwise_or": bitwise.bitwise_or,
    "bitwise_xor": bitwise.bitwise_xor,
    "invert": bitwise.bitwise_not,
    "left_shift": bitwise.bitwise_left_shift,
    "right_shift": bitwise.bitwise_right_shift,
}
# by the tensor's own methods: more than one record, or not elementwise
_METHODS: dict[str, Callable[..., Any]] = {
    "matmul": lambda a, b: a @ b, "conjugate": lambda a: a.conj(), "positive": lambda a: a.positive(),
    "rint": lambda a: a.round(), "float_power": lambda a, b: a.float_power(b),
}  # fmt: skip
_REDUCTIONS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "amax",
    "minimum": "amin",
    "logical_and": "all",
    "logical_or": "any",
    "logaddexp": "logsumexp",
}


def record_of(ufunc: np.ufunc) -> Op | None:
    """The record that computes what an elementwise ufunc does (and `matmul`); None if there is none."""
    return matmul if ufunc is np.matmul else _OPS.get(ufunc.__name__)


def apply(ufunc: np.ufunc, how: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy calls for `ufunc(...)` or `ufunc.reduce(...)` on a tensor: the record of that name.

    Raises TypeError for a ufunc or method that has none.
    """
    name = ufunc.__name__
    out = kwargs.pop("out", None)
    if how == "reduce" and name in _REDUCTIONS:
        result = _reduced(name, inputs[0], kwargs)
    elif how == "__call__" and not kwargs and (name in _OPS or name in _METHODS):
        operands = tuple(_operand(x) for x in inputs)
        result = bind(_OPS[name], operands) if name in _OPS else _METHODS[name](*operands)
    else:
        raise TypeError(_unsupported(name, how, kwargs))
    return result if out is None else _written(name, out[0], result)


def _operand(x: Any) -> Any:
    """Arrays join as constants; NumPy scalars count as the numbers they are."""
    if isinstance(x, np.ndarray):
        return Tensor._wrap(x)
    return x.item() if isinstance(x, np.generic) else x


def _reduced(name: str, x: Tensor, kwargs: dict[str, Any]) -> Any:
    axis, keep = kwargs.pop("axis", 0), kwargs.pop("keepdims", False)
    if kwargs.pop("dtype", None) is not None or kwargs:
        raise TypeError(_unsupported(name, "reduce", kwargs))
    function = getattr(x, _REDUCTIONS[name])
    dims = tuple(range(x.ndim)) if axis is None else axis
    return function(dims, keep)


def _written(name: str, out: Any, result: Tensor) -> Any:
    if isinstance(out, Tensor):
        return write(out, result)
    if result.requires_grad:
        raise TypeError(
            f"np.{name}(..., out=<ndarray>) would lose the gradient of its tensor argument: leave out= away, "
            "or pass tensor.detach()"
        )
    out[...] = result._a
    return out


def _unsupported(name: str, how: str, kwargs: dict[str, Any]) -> str:
    call = f"np.{name}" if how == "__call__" else f"np.{name}.{how}"
    given = f" with {', '.join(sorted(kwargs))}=" if kwargs else ""
    return (
        f"{call}(){given} has no differentiable counterpart for tensors: use a tensor operation, or compute "
        "on tensor.detach().numpy() if no gradient is needed"
    )


__all__ = ["apply", "record_of"]
