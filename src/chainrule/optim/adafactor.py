"""Adafactor: adaptive steps with a factored second moment."""

from __future__ import annotations

from ..tensor import Tensor
from .checks import require_at_least, require_one_element
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import ADAFACTOR as RULE


class Adafactor(RuleOptimizer):
    r"""Adaptive steps whose second moment of an n × m matrix is kept as n row and m column averages.

    .. math:: \hat v = \frac{r\, c}{\operatorname{mean}(r)}, \quad u = \frac{g}{\sqrt{\hat v}}, \quad
        p_t = p_{t-1} - \max(\epsilon_2, \operatorname{rms}(p)) \rho_t
        \frac{u}{\max(1, \operatorname{rms}(u) / d)}

    Raises:
        ValueError: a hyper-parameter outside its range.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([[1.0, -2.0]], requires_grad=True)
        >>> optimizer = cr.optim.Adafactor([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([[ 0.8419, -1.8419]], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        require_one_element(lr)
        require_at_least("Learning rate", lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None:
            require_at_least("epsilon1", eps[0])
        require_at_least("epsilon2", eps[1])
        require_at_least("Clipping threshold d", d, 1)
        require_at_least("weight_decay", weight_decay)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_gradients(self, params: list[Tensor]) -> None:
        if any(p._a.dtype.kind == "c" for p in params):
            raise RuntimeError("Adafactor does not support complex parameters")
