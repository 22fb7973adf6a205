"""What distributions share: broadcasting of parameters, probabilities and their logarithms."""

from __future__ import annotations

from typing import Any

from ..functional.broadcast import broadcast_tensors
from ..functional.create import tensor
from ..functional.dtypes import finfo, get_default_dtype
from ..tensor import Tensor


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """The tensors and numbers as tensors of one shape; numbers get the first tensor's dtype.

    Raises ValueError for anything else.
    """
    if not all(isinstance(v, (Tensor, int, float, complex)) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            f"__torch_function__., but got {', '.join(type(v).__name__ for v in values)}: use torch.tensor()"
        )
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), get_default_dtype())
    tensors = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values]
    return tuple(broadcast_tensors(*tensors))


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """σ(logits) for a yes-no event, softmax over the last dimension otherwise."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """The probabilities moved into [eps, 1 - eps], so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """ln p, or for a yes-no event the log-odds ln p - ln(1 - p)."""
    inside = clamp_probs(probs)
    return inside.log() - (-inside).log1p() if is_binary else inside.log()


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sum over the last `dims` dimensions."""
    return value.reshape((*value.shape[: value.ndim - dims], -1)).sum(-1) if dims else value
