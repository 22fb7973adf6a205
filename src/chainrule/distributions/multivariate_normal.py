"""The multivariate normal distribution."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Self

from ..autograd.mode import enable_grad
from ..functional.broadcast import broadcast_shapes
from ..functional.fill import empty
from ..linalg import cholesky, inv, solve_triangular
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution


class MultivariateNormal(Distribution):
    """The normal distribution of vectors (n,), by a mean `loc` (…, n) and one of three matrices (…, n, n).

    These are the covariance Σ = L Lᵀ, its inverse (`precision_matrix`) or its factor L (`scale_tril`).
    Raises ValueError unless exactly one of them is given.

    >>> import chainrule as cr
    >>> cr.distributions.MultivariateNormal(cr.zeros(2), cr.eye(2)).log_prob(cr.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: matrix for name, matrix in matrices.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand((*batch, -1))
        self.__dict__[name] = matrix.expand((*batch, -1, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._factor = matrix if name == "scale_tril" else _cholesky_factor(name, matrix)

    def expand(self, batch_shape: Any) -> Self:
        return super().expand(tuple(batch_shape))

    def _full(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @cached_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor L."""
        with enable_grad():
            return self._full(self._factor)

    @cached_property
    def covariance_matrix(self) -> Tensor:
        """Σ = L Lᵀ."""
        with enable_grad():
            return self._full(self._factor @ self._factor.mT)

    @cached_property
    def precision_matrix(self) -> Tensor:
        """The inverse of Σ."""
        with enable_grad():
            inverse = inv(self._factor)
            return self._full(inverse.mT @ inverse)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._factor.pow(2).sum(-1).expand(self._extended_shape())

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).normal_()
        return self.loc + (self._factor @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        whitened = solve_triangular(self._factor, (value - self.loc).unsqueeze(-1), upper=False).squeeze(-1)
        n = self._event_shape[0]
        return -0.5 * (n * math.log(2 * math.pi) + whitened.pow(2).sum(-1)) - self._half_log_det()

    def entropy(self) -> Tensor:
        n = self._event_shape[0]
        return (0.5 * n * (1.0 + math.log(2 * math.pi)) + self._half_log_det()).expand(self._batch_shape)

    def _half_log_det(self) -> Tensor:
        return self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _cholesky_factor(name: str, matrix: Tensor) -> Tensor:
    return cholesky(matrix if name == "covariance_matrix" else inv(matrix))
