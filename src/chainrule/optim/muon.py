"""Muon: momentum orthogonalised by Newton-Schulz."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .checks import require_at_least, require_one_element
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import MUON as RULE


class Muon(RuleOptimizer):
    r"""Steps along the orthogonalised momentum of matrices: all its singular values are made about equal.

    .. math:: b_t = \mu b_{t-1} + (1 - \mu) g_t, \quad
        p_t = p_{t-1} (1 - \gamma \lambda) - \gamma' \operatorname{NS}(b_t)

    For the weights of hidden layers; biases and embeddings need another optimizer. ``adjust_lr_fn`` is
    "original" (γ' = γ·√max(1, n/m) for an n × m matrix) or "match_rms_adamw" (γ' = 0.2·γ·√max(n, m)).

    Raises:
        ValueError: a hyper-parameter outside its range, or a parameter not of 2 dimensions.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([[1.0, -2.0]], requires_grad=True)
        >>> optimizer = cr.optim.Muon([w], lr=0.1)
        >>> optimizer.param_groups[0]["ns_steps"]
        5
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        require_one_element(lr)
        require_at_least("Learning rate", lr)
        require_at_least("momentum", momentum)
        require_at_least("weight decay", weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            if p.ndim != 2:
                del self.param_groups[-1]
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}"
                )

    def _check_gradients(self, params: list[Tensor]) -> None:
        if any(p._a.dtype.kind == "c" for p in params):
            raise RuntimeError("Muon does not support complex parameters")
        for group in self.param_groups:
            if group["ns_steps"] >= 100:
                raise ValueError("Number of steps must be less than 100 for computational efficiency")
            if len(group["ns_coefficients"]) != 3:
                raise ValueError("Coefficients must be a tuple of exactly 3 values")
