"""Convolution's two gradients are its adjoints, whichever of the ways to compute them is taken."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops.conv import conv, conv_input, conv_weight

# (in, out) channels: gradients are gathered from few outputs and spread from many
CHANNELS = [(2, 4), (4, 2), (6, 2), (2, 8)]
PADS = [((0, 0), (0, 0)), ((1, 1), (2, 0)), ((0, -1), (1, 1))]
CUTS = [((-2, 0), (-1, 1)), ((-1, -1), (3, -2)), ((-8, 6), (1, 1))]  # the last keeps nothing of the input
GEOMETRY = list(product((1, 2, 3), (1, 2), (1, 2), PADS + CUTS))


@pytest.mark.parametrize(("channels", "groups"), [*product(CHANNELS, (1, 2))])
def test_gradients_are_adjoints(channels: tuple[int, int], groups: int) -> None:
    """⟨g, conv(x, w)⟩ = ⟨conv_input(g, w), x⟩ = ⟨conv_weight(x, g), w⟩."""
    rng = np.random.default_rng(3)
    inputs, outputs = channels
    for kernel, stride, dilation, pads in GEOMETRY:
        attributes = ((stride, 1), pads, (1, dilation), groups)
        x = rng.normal(size=(2, inputs, 7, 8))
        w = rng.normal(size=(outputs, inputs // groups, kernel, kernel))
        y = conv(x, w, None, *attributes)
        g = rng.normal(size=y.shape)
        dx = conv_input(g, w, None, x.shape[2:], *attributes)
        dw = conv_weight(x, g, w.shape[2:], *attributes)
        assert (dx.shape, dw.shape) == (x.shape, w.shape)
        assert np.sum(dx * x) == pytest.approx(np.sum(g * y), rel=1e-10), attributes
        assert np.sum(dw * w) == pytest.approx(np.sum(g * y), rel=1e-10), attributes


def test_convolution_is_the_sum_over_the_window() -> None:
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    w = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    y = conv(x, w, np.array([10.0]), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    wanted = [[10 + sum(w[0, 0, a, b] * x[0, 0, i + a, j + b] for a in (0, 1) for b in (0, 1))
               for j in range(3)] for i in range(3)]  # fmt: skip
    np.testing.assert_array_equal(y[0, 0], wanted)


def test_gradients_arrive_in_the_dtype_of_new_data() -> None:
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    x.data = x.data.double()
    (x * x).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == cr.float64


def test_ctc_loss_has_no_second_derivative_and_says_so() -> None:
    x = cr.zeros(4, 1, 3).log_softmax(2).requires_grad_()
    loss = cr.nn.functional.ctc_loss(x, cr.tensor([[1]]), cr.tensor([4]), cr.tensor([1]))
    (g,) = cr.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match="derivative for aten::_ctc_loss_backward is not implemented"):
        (g * g).sum().backward()
