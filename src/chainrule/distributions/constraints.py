"""Which values a parameter or a sample of a distribution may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..functional.compare import isclose
from ..linalg import cholesky_ex
from ..tensor import Tensor

__all__ = [
    "Constraint", "boolean", "greater_than", "greater_than_eq", "independent", "integer_interval", "interval",
    "less_than", "lower_cholesky", "nonnegative", "nonnegative_integer", "one_hot", "positive",
    "positive_definite", "real", "real_vector", "simplex", "unit_interval",
]  # fmt: skip


class Constraint:
    """A region of values: `check` says for each event, of `event_dim` dimensions, if it is inside.

    >>> import chainrule as cr
    >>> cr.distributions.constraints.positive.check(cr.tensor([1.0, -1.0]))
    tensor([ True, False])
    """

    def __init__(
        self, text: str, check: Callable[[Tensor], Any], event_dim: int = 0, discrete: bool = False
    ) -> None:
        self._text = text
        self._check = check
        self.event_dim = event_dim
        self.is_discrete = discrete

    def check(self, value: Tensor) -> Any:
        """Whether each value is inside, a bool tensor."""
        return self._check(value)

    def __repr__(self) -> str:
        return self._text


def greater_than(lower_bound: Any) -> Constraint:
    """x > lower_bound."""
    return Constraint(f"GreaterThan(lower_bound={lower_bound})", lambda x: x > lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """x >= lower_bound."""
    return Constraint(f"GreaterThanEq(lower_bound={lower_bound})", lambda x: x >= lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """x < upper_bound."""
    return Constraint(f"LessThan(upper_bound={upper_bound})", lambda x: x < upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """lower_bound <= x <= upper_bound."""
    return Constraint(
        f"Interval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        lambda x: (x >= lower_bound) & (x <= upper_bound),
    )


def integer_interval(lower_bound: int, upper_bound: int) -> Constraint:
    """The whole numbers from lower_bound to upper_bound, both included."""
    return Constraint(
        f"IntegerInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        lambda x: (x % 1 == 0) & (x >= lower_bound) & (x <= upper_bound),
        discrete=True,
    )


def independent(base: Constraint, dims: int) -> Constraint:
    """`base` for every value of the last `dims` dimensions."""

    def check(x: Tensor) -> Any:
        inside = base.check(x)
        if inside.ndim < dims:
            raise ValueError(
                f"Expected value.dim() >= {base.event_dim + dims} but got {x.ndim}: the last {dims} "
                "dimensions are one event"
            )
        return inside.reshape((*inside.shape[: inside.ndim - dims], -1)).all(-1)

    return Constraint(
        f"IndependentConstraint({base!r}, {dims})", check, base.event_dim + dims, base.is_discrete
    )


def _is_simplex(x: Tensor) -> Any:
    return (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6)


def _is_lower_cholesky(x: Tensor) -> Any:
    lower = (x.tril() == x).all(-1).all(-1)
    return lower & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _is_positive_definite(x: Tensor) -> Any:
    symmetric = isclose(x, x.mT, atol=1e-6).all(-1).all(-1)
    return symmetric & (cholesky_ex(x)[1] == 0)


boolean = Constraint("Boolean()", lambda x: (x == 0) | (x == 1), discrete=True)
one_hot = Constraint("OneHot()", lambda x: boolean.check(x).all(-1) & (x.sum(-1) == 1), 1, discrete=True)
nonnegative_integer = Constraint(
    "IntegerGreaterThan(lower_bound=0)", lambda x: (x % 1 == 0) & (x >= 0), discrete=True
)
real = Constraint("Real()", lambda x: x == x)  # not nan
real_vector = independent(real, 1)
positive, nonnegative = greater_than(0.0), greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
simplex = Constraint("Simplex()", _is_simplex, 1)
lower_cholesky = Constraint("LowerCholesky()", _is_lower_cholesky, 2)
positive_definite = Constraint("PositiveDefinite()", _is_positive_definite, 2)
