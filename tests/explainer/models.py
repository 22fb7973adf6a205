"""Ten small models whose derivations are written down in golden/, as a teacher would read them."""

from __future__ import annotations

from typing import Any

import chainrule as cr
import chainrule.nn.functional as F
from chainrule import nn


def quadratic_fit(lang: str) -> Any:
    x, y = cr.tensor([1.0, 2.0, 3.0, 4.0]), cr.tensor([8.0, 19.0, 36.0, 59.0])
    w_1, w_2, b = (cr.tensor(1.0, requires_grad=True) for _ in range(3))
    y_pred = w_1 * x**2 + w_2 * x + b
    loss = ((y_pred - y) ** 2).mean()
    return cr.explain(loss, lang=lang, notation="sum")


def linear_regression(lang: str) -> Any:
    x_1, x_2 = cr.tensor([1.0, 3.0, 5.0, 2.0]), cr.tensor([2.0, 4.0, 7.0, 1.0])
    y = cr.tensor([1.0, 2.0, 3.0, 4.0])
    a_1, a_2, b = (cr.tensor(v, requires_grad=True) for v in (0.5, 0.25, 0.1))
    loss = ((a_1 * x_1 + a_2 * x_2 + b - y) ** 2).mean()
    return cr.explain(loss, lang=lang, notation="sum")


def logistic_regression(lang: str) -> Any:
    X = cr.tensor([[1.0, 2.0], [2.0, 0.5], [0.5, 1.0]])
    y = cr.tensor([1.0, 0.0, 1.0])
    w, b = cr.tensor([0.5, -0.5], requires_grad=True), cr.tensor(0.0, requires_grad=True)
    p = cr.sigmoid(X @ w + b)
    loss = F.binary_cross_entropy(p, y)
    return cr.explain(loss, lang=lang)


def two_layer_net(lang: str) -> Any:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    x = cr.tensor([[1.0, 2.0, 1.5], [3.0, 4.0, 2.3]])
    y = cr.tensor([0, 1])
    loss = F.cross_entropy(net(x), y)
    return cr.explain(loss, lang=lang)


def five_layer_mlp(lang: str) -> Any:
    layers: list[Any] = []
    for _ in range(4):
        layers += [nn.Linear(3, 3), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(3, 2))
    x, y = cr.randn(4, 3), cr.tensor([0, 1, 1, 0])
    loss = F.cross_entropy(net(x), y)
    return cr.explain(loss, lang=lang)


def conv_net(lang: str) -> Any:
    conv, fc = nn.Conv2d(1, 2, 3), nn.Linear(8, 3)
    x, y = cr.randn(2, 1, 6, 6), cr.tensor([0, 2])
    h = F.max_pool2d(cr.relu(conv(x)), 2)
    logits = fc(h.flatten(1))
    loss = F.cross_entropy(logits, y)
    return cr.explain(loss, lang=lang)


def layer_norm_block(lang: str) -> Any:
    norm, fc = nn.LayerNorm(4), nn.Linear(4, 2)
    x, y = cr.randn(3, 4), cr.randn(3, 2)
    h = norm(x)
    z = fc(h)
    loss = F.mse_loss(z, y)
    return cr.explain(loss, lang=lang)


def attention_head(lang: str) -> Any:
    W_Q, W_K, W_V = (cr.randn(4, 3).requires_grad_() for _ in range(3))
    X, Y = cr.randn(5, 4), cr.randn(5, 3)
    Q = X @ W_Q
    K = X @ W_K
    V = X @ W_V
    S = Q @ K.T / 3**0.5
    A = cr.softmax(S, -1)
    loss = F.mse_loss(A @ V, Y)
    return cr.explain(loss, lang=lang)


def lstm_cell(lang: str) -> Any:
    x, h, c = cr.randn(4, 3), cr.randn(4, 2), cr.randn(4, 2)
    W = {k: cr.randn(3, 2).requires_grad_() for k in "ifgo"}
    U = {k: cr.randn(2, 2).requires_grad_() for k in "ifgo"}
    W_i, W_f, W_g, W_o = W.values()
    U_i, U_f, U_g, U_o = U.values()
    i = cr.sigmoid(x @ W_i + h @ U_i)
    f = cr.sigmoid(x @ W_f + h @ U_f)
    g = cr.tanh(x @ W_g + h @ U_g)
    o = cr.sigmoid(x @ W_o + h @ U_o)
    c_1 = f * c + i * g
    h_1 = o * cr.tanh(c_1)
    loss = (h_1**2).mean()
    return cr.explain(loss, lang=lang)


def weight_sharing(lang: str) -> Any:
    W = cr.randn(2, 2).requires_grad_()
    x, y = cr.randn(3, 2), cr.randn(3, 2)
    h = cr.tanh(x @ W)
    y_pred = h @ W
    loss = F.mse_loss(y_pred, y)
    return cr.explain(loss, lang=lang)


MODELS = [
    quadratic_fit, linear_regression, logistic_regression, two_layer_net, five_layer_mlp, conv_net,
    layer_norm_block, attention_head, lstm_cell, weight_sharing,
]  # fmt: skip
