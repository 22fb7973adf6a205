"""Linear layers: the dtype of what comes out is that of what went in."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule import nn


@pytest.mark.parametrize("dtype", [cr.float16, cr.bfloat16, cr.float32, cr.float64])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_keeps_the_dtype_forward_and_backward(dtype: cr.dtype, bias: bool) -> None:
    layer = nn.Linear(3, 2, bias=bias).to(dtype)
    x = cr.ones(4, 3, dtype=dtype, requires_grad=True)
    y = layer(x)
    assert y.dtype is dtype
    y.sum().backward()
    assert {p.grad.dtype for p in (x, *layer.parameters())} == {dtype}
