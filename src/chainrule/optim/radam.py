"""RAdam: Adam with a rectified variance."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_betas, require_not_negative, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import RADAM as RULE


class RAdam(RuleOptimizer):
    r"""Adam whose adaptive step begins once the variance of its second moment is known well enough.

    .. math:: p_t = p_{t-1} - \gamma\, \hat m_t\, r_t \frac{\sqrt{1 - \beta_2^t}}{\sqrt{v_t} + \epsilon}
        \text{ if } \rho_t > 5 \text{ else } p_{t-1} - \gamma\, \hat m_t

    Raises:
        ValueError: a negative hyper-parameter, or a decay rate outside [0, 1).

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.RAdam([w], lr=0.1)
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
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)
