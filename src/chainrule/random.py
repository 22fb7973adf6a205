"""PyTorch's CPU random numbers: the same values from the same seed, as ndarrays.

Every sampling function takes a `Generator` first and leaves it in the state in which torch's would be. The
values are those of PyTorch's x86 builds, bit for bit, with two exceptions: on Intel processors PyTorch
draws `bernoulli_(p)` and dropout from the MKL library, where these follow its other processors; and
`multinomial` without replacement orders equal quotients by index, an order that PyTorch leaves open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._mt19937 import Generator
from ._rng_continuous import cauchy, exponential, log_normal, normal, uniform
from ._rng_discrete import bernoulli, dropout_mask, geometric, multinomial, poisson
from ._rng_integers import randint, random_, randperm, require_int64

__all__ = [
    "Generator", "bernoulli", "cauchy", "default_generator", "dropout_mask", "exponential", "fork_rng",
    "geometric", "get_rng_state", "initial_seed", "log_normal", "manual_seed", "multinomial", "normal",
    "poisson", "randint", "random_", "randperm", "require_int64", "seed", "set_rng_state", "uniform",
]  # fmt: skip

default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator with int(seed) and return it.

    Raises ValueError for a seed that int() refuses or that is outside [-2^63, 2^64 - 1].

    >>> manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system's entropy and return that 64-bit seed.

    >>> seed() == initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed last set on the default generator.

    >>> g = manual_seed(3); initial_seed()
    3
    """
    return default_generator.initial_seed()


def get_rng_state() -> NDArray[np.uint8]:
    """The default generator's state, 5056 bytes in torch's layout, shape (5056,).

    >>> get_rng_state().dtype.name
    'uint8'
    """
    return default_generator.get_state()


def set_rng_state(new_state: NDArray[np.uint8]) -> None:
    """Restore the default generator to a state from `get_rng_state`.

    Raises TypeError for anything but a uint8 array, RuntimeError for a wrong size.

    >>> set_rng_state(get_rng_state())
    """
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Iterable[Any] | None = None, enabled: bool = True) -> Iterator[None]:
    """Give the default generator its present state back on leaving the `with` block.

    `devices` is accepted as torch's accelerators and changes nothing; enabled=False makes the block ordinary.

    >>> g = manual_seed(0)
    >>> with fork_rng():
    ...     a = uniform(default_generator, (), np.float32)
    >>> bool(a == uniform(default_generator, (), np.float32))
    True
    """
    if not enabled:
        yield
        return
    state = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(state)
