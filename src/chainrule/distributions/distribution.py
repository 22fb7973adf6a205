"""The base of all distributions: shapes, validation, expand."""

from __future__ import annotations

from typing import Any, Self

from ..autograd.mode import no_grad
from ..functional.dtypes import Size
from ..inplace import plain
from ..tensor import Tensor
from .constraints import Constraint
from .utils import broadcast_all


def _all(valid: Tensor) -> bool:
    """Whether a check holds everywhere; taken for granted where the values are not known yet."""
    return not plain(valid._a) or bool(valid.all())


class Distribution:
    """A family of distributions: `batch_shape` parameters, each sample of `event_shape`.

    Samples have shape sample_shape + batch_shape + event_shape, log_prob() has sample_shape + batch_shape.
    Unless `validate_args` is False, parameters and values outside their constraint raise ValueError.
    """

    arg_constraints: dict[str, Constraint] = {}
    support: Any = None
    has_rsample = False
    has_enumerate_support = False
    _validate_args = True

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Set whether distributions made without `validate_args` check their parameters and values."""
        if not isinstance(value, bool):
            raise ValueError(f"set_default_validate_args() takes True or False, but got {value!r}")
        Distribution._validate_args = value

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            value = self.__dict__.get(name)  # the other parameterisation is computed on first use
            if value is not None and not _all(constraint.check(value)):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of "
                    f"distribution {self!r} to satisfy the constraint {constraint!r}, but found invalid "
                    f"values:\n{value}"
                )

    def _broadcast(self, **parameters: Any) -> Any:
        """Set the parameters, broadcast to one shape, and return that shape."""
        tensors = broadcast_all(*parameters.values())
        self.__dict__.update(zip(parameters, tensors))
        return tensors[0].shape

    def expand(self, batch_shape: Any) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        for name, constraint in self.arg_constraints.items():
            if name in self.__dict__:
                value = self.__dict__[name]
                new.__dict__[name] = value.expand(
                    (*batch_shape, *value.shape[value.ndim - constraint.event_dim :])
                )
        new._batch_shape = Size(batch_shape)
        return new

    @property
    def batch_shape(self) -> Any:
        """The shape of the parameters of independent distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """The shape of one sample of one distribution."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """E[x]."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        raise NotImplementedError(f"{type(self).__name__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """E[(x - E[x])²]."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """A sample without gradient, of shape sample_shape + batch_shape + event_shape."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """A sample as a differentiable function of the parameters (the reparametrisation trick)."""
        raise NotImplementedError(f"{type(self).__name__} has no reparametrised samples: use sample()")

    def log_prob(self, value: Tensor) -> Tensor:
        """ln p(value)."""
        raise NotImplementedError(f"{type(self).__name__} does not implement log_prob()")

    def cdf(self, value: Tensor) -> Tensor:
        """P(x <= value)."""
        raise NotImplementedError(f"{type(self).__name__} does not implement cdf()")

    def icdf(self, value: Tensor) -> Tensor:
        """The x at which cdf(x) is `value`."""
        raise NotImplementedError(f"{type(self).__name__} does not implement icdf()")

    def entropy(self) -> Tensor:
        """-E[ln p(x)]."""
        raise NotImplementedError(f"{type(self).__name__} does not implement entropy()")

    def perplexity(self) -> Tensor:
        """e to the entropy."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along a first dimension."""
        raise NotImplementedError(f"{type(self).__name__} does not implement enumerate_support()")

    def _extended_shape(self, sample_shape: Any = ()) -> Any:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _values(self, values: Tensor, expand: bool) -> Tensor:
        """`values` along a first dimension, for enumerate_support()."""
        values = values.view((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def _validate_sample(self, value: Any) -> None:
        """Raise ValueError for a value of a wrong shape or outside the support, unless validation is off."""
        if not self._validate_args:
            return
        if not isinstance(value, Tensor):
            raise ValueError(
                f"The value argument to log_prob must be a Tensor, but got {type(value).__name__}"
            )
        shape, expected = value.shape, Size((*self._batch_shape, *self._event_shape))
        if shape[len(shape) - len(self._event_shape) :] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {shape} vs {self._event_shape}."
            )
        if any(a != b and 1 not in (a, b) for a, b in zip(reversed(shape), reversed(expected))):
            raise ValueError(
                f"Value is not broadcastable with batch_shape+event_shape: {shape} vs {expected}."
            )
        if self.support is not None and not _all(self.support.check(value)):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(shape)}) to be within the "
                f"support ({self.support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        given = {name: self.__dict__[name] for name in self.arg_constraints if name in self.__dict__}
        words = (f"{name}: {value if value.numel() == 1 else value.shape}" for name, value in given.items())
        return f"{type(self).__name__}({', '.join(words)})"
