"""The Bernoulli distribution."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from ..autograd.mode import enable_grad, no_grad
from ..functional.random import bernoulli
from ..functional.ranges import arange
from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, logits_to_probs, probs_to_logits


class Bernoulli(Distribution):
    """1 with probability `probs`, else 0; or by the log-odds `logits`, p = σ(logits).

    Raises ValueError unless exactly one of the two is given.

    >>> import chainrule as cr
    >>> cr.distributions.Bernoulli(cr.tensor([0.5])).log_prob(cr.tensor([1.0]))
    tensor([-0.6931])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        shape = self._broadcast(probs=probs) if probs is not None else self._broadcast(logits=logits)
        super().__init__(shape, validate_args=validate_args)

    @cached_property
    def probs(self) -> Tensor:
        """The probability of 1."""
        with enable_grad():  # kept: a first use under no_grad must not cut the later ones off
            return logits_to_probs(self.logits, is_binary=True)

    @cached_property
    def logits(self) -> Tensor:
        """The log-odds ln p - ln(1 - p)."""
        with enable_grad():
            return probs_to_logits(self.probs, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of probs and logits."""
        return self._batch_shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._values(arange(2, dtype=self.probs.dtype), expand)
