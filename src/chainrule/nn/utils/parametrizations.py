"""Ready-made parametrizations: weight normalisation."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor
from ..module import Module
from .parametrize import register_parametrization

__all__ = ["weight_norm"]


class _WeightNorm(Module):
    """w = g·v/‖v‖, the norm over all dimensions but `dim` (None: over all)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def _norm(self, v: Any) -> Any:
        if self.dim is None:
            return (v * v).sum().sqrt()
        others = tuple(d for d in range(v.ndim) if d != self.dim % v.ndim)
        return (v * v).sum(others, keepdim=True).sqrt()

    def forward(self, weight_g: Any, weight_v: Any) -> Tensor:
        return weight_v * (weight_g / self._norm(weight_v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """(g, v) for a weight: its norm and itself."""
        return self._norm(weight), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn module.<name> as direction times magnitude, w = g·v/‖v‖ (Salimans and Kingma, 2016).

    `original0` is g, one for each index of `dim`, `original1` is v.

    >>> import chainrule as cr
    >>> net = weight_norm(cr.nn.Linear(3, 2))
    >>> net.parametrizations.weight.original0.shape
    torch.Size([2, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    return module
