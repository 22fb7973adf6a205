"""Recurrent layers: the records of whole sequences against the walk step by step."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import _recurrent
from chainrule.nn.utils.rnn import pack_padded_sequence

KINDS = {
    "lstm": lambda: cr.nn.LSTM(3, 4, num_layers=2, bidirectional=True, dtype=cr.float64),
    "gru": lambda: cr.nn.GRU(3, 4, num_layers=2, bidirectional=True, dtype=cr.float64),
    "gru without bias": lambda: cr.nn.GRU(3, 4, bias=False, dtype=cr.float64),
    "tanh": lambda: cr.nn.RNN(3, 4, bidirectional=True, dtype=cr.float64),
    "relu": lambda: cr.nn.RNN(3, 4, nonlinearity="relu", dtype=cr.float64),
}


def outcome(layer, packed):
    """The outputs, the gradients and the gradients of their norm."""
    cr.manual_seed(3)
    x = cr.randn(5, 3, 3, dtype=cr.float64, requires_grad=True)
    output, last = layer(pack_padded_sequence(x, [5, 3, 1]) if packed else x)
    results = [output.data if packed else output, *(last if isinstance(last, tuple) else (last,))]
    leaves = [x, *layer.parameters()]
    first = cr.autograd.grad(sum((r * r).sum() for r in results), leaves, create_graph=True)
    second = cr.autograd.grad(sum((g * g).sum() for g in first), leaves)
    return [t.detach().numpy() for t in (*results, *first, *second)]


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_record_equals_the_walk_to_second_order(kind, packed, monkeypatch):
    layer = KINDS[kind]()
    recorded = outcome(layer, packed)
    monkeypatch.setattr(_recurrent, "_recorded", _recurrent._walked)
    for a, b in zip(recorded, outcome(layer, packed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_results_may_be_changed_in_place(kind):
    layer = KINDS[kind]()
    grads = []
    for change in (lambda y: y.mul_(2), lambda y: y * 2):
        x = cr.arange(30, dtype=cr.float64).reshape(5, 2, 3).div(30).requires_grad_()
        output, last = layer(x)
        for state in last if isinstance(last, tuple) else (last,):
            state.detach().zero_()
        change(output).sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(*grads)


def test_an_empty_sequence_is_refused_and_an_empty_batch_is_not():
    layer = cr.nn.LSTM(3, 4)
    with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0 in RNN"):
        layer(cr.zeros(0, 2, 3))
    output, _ = layer(cr.zeros(5, 0, 3))
    output.sum().backward()
    assert output.shape == (5, 0, 4)
    assert not layer.weight_hh_l0.grad.any()


def test_a_state_of_another_dtype_is_refused():
    with pytest.raises(RuntimeError, match="mat1 and mat2 must have the same dtype"):
        cr.nn.GRU(3, 4)(cr.zeros(5, 2, 3), cr.zeros(1, 2, 4, dtype=cr.float64))
