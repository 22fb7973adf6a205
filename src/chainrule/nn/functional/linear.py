"""Linear and bilinear maps."""

from __future__ import annotations

from typing import Any

from ...dispatch import bind
from ...functional.api import tensor_argument
from ...ops import nn as ops
from ...tensor import Tensor
from ...types import scalar_type


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Aᵀ + b for x (*, in), A (out, in) and b (out).

    Raises RuntimeError if the last sizes of x and A differ, or the dtypes do.

    >>> import chainrule as cr
    >>> cr.nn.functional.linear(cr.tensor([1.0, 2.0]), cr.tensor([[3.0, 4.0]]), cr.tensor([0.5]))
    tensor([11.5000])
    """
    try:
        kind = input._a.dtype
        same = kind is weight._a.dtype and (bias is None or kind is bias._a.dtype)
    except AttributeError:
        tensor_argument("linear", input)
        tensor_argument("linear", weight, 2, "weight")
        tensor_argument("linear", bias, 3, "bias")
        raise
    if not same:
        _check_dtypes(input, weight, bias)
    if weight._a.ndim > 2 or not input._a.ndim or not weight._a.ndim:
        ops.linear.shape(input._a, weight._a, None if bias is None else bias._a)
    if bias is not None and bias._a.ndim > 1 and weight._a.ndim == 2:
        _check_bias(input, weight, bias)
    return bind(ops.linear, (input, weight, bias))


def _check_dtypes(x: Tensor, w: Tensor, b: Tensor | None) -> None:
    for name, t in (("mat2", w), ("bias", b)):
        if t is not None and t._a.dtype != x._a.dtype:
            raise RuntimeError(
                f"{'mat1 and mat2' if name == 'mat2' else 'input and bias'} must have the same dtype, but "
                f"got {scalar_type(x.dtype)} and {scalar_type(t.dtype)}: convert one of them with .to(dtype)"
            )


def _check_bias(x: Tensor, w: Tensor, b: Tensor) -> None:
    if b._a.ndim > max(x._a.ndim, 2):
        raise RuntimeError(
            f"linear(): bias must have at most {max(x._a.ndim, 2)} dimensions, but got shape "
            f"{list(b._a.shape)}"
        )


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_k = x₁ᵀ A_k x₂ + b_k for x₁ (*, in1), x₂ (*, in2) and A (out, in1, in2).

    >>> import chainrule as cr
    >>> one = cr.tensor([[1.0, 2.0]])
    >>> cr.nn.functional.bilinear(one, one, cr.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    tensor([[5.]])
    """
    a, b, w = input1._a.shape, input2._a.shape, weight._a.shape
    _check_bilinear(a, b, w, None if bias is None else bias._a.shape)
    rows = input1.reshape(-1, a[-1])
    left = (rows @ weight.permute(1, 0, 2).reshape(w[1], w[0] * w[2])).reshape(rows._a.shape[0], w[0], w[2])
    y = (left @ input2.reshape(-1, w[2], 1)).reshape(*a[:-1], w[0])
    return y if bias is None else y + bias


def _check_bilinear(a: Any, b: Any, w: Any, bias: Any) -> None:
    if len(a) != len(b):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for i, (m, n) in enumerate(zip(a[:-1], b[:-1])):
        if m != n:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {i}: got {m} and {n}")
    for which, size, want in (("input1", a[-1], w[1]), ("input2", b[-1], w[2])):
        if size != want:
            raise RuntimeError(
                f"bilinear(): {which} size does not match weight size: got {size} but expected {want}"
            )
    if bias is not None and bias[0] != w[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias[0]} but expected {w[0]}"
        )


__all__ = ["bilinear", "linear"]
