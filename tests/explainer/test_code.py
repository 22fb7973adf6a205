"""as_code(): the function that is written gives the tape's gradients, and reads as a person's."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from tests.explainer.nets import NETS
from tests.explainer.test_honest import DIFFERENTIABLE, explained
from tests.registry.helpers import samples

import chainrule as cr
from chainrule import nn
from chainrule.ops.record import REGISTRY


def run(e, values=None):
    """The gradients that the source of an explanation computes, in the order of its inputs."""
    source = e.as_code()
    ast.parse(source)
    space = {}
    exec(source, space)  # noqa: S102  (what as_code wrote)
    inputs = [s.value for s in e.steps if s.kind == "input"] if values is None else values
    with np.errstate(all="ignore"):
        return space["gradients"](*inputs)


def expected(e):
    """The values of the gradients, in the same order."""
    inputs = [s.symbol.var for s in e.steps if s.kind == "input"]
    by_symbol = {s.symbol: s.value for s in e.backward}
    wanted = [v for v in inputs if v in e.derivation.gradients]
    return [by_symbol[e.derivation.gradients[v]] for v in wanted]


def agree(e):
    found, values = list(run(e).values()), expected(e)
    assert len(found) == len(values) > 0
    for a, b in zip(found, values):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
def test_the_code_of_a_network_gives_the_tapes_gradients(net):
    cr.manual_seed(0)
    loss, parameters = net()
    e = cr.explain(loss, wrt=parameters)
    agree(e)
    loss.backward()
    by_var = dict(zip(list(e.derivation.gradients)[-len(parameters) :], parameters))
    gradients = [
        s.symbol.var for s in e.steps if s.kind == "input" and s.symbol.var in e.derivation.gradients
    ]
    for v, a in zip(gradients, run(e).values()):
        np.testing.assert_allclose(a, by_var[v].grad.numpy(), rtol=1e-8, atol=1e-10)


SELF_CONTAINED = [
    "polynomial", "three_layers", "one_factor", "softmax_regression", "attention", "heads", "layer_norm",
    "batch_norm", "shared_weights", "broadcasting", "lstm_cell", "in_place", "softmax_by_hand",
]  # fmt: skip


@pytest.mark.parametrize("name", SELF_CONTAINED)
def test_the_usual_networks_need_numpy_alone(name):
    cr.manual_seed(0)
    loss, parameters = next(n for n in NETS if n.__name__ == name)()
    assert "chainrule" not in cr.explain(loss, wrt=parameters).as_code()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_the_code_of_every_record(name):
    op = REGISTRY[name]
    for args in samples(op):
        found = explained(op, args)
        if found is not None:
            agree(found[0])


def test_a_two_layer_net_reads_as_a_person_would_write_it():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x, y = cr.randn(5, 3), cr.tensor([0, 1, 0, 1, 1])
    code = cr.explain(nn.CrossEntropyLoss()(net(x), y)).as_code()
    assert code.endswith('''

def gradients(x, y, W1, b1, W2, b2):
    """The gradients of loss, each with the shape of its variable."""
    # W1: net.0.weight, b1: net.0.bias, W2: net.2.weight, b2: net.2.bias
    # forward pass
    z1 = x @ W1.T + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2.T + b2
    loss = -np.mean(log_softmax(z2, 1)[np.arange(len(y)), y])
    # backward pass, from the loss
    d_z2 = (softmax(z2, 1) - np.eye(2)[y]) / len(y)
    d_a1 = d_z2 @ W2
    d_W2 = d_z2.T @ a1
    d_b2 = np.sum(d_z2, axis=0)
    d_z1 = d_a1 * (z1 > 0)
    d_W1 = d_z1.T @ x
    d_b1 = np.sum(d_z1, axis=0)
    return {"W1": d_W1, "b1": d_b1, "W2": d_W2, "b2": d_b2}
''')


def test_the_code_of_a_formula():
    e = cr.derive("sum((X@w - y)**2)/n", shapes={"X": ("n", "d"), "w": "d", "y": "n"}, wrt="w")
    X, w, y = np.arange(6.0).reshape(2, 3), np.array([1.0, 0.5, -1]), np.array([1.0, 2])
    found = run(e, [X, w, y, 2.0])
    np.testing.assert_allclose(found["w"], 2 / 2 * X.T @ (X @ w - y))
    assert "t1 = X @ w - y" in e.as_code()


def test_the_code_of_a_derived_network_runs_for_any_batch():
    e = cr.derive(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), loss=nn.CrossEntropyLoss())
    assert "delta1 = delta2 @ W2 * (1 - a1 ** 2)" in e.as_code()
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = cr.randn(9, 3, dtype=cr.float64), cr.tensor([0, 1, 0, 1, 1, 0, 0, 1, 1])
    nn.CrossEntropyLoss()(net(x), y).backward()
    named = {"x": x, "y": y, "N": cr.tensor(9.0), **dict(zip(["W1", "b1", "W2", "b2"], net.parameters()))}
    names = [s.symbol.code for s in e.steps if s.kind == "input"]
    found = run(e, [named[n].detach().numpy() for n in names])
    for name in ("W1", "b1", "W2", "b2"):
        np.testing.assert_allclose(found[name], named[name].grad.numpy(), rtol=1e-8)


def test_what_is_called_is_said_so():
    loss, parameters = next(n for n in NETS if n.__name__ == "conv_net")()
    code = cr.explain(loss, wrt=parameters).as_code()
    assert "# conv is computed by the library\nfrom chainrule.ops.conv import conv\n" in code


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_modules_that_are_shown_as_single_steps_are_written_out(depth):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.fc = nn.LayerNorm(3, dtype=cr.float64), nn.Linear(3, 3, dtype=cr.float64)
            self.mask = cr.tensor([1.0, 0.0, 1.0], dtype=cr.float64)

        def forward(self, x):
            return x + cr.tanh(self.fc(self.norm(x))) * self.mask

    net = nn.Sequential(Block(), Block(), nn.Linear(3, 2, dtype=cr.float64))
    x, y = cr.randn(5, 3, dtype=cr.float64), cr.tensor([0, 1, 1, 0, 1])
    with cr.record():
        loss = nn.CrossEntropyLoss()(net(x), y)
    loss.backward(retain_graph=True)
    folded, opened = cr.explain(loss, depth=depth), cr.explain(loss)
    assert folded.as_code() == opened.as_code()
    assert "# gamma1: net.0.norm.weight, beta1: net.0.norm.bias" in folded.as_code()
    names: dict[str, Any] = {}
    exec(folded.as_code(), names)
    found = names["gradients"](*[s.value for s in opened.steps if s.kind == "input"])
    for name, p in zip(found, net.parameters(), strict=True):
        np.testing.assert_allclose(found[name], p.grad.numpy(), rtol=1e-9, atol=1e-12)
    one = cr.explain(loss, depth=depth, wrt=net[2].weight)
    assert "return {" in one.as_code() and one.as_code().count('": d_') == 1
