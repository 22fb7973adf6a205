"""Functions of single numbers: exponentials, logarithms, trigonometry, rounding and signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import return_types
from ..dispatch import bind
from ..inplace import inplace
from ..ops import arithmetic, exponential, rounding, special, trigonometric
from ..tensor import Tensor
from ..types import FLOAT, scalar_type
from .api import binary_function, method, tensor_argument, unary_function, write

exp = unary_function(exponential.exp)
exp2 = unary_function(exponential.exp2)
expm1 = unary_function(exponential.expm1)
log = unary_function(exponential.log)
log2 = unary_function(exponential.log2)
log10 = unary_function(exponential.log10)
log1p = unary_function(exponential.log1p)
sigmoid = unary_function(exponential.sigmoid)
logaddexp = binary_function(exponential.logaddexp, in_place=False, numbers="none")
logaddexp2 = binary_function(exponential.logaddexp2, in_place=False, numbers="none")
xlogy = binary_function(exponential.xlogy)

sin = unary_function(trigonometric.sin)
cos = unary_function(trigonometric.cos)
tan = unary_function(trigonometric.tan)
asin = arcsin = unary_function(trigonometric.asin, "arcsin")
acos = arccos = unary_function(trigonometric.acos, "arccos")
atan = arctan = unary_function(trigonometric.atan, "arctan")
atan2 = arctan2 = binary_function(trigonometric.atan2, "arctan2", numbers="none")
sinh = unary_function(trigonometric.sinh)
cosh = unary_function(trigonometric.cosh)
tanh = unary_function(trigonometric.tanh)
asinh = arcsinh = unary_function(trigonometric.asinh, "arcsinh")
acosh = arccosh = unary_function(trigonometric.acosh, "arccosh")
atanh = arctanh = unary_function(trigonometric.atanh, "arctanh")
sinc = unary_function(trigonometric.sinc)
deg2rad = unary_function(trigonometric.deg2rad)
rad2deg = unary_function(trigonometric.rad2deg)

floor = unary_function(rounding.floor)
ceil = unary_function(rounding.ceil)
trunc = fix = unary_function(rounding.trunc, "fix")
frac = unary_function(rounding.frac)
sign = unary_function(rounding.sign)
signbit = unary_function(rounding.signbit, in_place=False)
abs = absolute = unary_function(rounding.abs, "absolute", "__abs__")
copysign = binary_function(rounding.copysign, numbers="second")
nextafter = binary_function(rounding.nextafter, numbers="none")

erf = unary_function(special.erf)
erfc = unary_function(special.erfc)
erfinv = unary_function(special.erfinv)
lgamma = unary_function(special.lgamma)
digamma = unary_function(special.digamma)
i0 = unary_function(special.i0)
igamma = binary_function(special.igamma, numbers="none")
igammac = binary_function(special.igammac, numbers="none")


def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The step: 0 where x < 0, 1 where x > 0, and `values` where x = 0.

    >>> import chainrule as cr
    >>> cr.heaviside(cr.tensor([-1.0, 0.0, 2.0]), cr.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    tensor_argument("heaviside", input)
    tensor_argument("heaviside", values, 2, "values")
    if input.dtype is not values.dtype:
        raise RuntimeError(
            f"heaviside is not yet implemented for tensors with different dtypes: got {input.dtype} and "
            f"{values.dtype}"
        )
    result: Tensor = bind(rounding.heaviside, (input, values))
    return result if out is None else write(out, result)


def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """Log odds y = ln(x / (1 - x)); with `eps`, x is first clamped to [eps, 1 - eps].

    >>> import chainrule as cr
    >>> cr.logit(cr.tensor([0.5]))
    tensor([0.])
    """
    tensor_argument("logit", input)
    result: Tensor = bind(exponential.logit, (input, eps))
    return result if out is None else write(out, result)


def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """The nearest whole number, halves to the even one; `decimals` counts digits behind the point.

    >>> import chainrule as cr
    >>> cr.round(cr.tensor([0.5, 1.5, 2.5]))
    tensor([0., 2., 2.])
    """
    tensor_argument("round", input)
    if decimals and input.dtype.category < FLOAT:
        raise NotImplementedError(
            f"\"round_cpu\" not implemented for '{scalar_type(input.dtype)}' with decimals: convert with "
            ".float() first"
        )
    result: Tensor = bind(rounding.round, (input, decimals))
    return result if out is None else write(out, result)


def frexp(input: Tensor, *, out: Any = None) -> Any:
    """Mantissa in [½, 1) and exponent with x = mantissa·2^exponent.

    >>> import chainrule as cr
    >>> cr.frexp(cr.tensor([3.0])).exponent
    tensor([2], dtype=torch.int32)
    """
    tensor_argument("frexp", input)
    if input.dtype.category != FLOAT:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    results = bind(rounding.frexp, (input,))
    return return_types.frexp(results if out is None else [write(o, r) for o, r in zip(out, results)])


def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The n-th derivative of the digamma function, y = ψ⁽ⁿ⁾(x), n >= 0.

    >>> import chainrule as cr
    >>> cr.polygamma(1, cr.tensor([1.0]))
    tensor([1.6449])
    """
    if isinstance(n, Tensor):  # the method's order of arguments
        n, input = input, n
    tensor_argument("polygamma", input, 2)
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, but got n = {n}")
    result: Tensor = bind(special.polygamma, (input, n))
    return result if out is None else write(out, result)


def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """The multivariate log-gamma function ln Γₚ(x) = ln π · p(p - 1)/4 + Σⱼ ln Γ(x - j/2), j = 0 … p - 1.

    >>> import chainrule as cr
    >>> cr.mvlgamma(cr.tensor([2.0]), 2)
    tensor([0.4516])
    """
    import math

    tensor_argument("mvlgamma", input)
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    total: Any = math.log(math.pi) * p * (p - 1) / 4
    for j in range(p):
        total = special.lgamma(arithmetic.sub(input, j / 2)) + total
    return total if out is None else write(out, total)


method(frexp)
method(heaviside)
method(logit)
method(round)
method(polygamma)
method(mvlgamma)
Tensor.heaviside_ = inplace(rounding.heaviside, heaviside)  # type: ignore[attr-defined]
Tensor.logit_ = inplace(exponential.logit, logit)  # type: ignore[attr-defined]
Tensor.round_ = inplace(rounding.round, round)  # type: ignore[attr-defined]
Tensor.polygamma_ = inplace(special.polygamma, polygamma)  # type: ignore[attr-defined]
Tensor.mvlgamma_ = inplace(special.lgamma, mvlgamma)  # type: ignore[attr-defined]

# torch has these in-place forms as functions too
_CHANGING = (
    "abs",
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg2rad",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "floor",
    "frac",
    "i0",
    "log",
    "log10",
    "log1p",
    "log2",
    "logit",
    "rad2deg",
    "round",
    "sigmoid",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
    "trunc",
    "xlogy",
)
for _name in _CHANGING:
    globals()[_name + "_"] = getattr(Tensor, _name + "_")

__all__ = [
    "abs", "absolute", "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "deg2rad",
    "digamma", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fix", "floor", "frac", "frexp", "heaviside",
    "i0",
    "igamma", "igammac", "lgamma", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "logit",
    "mvlgamma", "nextafter", "polygamma", "rad2deg", "round", "sigmoid", "sign", "signbit", "sin", "sinc",
    "sinh", "tan", "tanh", "trunc", "xlogy",
]  # fmt: skip
__all__ += [name + "_" for name in _CHANGING]

if TYPE_CHECKING:  # the names that the loop above makes

    def __getattr__(name: str) -> Any: ...
