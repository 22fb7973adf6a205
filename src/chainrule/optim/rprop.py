"""Rprop: resilient backpropagation."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import RPROP as RULE


class Rprop(RuleOptimizer):
    r"""A step size per weight that grows while the gradient keeps its sign and shrinks where it turns.

    .. math:: p_t = p_{t-1} - \operatorname{sgn}(g_t)\, \Delta_t, \quad \Delta_t = \eta^\pm \Delta_{t-1}

    Raises:
        ValueError: a negative learning rate, or etas that are not below and above 1.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.Rprop([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)
