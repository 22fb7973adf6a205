"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .checks import require_betas, require_not_negative, require_one_way, require_rate
from .optimizer import ParamsT
from .rule_optimizer import RuleOptimizer
from .rules import ADAM as RULE


def _require_plain(name: str, value: Any, foreach: bool | None, capturable: bool) -> None:
    """Refuse a hyper-parameter in a tensor where PyTorch's foreach does, and one of several elements."""
    if not isinstance(value, Tensor):
        return
    if foreach and not capturable:
        raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
    if value._a.size != 1:
        raise ValueError(f"Tensor {name} must be 1-element")


class Adam(RuleOptimizer):
    r"""Gradient descent on bias-corrected running averages of the gradient and of its square.

    .. math:: m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \; v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \;
        p_t = p_{t-1} - \gamma \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}

    ``weight_decay`` adds λp to the gradient, or shrinks p itself if ``decoupled_weight_decay``; ``amsgrad``
    divides by the largest v so far.

    Raises:
        ValueError: a negative hyper-parameter, or a decay rate outside [0, 1).

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    rule = RULE

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _require_plain("lr", lr, foreach, capturable)
        require_rate(lr)
        require_not_negative(epsilon=eps)
        require_betas(betas)
        require_not_negative(weight_decay=weight_decay)
        if not (all(isinstance(b, float) for b in betas) or all(isinstance(b, Tensor) for b in betas)):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            _require_plain(f"betas[{i}]", beta, foreach, capturable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        require_one_way(fused, foreach, differentiable)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: p shrinks by γλp, whatever the gradient's size.

    .. math:: p_t = p_{t-1} (1 - \gamma \lambda) - \gamma \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}

    Raises:
        ValueError: a negative hyper-parameter, or a decay rate outside [0, 1).

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = cr.optim.AdamW([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.8990, -1.8980], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # also of a state that Adam saved
            group["decoupled_weight_decay"] = True
