"""Small networks whose derivations the tests of explainer/ check: each returns the loss and its parameters.

All numbers are float64, so that a formula and the tape agree to rounding.
"""

from __future__ import annotations

from typing import Any

import chainrule as cr
import chainrule.nn.functional as F
from chainrule import nn

Net = tuple[Any, list[Any]]


def leaf(*shape: int) -> Any:
    return cr.randn(shape, dtype=cr.float64).requires_grad_()


def data(*shape: int) -> Any:
    return cr.randn(shape, dtype=cr.float64)


def of_module(loss: Any, *modules: Any) -> Net:
    return loss, [p for m in modules for p in m.parameters()]


# ----- the seeds' networks


def polynomial() -> Net:
    """000: (w₁x² + w₂x + b − y)², parameters of one element."""
    w_1, w_2, b = leaf(1), leaf(1), leaf(1)
    x, y = 3.0, 36.0
    y_pred = x * x * w_1 + x * w_2 + b
    return (y_pred - y) ** 2, [w_1, w_2, b]


def three_layers() -> Net:
    """001: ReLU layers and cross-entropy."""
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 3)).double()
    x = cr.tensor([[1.0, 2.0, 1.5], [3.0, 4.0, 2.3], [5.0, 6.0, 1.2]], dtype=cr.float64)
    z = cr.tensor([0, 2, 1])
    return of_module(nn.CrossEntropyLoss()(net(x), z), net)


def two_layers() -> Net:
    """002: one sample, ReLU, mean squared error."""
    fc1, fc2 = nn.Linear(2, 2).double(), nn.Linear(2, 1).double()
    inputs = cr.tensor([[1.0, 2.0]], dtype=cr.float64, requires_grad=True)
    labels = cr.tensor([[1.0]], dtype=cr.float64)
    outputs = fc2(cr.relu(fc1(inputs)))
    loss, parameters = of_module(nn.MSELoss()(outputs, labels), fc1, fc2)
    return loss, [*parameters, inputs]


def one_weight() -> Net:
    """003: s = y − x·w, loss = s²."""
    w = leaf()
    x, y = cr.tensor(2.0, dtype=cr.float64), cr.tensor(3.0, dtype=cr.float64)
    y_pred = x * w
    s = y - y_pred
    return s**2, [w]


def one_factor() -> Net:
    """004: a line through samples, half the sum of squares."""
    a, b = leaf(), leaf()
    x, y = data(5), data(5)
    y_pred = a * x + b
    return cr.sum((y_pred - y) ** 2) / 2, [a, b]


def two_scalar_layers() -> Net:
    """004: a₂(a₁x + b₁) + b₂."""
    a1, b1, a2, b2 = leaf(), leaf(), leaf(), leaf()
    x, y = data(5), data(5)
    liner1 = a1 * x + b1
    y_pred = a2 * liner1 + b2
    return cr.sum((y_pred - y) ** 2) / 2, [a1, b1, a2, b2]


def two_factors() -> Net:
    """004, with two columns of x and a mean."""
    a1, a2, b = leaf(), leaf(), leaf()
    x, y = data(6, 2), data(6)
    return ((a1 * x[:, 0] + a2 * x[:, 1] + b - y) ** 2).mean(), [a1, a2, b]


# ----- layers


def linear() -> Net:
    w, b, x, y = leaf(2, 3), leaf(2), data(4, 3), data(4, 2)
    return F.mse_loss(F.linear(x, w, b), y), [w, b]


def logistic() -> Net:
    w, b, x = leaf(3), leaf(), data(5, 3)
    y = cr.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=cr.float64)
    p = cr.sigmoid(x @ w + b)
    return -(y * cr.log(p) + (1 - y) * cr.log(1 - p)).mean(), [w, b]


def softmax_regression() -> Net:
    w, b, x, y = leaf(3, 4), leaf(4), data(5, 3), cr.tensor([0, 1, 3, 2, 2])
    logits = x @ w + b
    return F.cross_entropy(logits, y), [w, b]


def softmax_by_hand() -> Net:
    w, x, y = leaf(3, 4), data(5, 3), cr.tensor([0, 1, 3, 2, 2])
    p = cr.softmax(x @ w, 1)
    return -cr.log(p)[cr.arange(5), y].sum(), [w]


def five_layers() -> Net:
    layers: list[Any] = []
    for _ in range(4):
        layers += [nn.Linear(4, 4), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(4, 3)).double()
    return of_module(F.cross_entropy(net(data(6, 4)), cr.tensor([0, 1, 2, 2, 1, 0])), net)


def conv_net() -> Net:
    conv, fc = nn.Conv2d(1, 2, 3).double(), nn.Linear(8, 3).double()
    x, y = data(2, 1, 6, 6), cr.tensor([0, 2])
    h = F.max_pool2d(cr.relu(conv(x)), 2)
    return of_module(F.cross_entropy(fc(h.flatten(1)), y), conv, fc)


def batch_norm() -> Net:
    fc, norm = nn.Linear(3, 4).double(), nn.BatchNorm1d(4).double()
    x, y = data(5, 3), data(5, 4)
    return of_module(F.mse_loss(cr.relu(norm(fc(x))), y), fc, norm)


def layer_norm() -> Net:
    norm, fc = nn.LayerNorm(4).double(), nn.Linear(4, 2).double()
    x, y = data(3, 4), data(3, 2)
    return of_module(F.mse_loss(fc(norm(x)), y), norm, fc)


def attention() -> Net:
    wq, wk, wv = leaf(4, 3), leaf(4, 3), leaf(4, 3)
    x, y = data(5, 4), data(5, 3)
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ k.T / 3**0.5
    a = cr.softmax(scores, -1)
    return ((a @ v - y) ** 2).mean(), [wq, wk, wv]


def heads() -> Net:
    attend = nn.MultiheadAttention(4, 2, batch_first=True).double()
    x = data(2, 3, 4)
    out, _ = attend(x, x, x, need_weights=False)
    return of_module((out * data(2, 3, 4)).sum(), attend)


def lstm_cell() -> Net:
    cell = nn.LSTMCell(3, 2).double()
    x, h, c = data(4, 3), data(4, 2), data(4, 2)
    h1, c1 = cell(x, (h, c))
    return of_module((h1**2).mean() + c1.sum(), cell)


def lstm_layer() -> Net:
    lstm = nn.LSTM(3, 2).double()
    out, (h, c) = lstm(data(4, 2, 3))
    return of_module((out**2).sum() + (h * c).sum(), lstm)


def gru_layer() -> Net:
    gru = nn.GRU(3, 2).double()
    out, _ = gru(data(4, 2, 3))
    return of_module((out**2).sum(), gru)


# ----- how programs are written


def shared_weights() -> Net:
    w, x = leaf(3, 3), data(2, 3)
    h = cr.tanh(x @ w)
    return (cr.tanh(h @ w) @ w).sum(), [w]


def broadcasting() -> Net:
    row, column, number = leaf(4), leaf(3, 1), leaf()
    return ((row * column + number) ** 2 / (1 + column**2)).mean(), [row, column, number]


def in_place() -> Net:
    w, x = leaf(3), data(4, 3)
    h = x * w
    h += 1.0
    h[:, 0] *= 2
    h.tanh_()
    return h.sum(), [w]


def views() -> Net:
    w = leaf(2, 6)
    a, b = w.view(4, 3).T.chunk(3)[:2]
    return (a * b).sum() + w.t()[1].prod() + w.reshape(3, 4)[:, None].expand(3, 2, 4).diagonal().sum(), [w]


def several_outputs() -> Net:
    a = leaf(4, 3)
    u, s, v = cr.linalg.svd(a, full_matrices=False)
    top, _ = a.topk(2, dim=0)
    first, second = cr.split(a, 2)
    return s.sum() + (u @ v)[0].sum() + (top * first * second).sum(), [a]


def concatenated() -> Net:
    a, b = leaf(2, 3), leaf(2, 2)
    joined = cr.cat([a, b, a], 1)
    return cr.stack([joined, joined.exp()]).pow(2).sum(), [a, b]


def through_detach() -> Net:
    w, x = leaf(3), data(3)
    h = w * x
    return (h * h.detach()).sum() + cr.where(h > 0, h, 0.1 * h).sum(), [w]


def penalty() -> Net:
    w, x, y = leaf(3), data(5, 3), data(5)
    return F.mse_loss(x @ w, y) + 0.1 * (w**2).sum() + 0.01 * w.abs().sum(), [w]


SEEDS = [polynomial, three_layers, two_layers, one_weight, one_factor, two_scalar_layers, two_factors]
BLOCKS = [
    linear, logistic, softmax_regression, softmax_by_hand, five_layers, conv_net, batch_norm, layer_norm,
    attention, heads, lstm_cell, lstm_layer, gru_layer,
]  # fmt: skip
WRITTEN = [
    shared_weights, broadcasting, in_place, views, several_outputs, concatenated, through_detach, penalty,
]  # fmt: skip
NETS = [*SEEDS, *BLOCKS, *WRITTEN]
