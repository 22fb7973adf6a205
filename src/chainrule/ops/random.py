"""Random draws: operations without tensors, or with tensors of probabilities, that advance a generator.

NOTE [Drawing] The generator is an attribute: a draw reads its state and moves it on, so draws keep their
order and none is shared or dropped, although their arguments may be equal. The numbers are random.py's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..random import Generator, require_int64
from ..random import bernoulli as draw_bernoulli
from ..random import cauchy as draw_cauchy
from ..random import dropout_mask as draw_dropout_mask
from ..random import exponential as draw_exponential
from ..random import geometric as draw_geometric
from ..random import log_normal as draw_log_normal
from ..random import multinomial as draw_multinomial
from ..random import normal as draw_normal
from ..random import poisson as draw_poisson
from ..random import random_ as draw_random
from ..random import randperm as draw_randperm
from ..random import uniform as draw_uniform
from ..types import DType, Shape, float32, float64, int64
from .record import Bad, Op, Rule, Spec, structured

_DRAWN = "drawn at random"
_LOWER = "by its NumPy forward: the generator's state is Python's"


def _sized(generator: Any, shape: Shape, dtype: DType, *parameters: Any) -> Shape:
    return tuple(shape)


def _typed(generator: Any, shape: Shape, dtype: DType, *parameters: Any) -> DType:
    return dtype


_KERNEL = "drawn by a kernel from the generator's own state, by its NumPy forward where that refuses"


def _by_size(
    name: str, forward: Rule, tex: str, samples: list[Any], bad: list[Bad] | None = None, lower: str = _LOWER
) -> Op:
    """A draw of (generator, shape, dtype, *parameters); `samples` are dtypes with parameters."""
    return structured(
        name,
        forward,
        nargs=0,
        shape=_sized,
        dtype=_typed,
        tex=tex,
        lower=lower,
        nondiff=_DRAWN,
        samples=lambda rng: [(Generator().manual_seed(0), (2, 3), *s) for s in samples],
        bad=bad or [],
    )


def _refused(words: str, *args: Any) -> list[Bad]:
    return [Bad(lambda: (Generator(), (2,), *args), RuntimeError, words)]


# ----- by size

uniform = _by_size(
    "uniform",
    lambda generator, shape, dtype, low, high: draw_uniform(generator, shape, dtype.np, low, high),
    r"\mathcal{{U}}({3}, {4})",
    [(float32, 0.0, 1.0), (float64, -1.0, 2.0)],
    _refused("uniform_ expects to return a [from, to) range", float32, 2.0, 1.0),
    _KERNEL,
)

normal = _by_size(
    "normal",
    lambda generator, shape, dtype, mean, std: draw_normal(generator, shape, dtype.np, mean, std),
    r"\mathcal{{N}}({3}, {4}^2)",
    [(float32, 0.0, 1.0), (float64, -1.0, 2.0)],
    _refused("normal expects std >= 0.0", float32, 0.0, -1.0),
)

bernoulli = _by_size(
    "bernoulli",
    lambda generator, shape, dtype, p: draw_bernoulli(generator, p, shape, dtype.np),
    r"\operatorname{{Bernoulli}}({3})",
    [(float32, 0.25), (int64, 0.5)],
    _refused("bernoulli_ expects p to be in [0, 1]", float32, 1.5),
    _KERNEL,
)

dropout_mask = _by_size(
    "dropout_mask",
    lambda generator, shape, dtype, p: draw_dropout_mask(generator, shape, p, dtype.np),
    r"\tfrac{{1}}{{1 - {3}}} \operatorname{{Bernoulli}}(1 - {3})",
    [(float32, 0.25), (float64, 0.5)],
    lower=_KERNEL,
)

exponential = _by_size(
    "exponential",
    lambda generator, shape, dtype, rate: draw_exponential(generator, shape, dtype.np, rate),
    r"\operatorname{{Exp}}({3})",
    [(float32, 1.0), (float64, 2.0)],
)

geometric = _by_size(
    "geometric",
    lambda generator, shape, dtype, p: draw_geometric(generator, shape, dtype.np, p),
    r"\operatorname{{Geometric}}({3})",
    [(float32, 0.25), (int64, 0.5)],
)

log_normal = _by_size(
    "log_normal",
    lambda generator, shape, dtype, mean, std: draw_log_normal(generator, shape, dtype.np, mean, std),
    r"e^{{\mathcal{{N}}({3}, {4}^2)}}",
    [(float32, 1.0, 2.0)],
)

cauchy = _by_size(
    "cauchy",
    lambda generator, shape, dtype, median, sigma: draw_cauchy(generator, shape, dtype.np, median, sigma),
    r"\operatorname{{Cauchy}}({3}, {4})",
    [(float32, 0.0, 1.0)],
)


def _integers_shape(generator: Any, shape: Shape, dtype: DType, low: Any, high: Any) -> Shape:
    require_int64(low, high)
    return tuple(shape)


# Whole numbers of [low, high); up to the dtype's largest without `high`, from 0 without `low`.
integers = structured(
    "random_integers",
    lambda generator, shape, dtype, low, high: draw_random(generator, shape, dtype.np, low, high),
    nargs=0,
    shape=_integers_shape,
    dtype=_typed,
    tex=r"\mathcal{{U}}\{{{3}, \dots, {4} - 1\}}",
    lower=_LOWER,
    nondiff=_DRAWN,
    samples=lambda rng: [
        (Generator().manual_seed(0), (2, 3), int64, 0, 10),
        (Generator().manual_seed(0), (4,), float32, None, None),
    ],
    bad=[
        *_refused("random_ expects 'from' to be less than 'to'", int64, 3, 3),
        Bad(lambda: (Generator(), (2,), int64, 0, 2**64), ValueError, "Overflow when unpacking long long"),
    ],
)

permutation = structured(
    "randperm",
    lambda generator, n, dtype: draw_randperm(generator, n, dtype.np),
    nargs=0,
    shape=lambda generator, n, dtype: (n,),
    dtype=_typed,
    tex=r"\operatorname{{permutation}}({1})",
    lower=_LOWER,
    nondiff=_DRAWN,
    samples=lambda rng: [(Generator().manual_seed(0), 5, int64), (Generator().manual_seed(0), 3, float32)],
)

# ----- by tensors of parameters


def _normal_of(mean: Any, std: Any, generator: Any) -> Any:
    if np.min(std, initial=0) < 0:
        raise RuntimeError("normal expects all elements of std >= 0.0")
    dtype = mean.dtype if hasattr(mean, "dtype") else std.dtype
    z = draw_normal(generator, np.broadcast_shapes(np.shape(mean), np.shape(std)), dtype)
    return np.asarray(z * std + mean).astype(dtype, copy=False)


def _normal_shape(mean: Any, std: Any, generator: Any) -> Shape:
    return np.broadcast_shapes(*(p.shape for p in (mean, std) if isinstance(p, Spec)))


normal_of = structured(
    "normal_of",
    _normal_of,
    nargs=2,
    shape=_normal_shape,
    dtype=lambda mean, std, generator: mean.dtype if isinstance(mean, Spec) else std.dtype,
    tex=r"\mathcal{{N}}({0}, {1}^2)",
    lower=_LOWER,
    nondiff=_DRAWN,
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), rng.uniform(size=3), Generator().manual_seed(0)),
        (rng.normal(size=(2, 3)), 1.5, Generator().manual_seed(0)),
        (0.5, rng.uniform(size=(2, 3)), Generator().manual_seed(0)),
    ],
    bad=[
        Bad(lambda: (np.zeros(2), -np.ones(2), Generator()), RuntimeError, "expects all elements of std >= 0")
    ],
)

bernoulli_of = structured(
    "bernoulli_of",
    lambda p, generator, shape, dtype: draw_bernoulli(generator, np.asarray(p), shape, dtype.np),
    shape=lambda p, generator, shape, dtype: tuple(shape),
    dtype=lambda p, generator, shape, dtype: dtype,
    tex=r"\operatorname{{Bernoulli}}({0})",
    lower=_LOWER,
    nondiff=_DRAWN,
    samples=lambda rng: [
        (rng.uniform(size=(2, 3)), Generator().manual_seed(0), (2, 3), float64),
        (rng.uniform(size=3), Generator().manual_seed(0), (2, 3), float32),
    ],
    bad=[
        Bad(
            lambda: (np.full(2, 1.5), Generator(), (2,), float32),
            RuntimeError,
            "Expected p_in >= 0 && p_in <= 1 to be true",
        )
    ],
)

poisson = structured(
    "poisson",
    lambda rate, generator: draw_poisson(generator, np.asarray(rate)),
    shape=lambda rate, generator: rate.shape,
    tex=r"\operatorname{{Poisson}}({0})",
    lower=_LOWER,
    nondiff=_DRAWN,
    samples=lambda rng: [(rng.uniform(0, 20, size=(2, 3)), Generator().manual_seed(0))],
    bad=[Bad(lambda: (-np.ones(2), Generator()), RuntimeError, "invalid Poisson rate")],
)

multinomial = structured(
    "multinomial",
    lambda weights, generator, count, replacement: draw_multinomial(generator, weights, count, replacement),
    shape=lambda weights, generator, count, replacement: (*weights.shape[:-1], count),
    dtype="int64",
    tex=r"\operatorname{{Multinomial}}({0}, {2})",
    lower=_LOWER,
    nondiff=_DRAWN,
    samples=lambda rng: [
        (rng.uniform(size=(2, 4)), Generator().manual_seed(0), 3, False),
        (rng.uniform(size=4), Generator().manual_seed(0), 5, True),
    ],
    bad=[
        Bad(
            lambda: (np.ones(2), Generator(), 3, False),
            RuntimeError,
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
        )
    ],
)


def _slopes(a: Any, generator: Any, lower: float, upper: float) -> Any:
    """Drawn in float64 and for the values up to 0 alone, in their order, as PyTorch does."""
    out = np.ones_like(a)
    below = np.asarray(a <= 0)
    out[below] = draw_uniform(generator, (int(below.sum()),), np.float64, lower, upper)
    return out


rrelu_slopes = structured(
    "rrelu_slopes",
    _slopes,
    shape=lambda a, generator, lower, upper: a.shape,
    tex=r"\mathcal{{U}}({2}, {3}) \text{{ where }} {0} \le 0, \text{{ else }} 1",
    lower=_LOWER,
    nondiff=_DRAWN,
    samples=lambda rng: [(rng.normal(size=(2, 3)), Generator().manual_seed(0), 0.1, 0.3)],
)
