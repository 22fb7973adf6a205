"""Stochastic gradient descent."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_not_negative, require_one_way, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import SGD as RULE


class SGD(RuleOptimizer):
    r"""Stochastic gradient descent, with momentum b.

    .. math:: b_t = \mu b_{t-1} + (1 - \tau) g_t, \quad p_t = p_{t-1} - \gamma\, b_t

    Raises:
        ValueError: a negative hyper-parameter, or Nesterov momentum without momentum or with dampening.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.SGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        require_rate(lr)
        require_not_negative(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        require_one_way(fused, foreach, differentiable)
