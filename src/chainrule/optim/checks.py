"""What the optimizers require of their hyper-parameters, in PyTorch's words."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor


def require_one_element(lr: Any) -> None:
    """Refuse a learning rate in a tensor of several elements."""
    if isinstance(lr, Tensor) and lr._a.size != 1:
        raise ValueError("Tensor lr must be 1-element")


def require_rate(lr: Any) -> None:
    """Refuse a learning rate below 0, or in a tensor of several elements."""
    require_one_element(lr)
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def require_not_negative(**values: Any) -> None:
    """Refuse negative values; the names are those in the message."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def require_at_least(name: str, value: Any, least: int = 0) -> None:
    """Refuse a value below `least`, in the words of the newer optimizers."""
    if not value >= least:
        raise ValueError(f"{name} should be >= {least} but is: {value}")


def require_betas(betas: Any) -> None:
    """Refuse decay rates outside [0, 1)."""
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def require_one_way(fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
    """Refuse `fused` together with another way to run."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
