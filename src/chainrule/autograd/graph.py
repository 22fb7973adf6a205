"""The tape as seen from outside: its nodes, and a count of in-place changes."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .tape import Node as Node


def get_gradient_edge(tensor: Tensor) -> Any:
    """The place on the tape that a tensor's gradient arrives at: (node, output number)."""
    if tensor._node is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge of a Tensor that does not require gradients"
        )
    return tensor._node.as_edge()


def increment_version(tensor: Any) -> None:
    """Say that a tensor's memory was changed by other means (through NumPy): backward can refuse it."""
    from ..dispatch import where
    from ..inplace import touch

    for t in tensor if isinstance(tensor, (list, tuple)) else (tensor,):
        touch(t, where())
