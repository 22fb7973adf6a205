"""Arithmetic functions: sums with alpha, products, the divisions, powers and roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..dispatch import bind, cast
from ..inplace import inplace
from ..ops import arithmetic as ops
from ..ops.record import Op
from ..tensor import Tensor
from ..types import COMPLEX, FLOAT, complex128, float64, scalar_dtype, scalar_type
from .api import binary_function, in_place_of, method, tensor_argument, unary_function, write

mul = multiply = binary_function(ops.mul, "multiply")
pow = binary_function(ops.pow)
floor_divide = binary_function(ops.floor_divide)
remainder = binary_function(ops.remainder)
fmod = binary_function(ops.fmod, numbers="second")
hypot = binary_function(ops.hypot, numbers="none")
gcd = binary_function(ops.gcd, numbers="none")
lcm = binary_function(ops.lcm, numbers="none")
neg = negative = unary_function(ops.neg, "negative")
square = unary_function(ops.square)
sqrt = unary_function(ops.sqrt)
rsqrt = unary_function(ops.rsqrt)
reciprocal = unary_function(ops.reciprocal)
_div = binary_function(ops.div)


def _scaled(name: str, other: Any, alpha: Any, input: Any) -> Any:
    """other·alpha, refusing an alpha of a higher category than the tensors'."""
    kind = max((x.dtype if isinstance(x, Tensor) else scalar_dtype(x)).category for x in (input, other))
    if isinstance(alpha, bool):
        if kind != 0:
            raise RuntimeError("Boolean alpha only supported for Boolean results.")
    elif isinstance(alpha, float) and kind < FLOAT:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    elif isinstance(alpha, complex) and kind < COMPLEX:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    return other * alpha


def _sum_function(op: Op, doc: str, *aliases: str, in_place: bool = True) -> Any:
    plain = binary_function(op, in_place=False)

    def function(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
        if alpha != 1 or alpha is True:
            other = _scaled(op.name, other, alpha, input)
        return plain(input, other, out=out)

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = doc
    method(function, op.name, *aliases)
    if in_place:
        for name in (op.name, *aliases):
            setattr(Tensor, name + "_", _in_place_sum(op, function))
    return function


def _in_place_sum(op: Op, function: Any) -> Any:
    short, general = inplace(op), inplace(op, function)

    def method_(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
        return short(self, other) if alpha == 1 else general(self, other, alpha=alpha)

    return method_


add = _sum_function(ops.add, "Elementwise sum y = input + alpha·other.")
sub = subtract = _sum_function(ops.sub, "Elementwise difference y = input - alpha·other.", "subtract")


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """The difference the other way round, y = other - alpha·input.

    >>> import chainrule as cr
    >>> cr.rsub(cr.tensor([1.0, 2.0]), 10)
    tensor([9., 8.])
    """
    tensor_argument("rsub", input)
    scaled = input if alpha == 1 and alpha is not True else _scaled("rsub", input, alpha, other)
    return bind(ops.rsub, (scaled, other))


_DIVISIONS = {"floor": floor_divide, "trunc": binary_function(ops.trunc_divide, in_place=False)}
del Tensor.trunc_divide  # type: ignore[attr-defined]  # PyTorch spells it div(rounding_mode="trunc")


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """Elementwise quotient; `rounding_mode` "floor" or "trunc" makes it whole, None keeps it true division.

    >>> import chainrule as cr
    >>> cr.div(cr.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    if rounding_mode is None:
        return _div(input, other, out=out)
    if rounding_mode not in _DIVISIONS:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _DIVISIONS[rounding_mode](input, other, out=out)


divide = div


def true_divide(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Elementwise quotient; integers give floats."""
    return _div(input, other, out=out)


def float_power(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """inputᵉ computed in float64 (complex128 for complex arguments).

    >>> import chainrule as cr
    >>> cr.float_power(cr.tensor([2]), 3)
    tensor([8.], dtype=torch.float64)
    """
    pair = (input, exponent)
    kinds = [x.dtype.category if isinstance(x, Tensor) else scalar_dtype(x).category for x in pair]
    wide = complex128 if COMPLEX in kinds else float64
    a, n = (cast(x, wide) if isinstance(x, Tensor) else x for x in pair)
    result: Tensor = bind(ops.pow, (a, n))
    return result if out is None else write(out, result)


def _float_power_(self: Tensor, exponent: Any) -> Tensor:
    """float_power() written into this tensor, which must be double to hold the result."""
    kinds = [
        self.dtype.category,
        exponent.dtype.category if isinstance(exponent, Tensor) else scalar_dtype(exponent).category,
    ]
    wide = complex128 if COMPLEX in kinds else float64
    if self.dtype is not wide:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype.name} but the operation's result "
            f"requires dtype {wide.name}"
        )
    return in_place_of(float_power)(self, exponent)


def positive(input: Tensor) -> Tensor:
    """The tensor itself; bools have no sign."""
    tensor_argument("positive", input)
    if input.dtype.category == 0:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def addcmul(
    input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Tensor | None = None
) -> Tensor:
    """y = input + value·tensor1·tensor2."""
    tensor_argument("addcmul", input)
    result: Tensor = bind(ops.addcmul, (input, tensor1, tensor2, value))
    return result if out is None else write(out, result)


def addcdiv(
    input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Tensor | None = None
) -> Tensor:
    """y = input + value·tensor1/tensor2; of floating-point tensors."""
    tensor_argument("addcdiv", input)
    if all(isinstance(t, Tensor) and t.dtype.category < FLOAT for t in (tensor1, tensor2)):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will "
            "perform a true "
            "division of tensor1 and tensor2. Divide first: input + value * torch.div(tensor1, tensor2)."
        )
    result: Tensor = bind(ops.addcdiv, (input, tensor1, tensor2, value))
    return result if out is None else write(out, result)


def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Tensor | None = None) -> Tensor:
    """Linear interpolation y = input + weight·(end - input).

    >>> import chainrule as cr
    >>> cr.lerp(cr.tensor([0.0, 10.0]), cr.tensor([10.0, 20.0]), 0.5)
    tensor([ 5., 15.])
    """
    tensor_argument("lerp", input)
    tensor_argument("lerp", end, 2, "end")
    if input.dtype.category < FLOAT:
        raise NotImplementedError(
            f"\"lerp_cpu\" not implemented for '{scalar_type(input.dtype)}': convert the tensors with "
            ".float() first"
        )
    if input.dtype is not end.dtype:
        raise RuntimeError(f"expected dtype {input.dtype.name} for `end` but got dtype {end.dtype.name}")
    if isinstance(weight, Tensor) and weight.dtype is not input.dtype:
        raise RuntimeError(
            f"expected dtype {input.dtype.name} for `weight` but got dtype {weight.dtype.name}"
        )
    result: Tensor = bind(ops.lerp, (input, end, weight))
    return result if out is None else write(out, result)


def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """y = input·2^other."""
    tensor_argument("ldexp", input)
    result: Tensor = input * bind(ops.pow, (2.0, other))
    return result if out is None else write(out, result)


for _function in (rsub, true_divide, float_power, positive, addcmul, addcdiv, lerp, ldexp):
    method(_function)
method(div, "div", "divide")
for _name, _function, _op in (
    ("div", div, ops.div), ("divide", div, ops.div), ("true_divide", true_divide, ops.div),
    ("addcmul", addcmul, ops.addcmul), ("addcdiv", addcdiv, ops.addcdiv), ("lerp", lerp, ops.lerp),
    ("ldexp", ldexp, ops.mul),
):  # fmt: skip
    setattr(Tensor, _name + "_", inplace(_op, _function))
Tensor.float_power_ = _float_power_  # type: ignore[attr-defined]

_CHANGING = ("gcd", "lcm", "ldexp", "neg", "negative", "reciprocal", "rsqrt", "sqrt", "square")
for _name in _CHANGING:
    globals()[_name + "_"] = getattr(Tensor, _name + "_")

__all__ = [
    "add", "addcdiv", "addcmul", "div", "divide", "float_power", "floor_divide", "fmod", "gcd", "hypot",
    "lcm", "ldexp", "lerp", "mul", "multiply", "neg", "negative", "positive", "pow", "reciprocal",
    "remainder", "rsqrt", "rsub", "sqrt", "square", "sub", "subtract", "true_divide",
]  # fmt: skip
__all__ += [name + "_" for name in _CHANGING]

if TYPE_CHECKING:  # the names that the loop above makes

    def __getattr__(name: str) -> Any: ...
