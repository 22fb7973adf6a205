"""PyTorch's losses and optimizers written for JAX, so that both train alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Update = Callable[[Any, Any, Any], tuple[Any, Any]]
Rule = tuple[Callable[[Any], Any], Update]


def trainer(weights: Any, loss: Callable[..., Any], rule: Rule) -> tuple[Any, Callable[..., Any]]:
    """(initial state, step): one step of `loss(parameters, *batch)` under an optimizer's rule."""
    import jax

    begin, update = rule
    parameters = {name: jax.numpy.asarray(w) for name, w in weights.items()}

    def step(state: Any, batch: Any) -> Any:
        parameters, moments = state
        value, gradient = jax.value_and_grad(loss)(parameters, *batch)
        return update(parameters, gradient, moments), value

    return (parameters, begin(parameters)), step


def sgd(lr: float, momentum: float) -> Rule:
    """v ← μ·v + g, p ← p − lr·v."""
    import jax

    def begin(parameters: Any) -> Any:
        return jax.tree.map(jax.numpy.zeros_like, parameters)

    def update(parameters: Any, gradient: Any, velocity: Any) -> Any:
        velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, gradient)
        return jax.tree.map(lambda p, v: p - lr * v, parameters, velocity), velocity

    return begin, update


def adam(
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.0,
    clip: float = 0.0,
) -> Rule:
    """Adam as in PyTorch; AdamW with `decay`; gradients clipped to the norm `clip` before."""
    import jax

    jnp = jax.numpy
    b1, b2 = betas

    def begin(parameters: Any) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return zeros, jax.tree.map(jnp.zeros_like, parameters), jnp.zeros((), jnp.float32)

    def update(parameters: Any, gradient: Any, moments: Any) -> Any:
        m, v, t = moments
        t = t + 1
        if clip:
            norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient)))
            scale = jnp.minimum(clip / (norm + 1e-6), 1.0)
            gradient = jax.tree.map(lambda g: g * scale, gradient)
        m = jax.tree.map(lambda m, g: m + (1 - b1) * (g - m), m, gradient)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, gradient)
        size, root = lr / (1 - b1**t), jnp.sqrt(1 - b2**t)
        parameters = jax.tree.map(
            lambda p, m, v: p * (1 - lr * decay) - size * m / (jnp.sqrt(v) / root + eps), parameters, m, v
        )
        return parameters, (m, v, t)

    return begin, update


def dense(parameters: Any, name: str, x: Any) -> Any:
    """x·Wᵀ + b."""
    return x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"]


def cross_entropy(logits: Any, target: Any) -> Any:
    """Mean of −log softmax(logits)[target]."""
    import jax

    chosen = jax.numpy.take_along_axis(jax.nn.log_softmax(logits), target[:, None], axis=1)
    return -chosen.mean()


def squared_error(a: Any, b: Any) -> Any:
    return ((a - b) ** 2).mean()
