"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_betas, require_not_negative, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import NADAM as RULE


class NAdam(RuleOptimizer):
    r"""Adam with Nesterov's momentum, whose schedule is μ.

    .. math:: p_t = p_{t-1} - \gamma \frac{\mu_{t+1} m_t / (1 - \prod_{i \le t+1} \mu_i)
        + (1 - \mu_t) g_t / (1 - \prod_{i \le t} \mu_i)}{\sqrt{\hat v_t} + \epsilon}, \quad
        \mu_t = \beta_1 (1 - \tfrac12 0.96^{t \psi})

    Raises:
        ValueError: a negative hyper-parameter, or a decay rate outside [0, 1).

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.NAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.8944, -1.8944], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        require_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)
