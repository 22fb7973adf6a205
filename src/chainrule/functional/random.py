"""Random tensors and the random generator: PyTorch's numbers from PyTorch's seeds."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .. import random as rng
from ..device import device as Device
from ..dispatch import bind
from ..dispatch import where as spot
from ..inplace import assign, require_writable
from ..ops import random as ops
from ..ops.record import Op
from ..tensor import Tensor
from ..types import FROM_NUMPY, DType, dtype_of, int64
from .api import method, write
from .fill import dtype_for, finish, sized

# ----- the generator


class Generator(rng.Generator):
    """A source of random numbers, with a seed and a state of its own.

    >>> import chainrule as cr
    >>> cr.Generator().manual_seed(7).initial_seed()
    7
    """

    def __init__(self, device: Any = "cpu") -> None:
        super().__init__(device)
        self.device = Device("cpu")

    def get_state(self) -> Any:
        """The state as a uint8 tensor."""
        return Tensor._wrap(super().get_state())

    def set_state(self, new_state: Any) -> None:
        """Continue from a state of get_state()."""
        super().set_state(_state(new_state))

    def clone_state(self) -> Generator:
        """A new generator in the same state, independent from then on."""
        clone = Generator()
        clone.set_state(self.get_state())
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (), super().get_state()


def _state(new_state: Any) -> Any:
    return new_state._a if isinstance(new_state, Tensor) else new_state


default_generator = rng.default_generator
manual_seed, seed, initial_seed, fork_rng = rng.manual_seed, rng.seed, rng.initial_seed, rng.fork_rng


def get_rng_state() -> Tensor:
    """The default generator's state, a uint8 tensor."""
    return Tensor._wrap(rng.get_rng_state())


def set_rng_state(new_state: Tensor) -> None:
    """Restore the default generator to a state of get_rng_state()."""
    rng.set_rng_state(_state(new_state))


def _source(generator: Any) -> Any:
    if generator is None:
        return default_generator
    if not isinstance(generator, rng.Generator):
        raise TypeError(f"argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return generator


# ----- by size


def _sampler(name: str, op: Op, what: str) -> Callable[..., Tensor]:
    def create(*size: Any, generator: Any = None, **options: Any) -> Tensor:
        if "names" in options:
            raise TypeError(f"{name}(): named dimensions are not supported")
        shape = sized(name, size, options)
        options.pop("size", None)
        return finish(bind(op, (_source(generator), shape, _dtype(options), 0.0, 1.0)), **options)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = f"""A tensor of the given sizes with {what}.

    Options: generator, dtype (the default float), requires_grad, out, device.

    >>> import chainrule as cr
    >>> cr.{name}(2, 3).shape
    torch.Size([2, 3])
    """
    return create


rand = _sampler("rand", ops.uniform, "uniform values in [0, 1)")
randn = _sampler("randn", ops.normal, "standard normal values")


def _dtype(options: dict[str, Any]) -> DType:
    return FROM_NUMPY[dtype_for(options)]


def _dtype_like(x: Tensor, options: dict[str, Any]) -> DType:
    return dtype_of(x._a) if options.get("dtype") is None else _dtype(options)


def _like(name: str, op: Op) -> Callable[..., Tensor]:
    def create(input: Tensor, *, generator: Any = None, **options: Any) -> Tensor:
        dtype = _dtype_like(input, options)
        return finish(bind(op, (_source(generator), input._a.shape, dtype, 0.0, 1.0)), **options)

    create.__name__ = create.__qualname__ = name + "_like"
    create.__doc__ = f"{name}() with the shape and dtype of `input`."
    return create


rand_like, randn_like = _like("rand", ops.uniform), _like("randn", ops.normal)


def randint(*args: Any, generator: Any = None, **options: Any) -> Tensor:
    """randint(high, size) or randint(low, high, size): integers in [low, high), int64 by default."""
    given = list(args)
    for key in ("low", "high", "size"):
        if key in options:
            given.append(options.pop(key)) if key != "low" else given.insert(0, options.pop(key))
    low, high, size = (0, *given) if len(given) == 2 else given if len(given) == 3 else _wrong_randint(given)
    dtype = _integer_dtype(options)
    shape = sized("randint", (size,), {})
    return finish(
        bind(ops.integers, (_source(generator), shape, dtype, _bound(low), _bound(high))), **options
    )


def _integer_dtype(options: dict[str, Any]) -> DType:
    given = options.get("dtype") is not None or options.get("out") is not None
    return _dtype(options) if given else int64


def _wrong_randint(given: list[Any]) -> Any:
    raise TypeError(f"randint() takes (high, size) or (low, high, size), got {len(given)} arguments")


def _bound(value: Any) -> int:
    return int(value.item()) if isinstance(value, Tensor) else operator.index(value)


def randint_like(input: Tensor, *bounds: Any, generator: Any = None, **options: Any) -> Tensor:
    """randint() with the shape and dtype of `input`."""
    given = [*bounds, *(options.pop(k) for k in ("low", "high") if k in options)]
    low, high = given if len(given) == 2 else (0, *given)
    args = (_source(generator), input._a.shape, _dtype_like(input, options), _bound(low), _bound(high))
    return finish(bind(ops.integers, args), **options)


def randperm(n: int, *, generator: Any = None, **options: Any) -> Tensor:
    """A random order of 0 … n - 1, int64 by default."""
    dtype = _integer_dtype(options)
    return finish(bind(ops.permutation, (_source(generator), operator.index(n), dtype)), **options)


# ----- by distribution


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """Normal values with the given means and standard deviations (numbers with a size, or tensors)."""
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        result: Tensor = bind(ops.normal_of, (mean, std, _source(generator)))
        return result if out is None else write(out, result)
    if size is None:
        raise TypeError("normal(): numbers as mean and std need a size, as in normal(0.0, 1.0, (2, 3))")
    shape = sized("normal", (size,), {})
    dtype = _dtype({**options, "out": out})
    drawn = bind(ops.normal, (_source(generator), shape, dtype, float(mean), float(std)))
    return finish(drawn, out=out, **options)


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Any = None, out: Tensor | None = None
) -> Tensor:
    """1 with the probability that `input` (or p) gives, else 0."""
    shape, dtype = input._a.shape, dtype_of(input._a)
    if p is None:
        result = bind(ops.bernoulli_of, (input, _source(generator), shape, dtype))
    else:
        result = bind(ops.bernoulli, (_source(generator), shape, dtype, float(p)))
    return result if out is None else write(out, result)


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson counts with the rates `input`."""
    return bind(ops.poisson, (input, _source(generator)))


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn with probabilities proportional to each row of `input`."""
    result: Tensor = bind(ops.multinomial, (input, _source(generator), num_samples, replacement))
    return result if out is None else write(out, result)


# ----- in place


def _drawn(self: Tensor, op: Op, generator: Any, *args: Any) -> Tensor:
    require_writable(self)
    values = bind(op, (_source(generator), self._a.shape, dtype_of(self._a), *args))
    return assign(self, values, spot())


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with normal values."""
    return _drawn(self, ops.normal, generator, float(mean), float(std))


def uniform_(self: Tensor, a: float = 0, b: float = 1, *, generator: Any = None, **bounds: float) -> Tensor:
    """Fill with uniform values in [from, to)."""
    return _drawn(self, ops.uniform, generator, float(bounds.get("from", a)), float(bounds.get("to", b)))


def random_(self: Tensor, *bounds: int, generator: Any = None, **named: int) -> Tensor:
    """Fill with integers: random_(), random_(to) or random_(from, to)."""
    given = [*bounds, *(named[k] for k in ("from", "to") if k in named)]
    low, high = (None, None) if not given else (0, given[0]) if len(given) == 1 else given[:2]
    return _drawn(self, ops.integers, generator, low, high)


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 with probability p, else 0."""
    if not isinstance(p, Tensor):
        return _drawn(self, ops.bernoulli, generator, float(p))
    require_writable(self)
    values = bind(ops.bernoulli_of, (p, _source(generator), self._a.shape, dtype_of(self._a)))
    return assign(self, values, spot())


def exponential_(self: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with exponential values of rate lambd."""
    return _drawn(self, ops.exponential, generator, float(lambd))


def geometric_(self: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with numbers of trials up to the first success of probability p."""
    return _drawn(self, ops.geometric, generator, float(p))


def log_normal_(self: Tensor, mean: float = 1, std: float = 2, *, generator: Any = None) -> Tensor:
    """Fill with exp of normal values."""
    return _drawn(self, ops.log_normal, generator, float(mean), float(std))


def cauchy_(self: Tensor, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with Cauchy values."""
    return _drawn(self, ops.cauchy, generator, float(median), float(sigma))


for _function in (normal_, uniform_, random_, bernoulli_, exponential_, geometric_, log_normal_, cauchy_):
    method(_function)
method(bernoulli)
method(multinomial)

__all__ = [
    "Generator", "bernoulli", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed",
    "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn",
    "randn_like", "randperm",
    "seed", "set_rng_state",
]  # fmt: skip
