"""Rules with running averages of the gradient and of its square or size: Adam and its kin."""

from __future__ import annotations

from typing import Any

from ...ops.arithmetic import sqrt
from ...ops.movement import to
from ...ops.record import Carrier
from ...ops.rounding import abs
from ...ops.select import maximum
from ...types import default
from .rule import STEP, Entry, Rule, branch, decayed, lerp, shrunk


def adam(
    p: Any,
    g: Any,
    step: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any,
    *,
    lr: Any,
    betas: Any,
    eps: Any,
    weight_decay: Any,
    amsgrad: bool,
    maximize: bool,
    decoupled_weight_decay: bool,
) -> tuple[Any, ...]:
    """m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², p ← p - lr·m̂/(√v̂ + ε) with m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ)."""
    beta1, beta2 = betas
    step = step + 1
    p, g = shrunk(p, g, lr, weight_decay, decoupled_weight_decay, maximize)
    exp_avg = lerp(exp_avg, g, 1 - beta1)
    exp_avg_sq = exp_avg_sq * beta2 + (1 - beta2) * g * g
    square = exp_avg_sq
    if amsgrad:
        square = max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
    denominator = sqrt(square) / (1 - beta2**step) ** 0.5 + eps
    p = p + (-lr / (1 - beta1**step)) * exp_avg / denominator
    return p, step, exp_avg, exp_avg_sq, max_exp_avg_sq


_MOMENTS = (Entry("exp_avg"), Entry("exp_avg_sq"))
_COMMON = ("lr", "betas", "eps", "weight_decay", "maximize")

ADAM = Rule(
    adam,
    (*_COMMON, "amsgrad", "decoupled_weight_decay"),
    (STEP,),
    (*_MOMENTS, Entry("max_exp_avg_sq", when="amsgrad")),
)


def adamax(
    p: Any,
    g: Any,
    step: Any,
    exp_avg: Any,
    exp_inf: Any,
    *,
    lr: Any,
    betas: Any,
    eps: Any,
    weight_decay: Any,
    maximize: bool,
) -> tuple[Any, ...]:
    """m ← β₁m + (1-β₁)g, u ← max(β₂u, |g| + ε), p ← p - lr/(1-β₁ᵗ)·m/u."""
    beta1, beta2 = betas
    step = step + 1
    g = decayed(p, g, weight_decay, maximize)
    exp_avg = lerp(exp_avg, g, 1 - beta1)
    exp_inf = maximum(exp_inf * beta2, abs(g) + eps)
    p = p + (-lr / (1 - beta1**step)) * exp_avg / exp_inf
    return p, step, exp_avg, exp_inf


ADAMAX = Rule(adamax, _COMMON, (STEP,), (Entry("exp_avg"), Entry("exp_inf")))


def _as_kept(number: Any) -> Any:
    """A number at the precision in which the state keeps it: what is read back at the next step."""
    if isinstance(number, Carrier):
        return to(number, default.dtype)
    return float(default.dtype.np.type(number))


def nadam(
    p: Any,
    g: Any,
    step: Any,
    mu_product: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    *,
    lr: Any,
    betas: Any,
    eps: Any,
    weight_decay: Any,
    momentum_decay: Any,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> tuple[Any, ...]:
    """Adam with Nesterov's momentum μₜ = β₁(1 - ½·0.96^(tψ)).

    p ← p - lr·(μₜ₊₁m/(1-∏μ·μₜ₊₁) + (1-μₜ)g/(1-∏μ))/(√v̂ + ε)
    """
    beta1, beta2 = betas
    step = step + 1
    p, g = shrunk(p, g, lr, weight_decay, decoupled_weight_decay, maximize)
    mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * momentum_decay)))
    mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * momentum_decay)))
    mu_product = _as_kept(mu_product * mu)
    exp_avg = lerp(exp_avg, g, 1 - beta1)
    exp_avg_sq = exp_avg_sq * beta2 + (1 - beta2) * g * g
    denominator = sqrt(exp_avg_sq / (1 - beta2**step)) + eps
    p = p + (-lr * (1.0 - mu) / (1.0 - mu_product)) * g / denominator
    p = p + (-lr * mu_next / (1.0 - mu_product * mu_next)) * exp_avg / denominator
    return p, step, mu_product, exp_avg, exp_avg_sq


NADAM = Rule(
    nadam, (*_COMMON, "momentum_decay", "decoupled_weight_decay"), (STEP, Entry("mu_product", 1.0)), _MOMENTS
)


def radam(
    p: Any,
    g: Any,
    step: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    *,
    lr: Any,
    betas: Any,
    eps: Any,
    weight_decay: Any,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> tuple[Any, ...]:
    """Adam whose step is scaled by the variance rectification r once ρ > 5, and is plain m̂ before."""
    beta1, beta2 = betas
    step = step + 1
    p, g = shrunk(p, g, lr, weight_decay, decoupled_weight_decay, maximize)
    exp_avg = lerp(exp_avg, g, 1 - beta1)
    exp_avg_sq = exp_avg_sq * beta2 + (1 - beta2) * g * g
    correction2 = 1 - beta2**step
    update = exp_avg / (1 - beta1**step) * lr
    longest = 2 / (1 - beta2) - 1
    rho = longest - 2 * step * beta2**step / correction2

    def rectified() -> Any:
        known = branch(
            rho > 5.0, lambda: rho, lambda: 6.0
        )  # where both branches are traced, no root of a negative
        scale = ((known - 4) * (known - 2) * longest / ((longest - 4) * (longest - 2) * known)) ** 0.5
        return update * (correction2**0.5 / (sqrt(exp_avg_sq) + eps)) * scale

    p = p - branch(rho > 5.0, rectified, lambda: update)
    return p, step, exp_avg, exp_avg_sq


RADAM = Rule(radam, (*_COMMON, "decoupled_weight_decay"), (STEP,), _MOMENTS)
