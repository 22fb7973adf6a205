"""The categorical distribution."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from ..autograd.mode import enable_grad
from ..functional.broadcast import broadcast_tensors
from ..functional.dtypes import Size, finfo
from ..functional.fill import full
from ..functional.random import multinomial
from ..functional.ranges import arange
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import logits_to_probs, probs_to_logits


class Categorical(Distribution):
    """The numbers 0 … K-1, by `probs` (…, K) or by unnormalised log-probabilities `logits` (…, K).

    Raises ValueError unless exactly one of the two is given, with at least one dimension.

    >>> import chainrule as cr
    >>> policy = cr.distributions.Categorical(logits=cr.tensor([0.0, 0.0]))
    >>> policy.log_prob(cr.tensor(1)), policy.entropy()
    (tensor(-0.6931), tensor(0.6931))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        if (given := logits if probs is None else probs) is None or (
            probs is not None and logits is not None
        ):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        if given.dim() < 1:
            name = "logits" if probs is None else "probs"
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = given - given.logsumexp(-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @cached_property
    def probs(self) -> Tensor:
        """The probabilities, which sum to 1."""
        with enable_grad():  # kept: a first use under no_grad must not cut the later ones off
            return logits_to_probs(self.logits)

    @cached_property
    def logits(self) -> Tensor:
        """The log-probabilities."""
        with enable_grad():
            return probs_to_logits(self.probs)

    @property
    def support(self) -> constraints.Constraint:
        """The numbers 0 … K-1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def param_shape(self) -> Any:
        """The shape of probs and logits."""
        return Size((*self._batch_shape, self._num_events))

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        rows = self.probs.reshape(-1, self._num_events)
        drawn = multinomial(rows, math.prod(sample_shape), True).T
        return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        index, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._values(arange(self._num_events), expand)
