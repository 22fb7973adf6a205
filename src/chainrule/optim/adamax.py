"""Adamax: Adam with the infinity norm."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_betas, require_not_negative, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import ADAMAX as RULE


class Adamax(RuleOptimizer):
    r"""Adam with the largest gradient u, decayed, in the place of the second moment.

    .. math:: m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \;
        u_t = \max(\beta_2 u_{t-1}, |g_t| + \epsilon), \;
        p_t = p_{t-1} - \frac{\gamma}{1 - \beta_1^t} \frac{m_t}{u_t}

    Raises:
        ValueError: a negative hyper-parameter, or a decay rate outside [0, 1).

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.Adamax([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        require_rate(lr)
        require_not_negative(epsilon=eps)
        require_betas(betas)
        require_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)
