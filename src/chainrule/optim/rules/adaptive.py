"""Rules that divide by the root of accumulated squared gradients: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any

from ...ops.arithmetic import sqrt
from .rule import STEP, Entry, Rule, decayed, given, lerp


def rmsprop(
    p: Any,
    g: Any,
    step: Any,
    square_avg: Any,
    momentum_buffer: Any,
    grad_avg: Any,
    *,
    lr: Any,
    alpha: Any,
    eps: Any,
    weight_decay: Any,
    momentum: Any,
    centered: bool,
    maximize: bool,
) -> tuple[Any, ...]:
    """v ← αv + (1-α)g², p ← p - lr·g/(√v + ε); centered: v less the squared mean."""
    g = decayed(p, g, weight_decay, maximize)
    square_avg = square_avg * alpha + (1 - alpha) * g * g
    square = square_avg
    if centered:
        grad_avg = lerp(grad_avg, g, 1 - alpha)
        square = square_avg - grad_avg * grad_avg
    root = sqrt(square) + eps
    if given(momentum):
        momentum_buffer = momentum_buffer * momentum + g / root
        p = p - lr * momentum_buffer
    else:
        p = p - lr * g / root
    return p, step + 1, square_avg, momentum_buffer, grad_avg


RMSPROP = Rule(
    rmsprop,
    ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize"),
    (STEP,),
    (Entry("square_avg"), Entry("momentum_buffer", when="momentum"), Entry("grad_avg", when="centered")),
)


def adagrad(
    p: Any,
    g: Any,
    step: Any,
    sum: Any,
    *,
    lr: Any,
    lr_decay: Any,
    eps: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple[Any, ...]:
    """s ← s + g², p ← p - lr/(1 + (t-1)·decay)·g/(√s + ε)."""
    g = decayed(p, g, weight_decay, maximize)
    rate = lr / (1 + step * lr_decay)
    sum = sum + g * g
    return p - rate * g / (sqrt(sum) + eps), step + 1, sum


ADAGRAD = Rule(
    adagrad,
    ("lr", "lr_decay", "eps", "weight_decay", "maximize"),
    (STEP,),
    (Entry("sum", "initial_accumulator_value"),),
)


def adadelta(
    p: Any,
    g: Any,
    step: Any,
    square_avg: Any,
    acc_delta: Any,
    *,
    lr: Any,
    rho: Any,
    eps: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple[Any, ...]:
    """v ← ρv + (1-ρ)g², Δ = √(u + ε)/√(v + ε)·g, u ← ρu + (1-ρ)Δ², p ← p - lr·Δ."""
    g = decayed(p, g, weight_decay, maximize)
    square_avg = square_avg * rho + (1 - rho) * g * g
    delta = sqrt(acc_delta + eps) / sqrt(square_avg + eps) * g
    acc_delta = acc_delta * rho + (1 - rho) * delta * delta
    return p - lr * delta, step + 1, square_avg, acc_delta


ADADELTA = Rule(
    adadelta,
    ("lr", "rho", "eps", "weight_decay", "maximize"),
    (STEP,),
    (Entry("square_avg"), Entry("acc_delta")),
)
