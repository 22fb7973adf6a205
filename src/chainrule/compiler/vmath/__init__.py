"""Functions of float and double, scalar or in vector lanes, written as IR: `FUNCTIONS[name](f, x, …)`.

The everyday ones are polynomials without branches; the rare ones call libm lane by lane. Results are within
2 ulp (3 where the target has no fma); infinities, NaN, denormals and -0 give what NumPy gives.
"""

from __future__ import annotations

from collections.abc import Callable

from ..builder import Function, Value
from . import error_function, exponential, logarithm, power, trigonometric
from .basics import libm

Emitter = Callable[..., Value]


def _by_libm(name: str) -> Emitter:
    def emit(f: Function, *arguments: Value) -> Value:
        return libm(f, name, *arguments)

    return emit


def _by_processor(name: str) -> Emitter:
    def emit(f: Function, *arguments: Value) -> Value:
        return f.intrinsic(name, *arguments)

    return emit


FUNCTIONS: dict[str, Emitter] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "sigmoid": exponential.sigmoid,
    "tanh": exponential.tanh,
    "log": logarithm.log,
    "log2": logarithm.log2,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "erf": error_function.erf,
    "erfc": error_function.erfc,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
    "sqrt": power.sqrt,
    "rsqrt": power.rsqrt,
    "pow": power.pow,
    "remainder": power.remainder,
    "floor_divide": power.floor_divide,
    **{name: _by_processor(name) for name in ("floor", "ceil", "trunc", "rint", "copysign", "fabs")},
    **{
        name: _by_libm(name)
        for name in (
            "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "hypot",
            "fmod",
        )
    },
}  # fmt: skip
ARITY = dict.fromkeys(FUNCTIONS, 1) | dict.fromkeys(
    ("pow", "remainder", "floor_divide", "copysign", "atan2", "hypot", "fmod"), 2
)
