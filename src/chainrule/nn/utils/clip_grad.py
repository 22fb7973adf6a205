"""Clipping gradients, by norm and by value."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from math import isfinite
from typing import Any

import numpy as np

from ...autograd.mode import set_grad
from ...autograd.tape import clock
from ...dispatch import bind
from ...functional.norms import vector_norm
from ...inplace import touch
from ...ops.movement import stack
from ...tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _tensors(given: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(given)


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [p._grad for p in _tensors(parameters) if p._grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """The norm of all tensors together, as if they were one vector: ‖(‖t₁‖ₚ, ‖t₂‖ₚ, …)‖ₚ.

    Raises RuntimeError for an infinite or NaN norm if error_if_nonfinite.
    """
    given = _tensors(tensors)
    if not given:
        return Tensor._wrap(np.array(0.0, np.float32))
    p = float(norm_type)
    if not clock.tracing():
        kind = np.result_type(*[t._a.dtype for t in given])
        norms = np.array([np.linalg.norm(t._a.ravel(), p) for t in given], kind)
        total = Tensor._wrap(np.asarray(np.linalg.norm(norms, p), kind))
    else:
        with set_grad(False):
            total = vector_norm(bind(stack, ([vector_norm(t, p) for t in given], 0)), p)
    if error_if_nonfinite and not isfinite(float(total)):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so "
            "it cannot be clipped. To disable this error and scale the gradients by the non-finite norm "
            "anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by min(1, max_norm/(total_norm + 1e-6)), in place."""
    if not clock.tracing():
        factor = min(float(max_norm) / (float(total_norm) + 1e-6), 1.0)
        for grad in _grads(parameters):
            a = grad._array()
            a *= a.dtype.type(factor)
            touch(grad, None)
        return
    with set_grad(False):
        scale = (max_norm / (total_norm + 1e-6)).clamp_max(1.0)
        for grad in _grads(parameters):
            grad.mul_(scale)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
    error_if_nonfinite: bool = False, foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """Scale the gradients so that their norm together is at most max_norm; returns the norm before.

    >>> import chainrule as cr
    >>> w = cr.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> clip_grad_norm_(w, 1.0)
    tensor(5.)
    """
    given = _tensors(parameters)
    if not given and not isinstance(parameters, Tensor):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(_grads(given), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(given, max_norm, total, foreach)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """The old name of clip_grad_norm_."""
    warnings.warn(
        "torch.nn.utils.clip_grad_norm is now deprecated in favor of torch.nn.utils.clip_grad_norm_.",
        FutureWarning, stacklevel=2,
    )  # fmt: skip
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every gradient element to [-clip_value, clip_value], in place."""
    limit = float(clip_value)
    with set_grad(False):
        for grad in _grads(parameters):
            grad.clamp_(-limit, limit)
