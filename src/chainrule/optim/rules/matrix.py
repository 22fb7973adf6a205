"""Rules for matrices: Adafactor's factored variance, Muon's orthogonalised momentum."""

from __future__ import annotations

import math
from typing import Any

from ...ops.arithmetic import rsqrt, sqrt
from ...ops.movement import to
from ...ops.reduce import mean, sum
from ...ops.select import maximum
from ...types import Shape, as_dtype, bfloat16, float32
from .rule import STEP, Entry, Rule, branch, lerp

_MACHINE_EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def _every(a: Any) -> tuple[int, ...]:
    return tuple(range(a.ndim))


def _rms(a: Any) -> Any:
    """√(mean a²)."""
    return sqrt(sum(a * a, _every(a), False)) / math.prod(a.shape) ** 0.5


def adafactor(
    p: Any,
    g: Any,
    step: Any,
    row_var: Any,
    col_var: Any,
    variance: Any,
    *,
    lr: Any,
    beta2_decay: Any,
    eps: Any,
    d: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple[Any, ...]:
    """v̂ = r·c/mean(r) of row and column averages; the update g/√v̂ is clipped at d, scaled by p's size."""
    eps1 = _MACHINE_EPS[as_dtype(p.dtype).name] if eps[0] is None else eps[0]
    step = step + 1
    g = -g if maximize else g
    weight = step**beta2_decay
    slowed = 1 / step**0.5
    rate = maximum(_rms(p), eps[1]) * branch(slowed < lr, lambda: slowed, lambda: lr)
    if weight_decay != 0:
        p = p * (1 - lr * weight_decay)
    if g.ndim > 1:
        square = g * g
        row_var = lerp(row_var, mean(square, (g.ndim - 1,), True), weight)
        col_var = lerp(col_var, mean(square, (g.ndim - 2,), True), weight)
        estimate = row_var * col_var / maximum(mean(row_var, (g.ndim - 2,), True), eps1)
    else:
        estimate = variance = lerp(variance, g * g, weight)
    update = rsqrt(maximum(estimate, eps1 * eps1)) * g
    return p - rate / maximum(_rms(update) / d, 1.0) * update, step, row_var, col_var, variance


def _row_shape(shape: Shape) -> Shape | None:
    return (*shape[:-1], 1) if len(shape) > 1 else None


def _column_shape(shape: Shape) -> Shape | None:
    return (*shape[:-2], 1, shape[-1]) if len(shape) > 1 else None


def _vector_shape(shape: Shape) -> Shape | None:
    return shape if len(shape) < 2 else None


ADAFACTOR = Rule(
    adafactor,
    ("lr", "beta2_decay", "eps", "d", "weight_decay", "maximize"),
    (STEP,),
    (
        Entry("row_var", shape=_row_shape),
        Entry("col_var", shape=_column_shape),
        Entry("variance", shape=_vector_shape),
    ),
    elementwise=False,
)


def _rounded(x: Any) -> Any:
    """x with the digits of bfloat16, in which PyTorch iterates."""
    return to(to(x, bfloat16), float32)


def orthogonalised(g: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """About the nearest semi-orthogonal matrix: Newton-Schulz steps x ← ax + (bxxᵀ + c(xxᵀ)²)x from g/‖g‖."""
    a, b, c = coefficients
    tall = g.shape[0] > g.shape[1]
    x = _rounded(g.mT if tall else g)
    x = _rounded(x / maximum(_rounded(sqrt(sum(x * x, _every(x), True))), eps))
    for _ in range(steps):
        gram = _rounded(x @ x.mT)
        polynomial = _rounded(b * gram + c * (gram @ gram))
        x = _rounded(a * x + polynomial @ x)
    return x.mT if tall else x


def muon(
    p: Any,
    g: Any,
    momentum_buffer: Any,
    *,
    lr: Any,
    weight_decay: Any,
    momentum: Any,
    nesterov: bool,
    ns_coefficients: tuple[float, float, float],
    eps: float,
    ns_steps: int,
    adjust_lr_fn: str | None,
) -> tuple[Any, ...]:
    """b ← μb + (1-μ)g, p ← p·(1 - lr·λ) - lr·s·O, with O the orthogonalised b (Nesterov: g lerped to b)."""
    momentum_buffer = lerp(momentum_buffer, g, 1 - momentum)
    update = lerp(g, momentum_buffer, momentum) if nesterov else momentum_buffer
    rows, columns = p.shape
    scale = (
        0.2 * max(rows, columns) ** 0.5
        if adjust_lr_fn == "match_rms_adamw"
        else max(1.0, rows / columns) ** 0.5
    )
    direction = to(orthogonalised(update, ns_coefficients, ns_steps, eps), as_dtype(p.dtype))
    return p * (1 - lr * weight_decay) - lr * scale * direction, momentum_buffer


MUON = Rule(
    muon,
    ("lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "eps", "ns_steps", "adjust_lr_fn"),
    buffers=(Entry("momentum_buffer"),),
    elementwise=False,
)
