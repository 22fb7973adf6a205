"""Functions of everyday code, with inputs, whose derivatives the tests take in every way there is."""

from __future__ import annotations

import numpy as np

import chainrule as cr

F = cr.nn.functional
SOURCE = np.random.default_rng(0)
X, Y, W, V = (SOURCE.uniform(0.3, 1.7, size=s) for s in [(3, 4), (3, 4), (5, 4), (4,)])
Z = SOURCE.normal(size=4) + 1j * SOURCE.normal(size=4)
PLACES, CLASSES = np.array([2, 0, 2, 1]), np.array([1, 3, 0])


def changed_in_place(x, v):
    y = x * 2
    y[1:] += v
    y.t()[0] = x[:, 1]
    y.mul_(x)
    y[0, 1:3].exp_()
    return y


def accumulated(x, v):
    total = cr.zeros(4, dtype=cr.float64)
    for row in x.unbind(0):
        total += row * v
    return total, total.sum()


def argument_changed(x, v):
    x.mul_(v)
    return x * x


FUNCTIONS = {
    "elementwise": (lambda x, y: cr.tanh(x * y) + cr.exp(-x) / (1 + y * y) - x**y, X, Y),
    "choices": (lambda x, y: cr.where(x > y, x * y, cr.relu(x - 1)) + cr.maximum(x, y).clamp(0.5, 1.2), X, Y),
    "sums": (lambda x: x.sum() * x.mean(0) + x.prod(1, keepdim=True) + x.var(), X),
    "extremes": (lambda x: x.amax(0) + x.amin(1, keepdim=True) + x.logsumexp(1).sum(), X),
    "products": (lambda x, w, v: x @ w.t() @ (w @ v), X, W, V),
    "linear": (lambda x, w: F.gelu(F.linear(x, w, w[:, 0])), X, W),
    "batches of products": (lambda x: x.unsqueeze(0).expand(2, 3, 4) @ x.t(), X),
    "broadcasting": (lambda x, v: x * v + v[:3, None] / x.sum(0) - x[:, :1] * 2, X, V),
    "views": (lambda x: x.t()[1:].reshape(-1, 3).flip(0) * x[:, ::2].sum() + x.view(2, 6)[1, 1:4], X),
    "parts": (lambda x: cr.cat([x[1:], x[:1] * 2], 0) * cr.stack(x.chunk(2, 1), 0).sum(0).repeat(1, 2), X),
    "in place": (changed_in_place, X, V),
    "accumulated in place": (accumulated, X, V),
    "an argument in place": (argument_changed, X, V),
    "shared": (lambda x: (lambda y: y * y + y.sum() * x)(x * x), X),
    "several outputs": (lambda x, y: (x * y, x.sum(), y.max(1)[0], x.argmax(1), x > y), X, Y),
    "an output twice": (lambda x: (lambda y: (y, y, y * x))(x.exp()), X),
    "an input as output": (lambda x, v: (x, x * v), X, V),
    "unused": (lambda x, y, v: x * 2, X, Y, V),
    "no output that matters": (lambda x, v: (x.round() + 0.0, v > 1), X, V),
    "whole numbers": (lambda x, i: x[:, i] * i + x.gather(1, i[None, :3]).sum(), X, PLACES),
    "classes": (lambda x, c: F.cross_entropy(x, c, label_smoothing=0.1), X, CLASSES),
    "embedding": (lambda w, i: F.embedding(i, w).tanh(), W, PLACES),
    "positions": (lambda x: (lambda found: (found[0] * 2, found[1]))(x.sort(1)), X),
    "detached": (lambda x, v: (x * v).detach() * x + (x.detach() * v).sum(0), X, V),
    "dtypes": (lambda x, i: (x.float() * 2).double() * x + x * i + x.long(), X, PLACES),
    "complex": (lambda z, v: (cr.exp(z * v) * (1 + 2j), (z * z.conj()).real, z.abs() * v), Z, V),
    "layer_norm": (lambda x, v: F.layer_norm(x, (4,), v, v * 2), X, V),
    "batch_norm": (lambda x, v: F.batch_norm(x, None, None, v, training=True), X, V),
    "attention": (lambda x, y: F.scaled_dot_product_attention(x[None], y[None], x[None]), X, Y),
    "convolution": (lambda x, w: F.conv2d(x[None, None], w[None, None, :2, :2], padding=1), X, W),
    "pooling": (lambda x: F.max_pool2d(x[None], 2, 1) + F.avg_pool2d(x[None], 2, 1), X),
}  # fmt: skip
