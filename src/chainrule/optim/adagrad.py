"""Adagrad."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_not_negative, require_one_way, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import ADAGRAD as RULE


class Adagrad(RuleOptimizer):
    r"""Gradient descent divided by the root of the sum of all squared gradients.

    .. math:: s_t = s_{t-1} + g_t^2, \quad
        p_t = p_{t-1} - \frac{\gamma}{1 + (t-1)\,\text{lr\_decay}} \frac{g_t}{\sqrt{s_t} + \epsilon}

    Raises:
        ValueError: a negative hyper-parameter.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.Adagrad([w], lr=0.1)
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
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        require_rate(lr)
        require_not_negative(lr_decay=lr_decay, weight_decay=weight_decay)
        require_not_negative(initial_accumulator_value=initial_accumulator_value, epsilon=eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        require_one_way(fused, foreach, differentiable)
        for group in self.param_groups:
            for p in group["params"]:  # its state is there before the first step
                kept = self.state[p]
                for entry in self.rule.numbers:
                    self._number(entry, kept, group)
                for entry in self.rule.buffers:
                    self._buffer(entry, p, kept, group)
