"""Parameters as one vector and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...functional.join import cat
from ...tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, one after another."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give the parameters the values of the parts of `vec`: the inverse of parameters_to_vector."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    values: Any = vec
    start = 0
    for p in parameters:
        stop = start + p.numel()
        p.data = values[start:stop].view_as(p).data
        start = stop
