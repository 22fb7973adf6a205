"""Small steps whose kernels are written down in golden/schedules.txt: the usual parts of models."""

from __future__ import annotations

import math

import chainrule as cr
from chainrule import nn

F = nn.functional


def _leaf(*shape):
    return cr.rand(*shape).requires_grad_(True)


def _trained(model, make, loss):
    """The training step of a model, whose arguments are those of loss(model, …)."""
    optimizer = make(model.parameters())

    def step(*batch):
        optimizer.zero_grad()
        value = loss(model, *batch)
        value.backward()
        optimizer.step()
        return value

    return step


def elementwise():
    def step(x, scale, bias, w):
        return (cr.tanh(x * scale + bias) * w).sum(1)

    return step, (cr.rand(32, 20), cr.rand(20), cr.rand(32, 1), cr.rand(32, 20))


def cross_entropy():
    def step(x, y):
        loss = F.cross_entropy(x, y)
        return loss, *cr.autograd.grad(loss, x)

    return step, (_leaf(32, 10), cr.randint(0, 10, (32,)))


def linear_relu():
    w, b = _leaf(48, 64), _leaf(48)

    def step(x, g):
        y = cr.relu(F.linear(x, w, b))
        return y.detach(), *cr.autograd.grad(y, (x, w, b), g)

    return step, (_leaf(32, 64), cr.rand(32, 48))


def mlp_momentum():
    model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    step = _trained(
        model,
        lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9),
        lambda model, x, y: F.cross_entropy(model(x), y),
    )
    return step, (cr.rand(32, 64), cr.randint(0, 10, (32,)))


def adam():
    model = nn.Linear(64, 48)
    step = _trained(model, lambda p: cr.optim.Adam(p, lr=0.01), lambda model, x, y: F.mse_loss(model(x), y))
    return step, (cr.rand(32, 64), cr.rand(32, 48))


def layer_norm():
    norm = nn.LayerNorm(64)

    def step(x, g):
        y = norm(x)
        return y.detach(), *cr.autograd.grad(y, (x, *norm.parameters()), g)

    return step, (_leaf(32, 64), cr.rand(32, 64))


def conv_relu():
    conv = nn.Conv2d(3, 8, 3, padding=1)

    def step(x, g):
        y = cr.relu(conv(x))
        return y.detach(), *cr.autograd.grad(y, tuple(conv.parameters()), g)

    return step, (cr.rand(4, 3, 12, 12), cr.rand(4, 8, 12, 12))


def attention():
    def step(q, k, v, g):
        weights = cr.softmax(q @ k.mT / math.sqrt(16), -1)
        y = weights @ v
        return y.detach(), *cr.autograd.grad(y, (q, k, v), g)

    return step, (_leaf(4, 24, 16), _leaf(4, 24, 16), _leaf(4, 24, 16), cr.rand(4, 24, 16))


def embedding_loss():
    model = nn.Sequential(nn.Embedding(50, 16), nn.Flatten(), nn.Linear(6 * 16, 10))
    step = _trained(
        model, lambda p: cr.optim.SGD(p, lr=0.1), lambda model, x, y: F.cross_entropy(model(x), y)
    )
    return step, (cr.randint(0, 50, (32, 6)), cr.randint(0, 10, (32,)))


def lstm_cell():
    cell = nn.LSTMCell(16, 24)

    def step(x, h, c, g):
        h, c = cell(x, (h, c))
        return h.detach(), c.detach(), *cr.autograd.grad(h, tuple(cell.parameters()), g)

    return step, (cr.rand(32, 16), cr.rand(32, 24), cr.rand(32, 24), cr.rand(32, 24))


STEPS = [
    elementwise, cross_entropy, linear_relu, mlp_momentum, adam, layer_norm, conv_relu, attention,
    embedding_loss, lstm_cell,
]  # fmt: skip
