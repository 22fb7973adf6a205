"""Rules that step along the gradient or its sign: SGD, averaged SGD, resilient propagation."""

from __future__ import annotations

from typing import Any

from ...ops.rounding import sign
from ...ops.select import maximum, minimum, where
from .rule import STEP, Entry, Rule, branch, decayed, given


def sgd(
    p: Any,
    g: Any,
    momentum_buffer: Any,
    *,
    lr: Any,
    momentum: Any,
    dampening: Any,
    weight_decay: Any,
    nesterov: bool,
    maximize: bool,
) -> tuple[Any, ...]:
    """b ← μb + (1-τ)g (at first b ← g), p ← p - lr·b; Nesterov: p ← p - lr·(g + μb)."""
    g = decayed(p, g, weight_decay, maximize)
    if given(momentum):
        if momentum_buffer is None:
            momentum_buffer = g
        else:
            momentum_buffer = momentum_buffer * momentum + ((1 - dampening) * g if given(dampening) else g)
        g = g + momentum * momentum_buffer if nesterov else momentum_buffer
    return p - lr * g, momentum_buffer


SGD = Rule(
    sgd,
    ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"),
    buffers=(Entry("momentum_buffer", None, "momentum"),),
)


def asgd(
    p: Any,
    g: Any,
    step: Any,
    eta: Any,
    mu: Any,
    ax: Any,
    *,
    lr: Any,
    lambd: Any,
    alpha: Any,
    t0: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple[Any, ...]:
    """p ← p·(1-λη) - ηg, average ax ← ax + μ(p - ax), η ← lr/(1 + λ·lr·t)^α, μ ← 1/max(1, t - t₀)."""
    step = step + 1
    g = decayed(p, g, weight_decay, maximize)
    p = p * (1 - lambd * eta) - eta * g
    ax = branch(mu != 1, lambda: ax + (p - ax) * mu, lambda: p)
    eta = lr / (1 + lambd * lr * step) ** alpha
    mu = 1 / branch(step - t0 > 1, lambda: step - t0, lambda: 1.0)
    return p, step, eta, mu, ax


ASGD = Rule(
    asgd,
    ("lr", "lambd", "alpha", "t0", "weight_decay", "maximize"),
    (STEP, Entry("eta", "lr"), Entry("mu", 1.0)),
    (Entry("ax"),),
)


def rprop(
    p: Any, g: Any, step: Any, prev: Any, step_size: Any, *, etas: Any, step_sizes: Any, maximize: bool
) -> tuple[Any, ...]:
    """Δ ← Δ·η⁺ where the gradient keeps its sign, Δ·η⁻ (and g ← 0) where it turns, p ← p - sign(g)·Δ."""
    slower, faster = etas
    least, most = step_sizes
    g = -g if maximize else g
    same = sign(g * prev)
    turned = same < 0
    step_size = where(same > 0, step_size * faster, where(turned, step_size * slower, step_size))
    step_size = minimum(maximum(step_size, least), most)
    g = where(turned, 0.0, g)
    return p - sign(g) * step_size, step + 1, g, step_size


RPROP = Rule(rprop, ("etas", "step_sizes", "maximize"), (STEP,), (Entry("prev"), Entry("step_size", "lr")))
