"""RMSprop."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_not_negative, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import RMSPROP as RULE


class RMSprop(RuleOptimizer):
    r"""Gradient descent divided by the root of a running average of squared gradients.

    .. math:: v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2, \quad
        p_t = p_{t-1} - \gamma \frac{g_t}{\sqrt{v_t} + \epsilon}

    ``centered`` subtracts the squared running mean from v; ``momentum`` is kept on the quotient.

    Raises:
        ValueError: a negative hyper-parameter.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.RMSprop([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 5.9605e-08, -1.0000e+00], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        require_not_negative(epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)
