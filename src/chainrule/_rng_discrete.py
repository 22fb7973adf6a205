"""Bernoulli, geometric, Poisson and multinomial draws: PyTorch's CPU samplers as ndarrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._mt19937 import Generator, size_of
from ._rng_continuous import (
    F64_,
    FLOATS,
    Array,
    Shape,
    exponential,
    not_implemented,
    outside,
    require_float,
    scalar_type,
)  # fmt: skip
from ._rng_integers import NUMBER_DTYPES, NUMBER_DTYPES_NAMED, SAMPLE_DTYPES, SAMPLE_DTYPES_NAMED
from ._rng_normal import narrow
from .errors import message

_MOST_CATEGORIES = 2**24


def bernoulli(generator: Generator, p: float | Array, shape: Shape, dtype: Any) -> Array:
    """Ones with probability p, else zeros: 1 where u < p, p a number or an array that broadcasts to shape.

    u has 53 random bits for a number or a float64 array, 24 for other arrays. For a number, PyTorch on an
    Intel processor draws from the MKL library instead; these are the values it gives on every other
    processor. Raises RuntimeError for p outside [0, 1], NotImplementedError for other dtypes.

    >>> bernoulli(Generator().manual_seed(0), 0.5, (4,), np.float32).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    dtype, n = np.dtype(dtype), size_of(shape)
    if isinstance(p, np.ndarray):
        return _bernoulli_array(generator, p, shape, dtype)
    if not 0 <= p <= 1:
        raise outside(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}", f"p={p:g}", "0 <= p <= 1")
    if dtype not in SAMPLE_DTYPES:
        raise not_implemented("bernoulli_scalar_cpu_", dtype, SAMPLE_DTYPES_NAMED)
    words = generator.random64(n)
    words &= np.uint64(2**53 - 1)
    return (words < np.uint64(math.ceil(p * 2.0**53))).astype(dtype).reshape(shape)


def _bernoulli_array(generator: Generator, p: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    if dtype not in SAMPLE_DTYPES:
        raise not_implemented("bernoulli_tensor_cpu_self_", dtype, SAMPLE_DTYPES_NAMED)
    require_float(p.dtype, "bernoulli_tensor_cpu_p_")
    n = size_of(shape)
    chances = np.broadcast_to(p, shape).ravel()
    if not ((chances >= 0) & (chances <= 1)).all():
        text = "Expected p_in >= 0 && p_in <= 1 to be true, but got false."
        raise outside(text, "a probability outside the range, or nan", "0 <= p <= 1 for every element")
    if p.dtype == F64_:
        return (generator.doubles(n) < chances).astype(dtype).reshape(shape)
    words = generator.random32(n) & np.uint32(2**24 - 1)
    return (words < chances.astype(np.float32) * np.float32(2.0**24)).astype(dtype).reshape(shape)


def dropout_mask(generator: Generator, shape: Shape, p: float, dtype: Any) -> Array:
    """The factors of dropout: 0 with probability p, else 1 / (1 - p). p = 0 and p = 1 draw nothing.

    Raises ValueError for p outside [0, 1].

    >>> dropout_mask(Generator().manual_seed(0), (4,), 0.5, np.float32).tolist()
    [0.0, 0.0, 2.0, 0.0]
    """
    dtype = np.dtype(dtype)
    if not 0 <= p <= 1:
        text = f"dropout probability has to be between 0 and 1, but got {p}"
        fix = "pass the fraction to drop, as in 0.1"
        raise ValueError(message(text, came=f"p={p}", expected="0 <= p <= 1", fix=fix))
    if p in (0, 1):
        return np.full(shape, 1 - p, dtype)
    mask = bernoulli(generator, 1 - p, shape, dtype)
    wide = np.float32 if dtype.itemsize == 2 else dtype.type
    mask *= (wide(1) / wide(1 - p)).astype(dtype)
    return mask


def geometric(generator: Generator, shape: Shape, dtype: Any, p: float) -> Array:
    """The number of trials up to the first success, x = ceil(log u / log(1 - p)), of success probability p.

    Raises RuntimeError for p outside (0, 1), NotImplementedError for bool, unsigned wide and complex dtypes.

    >>> geometric(Generator().manual_seed(0), (3,), np.int64, 0.1).tolist()
    [1, 4, 8]
    """
    dtype = np.dtype(dtype)
    if not 0 < p < 1:
        raise outside(f"geometric_ expects p to be in (0, 1), but got p={p:g}", f"p={p:g}", "0 < p < 1")
    if dtype not in NUMBER_DTYPES:
        raise not_implemented("geometric_cpu", dtype, NUMBER_DTYPES_NAMED)
    trials = np.ceil(np.log(generator.doubles(size_of(shape))) / math.log1p(-p))
    return narrow(trials, dtype).reshape(shape)


def poisson(generator: Generator, rates: Array) -> Array:
    """One Poisson count for each rate, in the rates' dtype and shape.

    Rates below 10 multiply uniforms until exp(-rate); larger ones use Hörmann's transformed rejection (1993).
    Raises RuntimeError for a negative or nan rate, NotImplementedError for an integer dtype.

    >>> poisson(Generator().manual_seed(0), np.array([2.0, 20.0], np.float32)).tolist()
    [6.0, 18.0]
    """
    require_float(rates.dtype, "poisson_cpu")
    if not (rates >= 0).all():
        text = "invalid Poisson rate, expected rate to be non-negative"
        raise outside(text, f"smallest rate {np.min(rates)}", "rate >= 0 for every element")
    with generator.double_stream() as uniforms:
        counts = [_poisson_one(rate, uniforms) for rate in rates.ravel().tolist()]
    return narrow(np.array(counts, np.float64), rates.dtype).reshape(rates.shape)


def _poisson_one(rate: float, uniforms: Iterator[float]) -> int:
    if rate >= 10:
        return _poisson_rejection(rate, uniforms)
    if rate == 0:
        return 0
    threshold, product, count = math.exp(-rate), next(uniforms), 0
    while product > threshold:
        count += 1
        product *= next(uniforms)
    return count


def _poisson_rejection(rate: float, uniforms: Iterator[float]) -> int:
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    certain = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = next(uniforms) - 0.5
        v = next(uniforms)
        edge = 0.5 - abs(u)
        if edge == 0:
            continue  # the proposal is infinite: no count can be accepted
        k = math.floor((2 * a / edge + b) * u + rate + 0.43)
        if edge >= 0.07 and v <= certain:
            return k
        if k < 0 or (edge < 0.013 and v > edge):
            continue
        log_v = math.log(v) if v > 0 else -math.inf
        density = -rate + k * log_rate - math.lgamma(k + 1.0)
        if log_v + math.log(inverse_alpha) - math.log(a / (edge * edge) + b) <= density:
            return k


def multinomial(
    generator: Generator, weights: Array, num_samples: int, replacement: bool = False
) -> NDArray[np.int64]:
    """Indices drawn with probability proportional to the weights of a row.

    weights (k,) give shape (num_samples,), weights (rows, k) give (rows, num_samples). Without replacement,
    or for one sample, they are the largest w / e with e exponential; with replacement each uniform is looked
    up in the cumulative weights. Equal quotients, as of several zero weights, come in the order of their
    index, where PyTorch's order is unspecified. Raises RuntimeError for weights that are negative, infinite,
    nan or all zero, or too few categories.

    >>> multinomial(Generator().manual_seed(0), np.array([0.0, 3.0, 1.0], np.float32), 2).tolist()
    [1, 2]
    """
    _check_multinomial(weights, num_samples, replacement)
    if weights.shape[0] == 0 and weights.ndim == 2:
        return np.empty((0, num_samples), np.int64)
    if replacement and num_samples > 1:
        return _with_replacement(generator, weights, num_samples)
    _check_weights(weights)
    quotients = weights / exponential(generator, weights.shape, weights.dtype)
    if num_samples == 1:
        return np.asarray(quotients.argmax(-1, keepdims=True), np.int64)
    order = np.argsort(-quotients.astype(np.float64), axis=-1, kind="stable")
    return np.ascontiguousarray(order[..., :num_samples], np.int64)


def _check_multinomial(weights: Array, num_samples: int, replacement: bool) -> None:
    if not 1 <= weights.ndim <= 2:
        raise outside("prob_dist must be 1 or 2 dim", f"shape {weights.shape}", "(k,) or (rows, k)")
    if weights.dtype not in FLOATS:
        text = f"multinomial only supports floating-point dtypes for input, got: {scalar_type(weights.dtype)}"
        raise outside(text, f"dtype {weights.dtype}", "float32, float64, float16 or bfloat16")
    if num_samples <= 0:
        text = "cannot sample n_sample <= 0 samples"
        raise outside(text, f"num_samples={num_samples}", "num_samples >= 1")
    categories = weights.shape[-1]
    if not replacement and num_samples > categories:
        text = "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        raise outside(text, f"num_samples={num_samples}", f"at most {categories}, or replacement=True")
    if categories > _MOST_CATEGORIES:
        raise outside("number of categories cannot exceed 2^24", f"{categories} categories", "at most 2**24")


def _check_weights(weights: Array) -> None:
    if not (weights.size and np.max(weights) < math.inf and np.min(weights) >= 0):
        text = "probability tensor contains either `inf`, `nan` or element < 0"
        came = f"weights from {np.min(weights)} to {np.max(weights)}" if weights.size else "no weights"
        raise outside(text, came, "0 <= weight < inf")
    _check_sum(weights.sum(-1))


def _check_sum(total: Any) -> None:
    if not np.all(total > 0):
        text = "invalid multinomial distribution (sum of probabilities <= 0)"
        raise outside(text, "a row whose weights are all zero", "at least one positive weight in every row")


def _with_replacement(generator: Generator, weights: Array, num_samples: int) -> NDArray[np.int64]:
    rows = np.atleast_2d(weights)
    result = np.empty((len(rows), num_samples), np.int64)
    for row, indices in zip(rows, result):
        indices[:] = np.searchsorted(_cumulative(row), generator.doubles(num_samples), side="left")
    return result.reshape(*weights.shape[:-1], num_samples)


def _cumulative(row: Array) -> NDArray[np.float64]:
    """The normalised running sum, added up in the weights' precision (float32 for half precisions)."""
    if not (row >= 0).all():
        text = "invalid multinomial distribution (encountering probability entry < 0)"
        raise outside(text, "a negative or nan weight", "weight >= 0")
    if not np.isfinite(row).all():
        text = "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
        raise outside(text, "an infinite weight", "finite weights")
    running = np.cumsum(row, dtype=np.float32 if row.dtype.itemsize == 2 else row.dtype)
    _check_sum(running[-1:] if running.size else 0)
    running /= running[-1]
    running[-1] = 1
    return running.astype(np.float64)
