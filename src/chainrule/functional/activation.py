"""Activation functions, under torch.nn.functional's names and signatures."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..dispatch import bind
from ..inplace import inplace as in_place
from ..ops import activation as ops
from ..ops import exponential, trigonometric
from ..ops.random import rrelu_slopes
from ..ops.record import Op
from ..quick import direct, unary
from ..random import default_generator
from ..tensor import Tensor
from ..types import wrap_dim
from .api import EVERYDAY, tensor_argument

_relu = unary(ops.relu)


def _apply(function: str, op: Op, input: Any, *attributes: Any, inplace: bool = False) -> Tensor:
    """Bind the record, or with `inplace` write its result into `input`."""
    if not isinstance(input, Tensor):
        tensor_argument(function, input)
    if inplace:
        return _changing(op)(input, *attributes)
    if op.nargs == 1 and input._a.dtype in EVERYDAY:
        return _short(op)(input, *attributes)
    return bind(op, (input, *attributes))


_changing = cache(in_place)
_short = cache(direct)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = max(0, x).

    >>> import chainrule as cr
    >>> cr.relu(cr.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if not isinstance(input, Tensor):
        tensor_argument("relu", input)
    return relu_(input) if inplace else _relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """y = min(max(0, x), 6)."""
    return _apply("relu6", ops.hardtanh, input, 0.0, 6.0, inplace=inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """y = x where x > 0, else negative_slope·x."""
    return _apply("leaky_relu", ops.leaky_relu, input, negative_slope, inplace=inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """y = x where x > 0, else alpha·(eˣ - 1)."""
    return _apply("elu", ops.elu, input, alpha, 1.0, 1.0, inplace=inplace)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = 1.0507·(x where x > 0, else 1.6733·(eˣ - 1)), which keeps mean 0 and variance 1.

    Source: Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """
    return _apply("selu", ops.elu, input, _SELU_ALPHA, _SELU_SCALE, 1.0, inplace=inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """y = max(0, x) + min(0, alpha·(e^(x/alpha) - 1))."""
    if not alpha:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _apply("celu", ops.celu, input, alpha, inplace=inplace)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """y = x·Φ(x), Φ the normal distribution function; approximate="tanh" uses its tanh formula.

    >>> import chainrule as cr
    >>> cr.nn.functional.gelu(cr.tensor([1.0]))
    tensor([0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}.")
    return _apply("gelu", ops.gelu_tanh if approximate == "tanh" else ops.gelu, input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = x·σ(x), also called swish."""
    return _apply("silu", ops.silu, input, inplace=inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """y = x·tanh(ln(1 + eˣ))."""
    return _apply("mish", ops.mish, input, inplace=inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """y = ln(1 + e^(beta·x))/beta, and x where beta·x > threshold."""
    return _apply("softplus", ops.softplus, input, beta, threshold)


def softsign(input: Tensor) -> Tensor:
    """y = x/(1 + |x|)."""
    return _apply("softsign", ops.softsign, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """y = x moved towards 0 by lambd, and 0 within lambd of it."""
    if not lambd >= 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return _apply("softshrink", ops.softshrink, input, lambd)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """y = x where |x| > lambd, else 0."""
    return _apply("hardshrink", ops.hardshrink, input, lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """y = x - tanh x."""
    return _apply("tanhshrink", ops.tanhshrink, input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """y = x clamped to [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _apply("hardtanh", ops.hardtanh, input, min_val, max_val, inplace=inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """y = min(max(x + 3, 0), 6)/6."""
    return _apply("hardsigmoid", ops.hardsigmoid, input, inplace=inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """y = x·min(max(x + 3, 0), 6)/6."""
    return _apply("hardswish", ops.hardswish, input, inplace=inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """y = ln σ(x), computed without underflow."""
    return _apply("log_sigmoid", exponential.log_sigmoid, input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """y = x where x > threshold, else value."""
    return _apply("threshold", ops.threshold, input, threshold, value, inplace=inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """y = x where x > 0, else weight·x; one weight, or one for each channel (dimension 1)."""
    tensor_argument("prelu", input)
    tensor_argument("prelu", weight, 2, "weight")
    if weight.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}"
        )
    count = weight._a.size
    if count != 1:
        if not input.ndim:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input._a.shape[1] if input.ndim > 1 else 1
        if count != channels:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} "
                f"and channel size = {channels}."
            )
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}")
    shape = (count, *(1,) * (input.ndim - 2)) if input.ndim > 1 else (1,) * input.ndim
    return bind(ops.prelu, (input, weight.reshape(shape)))


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False,
    inplace: bool = False, generator: Any = None,
) -> Tensor:  # fmt: skip
    """y = x where x > 0, else r·x, with r drawn from [lower, upper) in training and their mean otherwise."""
    tensor_argument("rrelu", input)
    if lower > upper:
        raise RuntimeError(
            f"Lower bound should be less than or equal to the upper bound, but got {lower} and {upper}"
        )
    if not training:
        return _apply("rrelu", ops.leaky_relu, input, (lower + upper) / 2, inplace=inplace)
    slopes = bind(rrelu_slopes, (input, generator or default_generator, float(lower), float(upper)))
    return _apply("rrelu", ops.rrelu, input, slopes, inplace=inplace)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of `input` along `dim` times the sigmoid of the second, a·σ(b).

    >>> import chainrule as cr
    >>> cr.nn.functional.glu(cr.tensor([1.0, 0.0]))
    tensor([0.5000])
    """
    tensor_argument("glu", input)
    if not input.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = wrap_dim(dim, input.ndim)
    size = input._a.shape[axis]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    first, second = (input.narrow(axis, start, size // 2) for start in (0, size // 2))
    return first * bind(exponential.sigmoid, (second,))


def sigmoid(input: Tensor) -> Tensor:
    """y = 1/(1 + e⁻ˣ)."""
    return _apply("sigmoid", exponential.sigmoid, input)


def tanh(input: Tensor) -> Tensor:
    """y = (eˣ - e⁻ˣ)/(eˣ + e⁻ˣ)."""
    return _apply("tanh", trigonometric.tanh, input)


relu_: Callable[..., Tensor] = in_place(ops.relu)


def _in_place_of(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def changed(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, inplace=True, **kwargs)

    changed.__name__ = changed.__qualname__ = function.__name__ + "_"
    changed.__doc__ = f"{function.__name__}(), written into `input`."
    return changed


celu_ = _in_place_of(celu)
elu_ = _in_place_of(elu)
hardtanh_ = _in_place_of(hardtanh)
leaky_relu_ = _in_place_of(leaky_relu)
rrelu_ = _in_place_of(rrelu)
selu_ = _in_place_of(selu)
threshold_ = _in_place_of(threshold)

Tensor.relu = _relu  # type: ignore[attr-defined]
Tensor.relu_ = relu_  # type: ignore[attr-defined]
Tensor.prelu = prelu  # type: ignore[attr-defined]
Tensor.hardshrink = hardshrink  # type: ignore[attr-defined]

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "hardtanh_", "leaky_relu", "leaky_relu_", "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_",
    "rrelu", "rrelu_", "selu", "selu_", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold", "threshold_",
]  # fmt: skip
