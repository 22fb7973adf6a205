"""Averaged stochastic gradient descent."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_not_negative, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import ASGD as RULE


class ASGD(RuleOptimizer):
    r"""Gradient descent with decay; from step t₀ on the state's ``ax`` is the average of the parameters.

    .. math:: p_t = p_{t-1} (1 - \lambda \eta_t) - \eta_t g_t, \quad
        \eta_{t+1} = \frac{\gamma}{(1 + \lambda \gamma t)^\alpha}

    Raises:
        ValueError: a negative learning rate or weight decay.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.ASGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        require_rate(lr)
        require_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)
