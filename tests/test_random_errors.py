"""What the random functions refuse, with PyTorch's error types and first lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule.random as R

f16, f32, i64, u8 = np.float16, np.float32, np.int64, np.uint8
G = R.Generator()


def weights(*numbers: float) -> np.ndarray[Any, Any]:
    return np.array(numbers, f32)


def broken_state() -> np.ndarray[Any, Any]:
    return np.zeros(5056, np.uint8)


NEGATIVE_OR_NAN = "probability tensor contains either `inf`, `nan` or element < 0"
ALL_ZERO = "invalid multinomial distribution (sum of probabilities <= 0)"
CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: R.Generator("cuda"), RuntimeError, "Cannot get a generator for device 'cuda'"),
    (lambda: G.manual_seed(1.5), RuntimeError, "manual_seed expected a long, but got float"),  # type: ignore[arg-type]
    (lambda: G.manual_seed(True), RuntimeError, "manual_seed expected a long, but got bool"),
    (lambda: G.manual_seed(2**64), ValueError, "Overflow when unpacking long long"),
    (lambda: R.manual_seed(-(2**63) - 1), ValueError, "Overflow when unpacking long long"),
    (lambda: G.set_state([0]), TypeError, "RNG state must be a torch.ByteTensor"),  # type: ignore[arg-type]
    (lambda: G.set_state(np.zeros(5056)), TypeError, "RNG state must be a torch.ByteTensor"),  # type: ignore[arg-type]
    (
        lambda: G.set_state(np.zeros(3, np.uint8)),
        RuntimeError,
        "Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 3",
    ),
    (lambda: G.set_state(broken_state()), RuntimeError, "Invalid mt19937 state"),
    (
        lambda: R.uniform(G, 3, f32, 2, 1),
        RuntimeError,
        "uniform_ expects to return a [from, to) range, but found from=2 > to=1",
    ),
    (lambda: R.uniform(G, 3, f16, 0, 1e6), RuntimeError, "to is out of bounds for c10::Half"),
    (lambda: R.uniform(G, 3, f32, math.nan, 1), RuntimeError, "from is out of bounds for float"),
    (
        lambda: R.uniform(G, 3, f16, -6e4, 6e4),
        RuntimeError,
        "uniform_ expects to-from <= std::numeric_limits<Half>::max(), but found to=60000 and from=-60000 "
        "which result in to-from to exceed the limit",
    ),
    (
        lambda: R.uniform(G, 3, i64),
        NotImplementedError,
        "\"check_uniform_bounds\" not implemented for 'Long'",
    ),
    (lambda: R.normal(G, 3, f32, 0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda: R.normal(G, 3, f32, 0, math.nan), RuntimeError, "normal expects std >= 0.0, but found std nan"),
    (lambda: R.normal(G, 3, i64), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Long'"),
    (
        lambda: R.randint(G, 6, 5, 3),
        RuntimeError,
        "random_ expects 'from' to be less than 'to', but got from=6 >= to=5",
    ),
    (lambda: R.randint(G, 0, 300, 3, u8), RuntimeError, "to - 1 is out of bounds for unsigned char"),
    (lambda: R.randint(G, -1, 3, 3, u8), RuntimeError, "from is out of bounds for unsigned char"),
    (lambda: R.randint(G, 0, 3, 3, np.bool_), RuntimeError, "to - 1 is out of bounds for bool"),
    (lambda: R.randint(G, 0, 70000, 3, f16), RuntimeError, "to - 1 is out of bounds for c10::Half"),
    (lambda: R.randint(G, 0, 2**63, 3), ValueError, "Overflow when unpacking long long"),
    (
        lambda: R.randint(G, 0, 2, 3, np.complex64),
        RuntimeError,
        "check_random_bounds handles only integral, floating-point and boolean types",
    ),
    (
        lambda: R.random_(G, 3, f16, 5000),
        RuntimeError,
        "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
        "but got from=5000 > to_inc=2048",
    ),
    (
        lambda: R.randint(G, 4097, 4098, 3, f16),
        RuntimeError,
        "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=4100 >= "
        "to=4098",
    ),
    (
        lambda: R.random_(G, 3, np.int32, -(2**63)),
        RuntimeError,
        "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16",
    ),
    (
        lambda: R.random_(G, 3, f16, -(2**63)),
        NotImplementedError,
        "\"random_full_64_bits_range_kernel_cpu\" not implemented for 'Half'",
    ),
    (
        lambda: R.random_(G, 3, np.uint32),
        NotImplementedError,
        "\"random_kernel_cpu\" not implemented for 'UInt32'",
    ),
    (lambda: R.randperm(G, -1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (
        lambda: R.randperm(G, 257, u8),
        RuntimeError,
        "value cannot be converted to type uint8_t without overflow",
    ),
    (lambda: R.randperm(G, 3000, f16), RuntimeError, "n cannot be greater than 2049 for Half type."),
    (lambda: R.randperm(G, 2**24 + 2, f32), RuntimeError, "n cannot be greater than 2^24+1 for Float type."),
    (lambda: R.randperm(G, 2, np.bool_), NotImplementedError, "\"randperm\" not implemented for 'Bool'"),
    (
        lambda: R.bernoulli(G, 1.5, 3, f32),
        RuntimeError,
        "bernoulli_ expects p to be in [0, 1], but got p=1.5",
    ),
    (
        lambda: R.bernoulli(G, weights(0.5, 1.5), 2, f32),
        RuntimeError,
        "Expected p_in >= 0 && p_in <= 1 to be true, but got false.",
    ),
    (
        lambda: R.bernoulli(G, 0.5, 3, np.complex64),
        NotImplementedError,
        "\"bernoulli_scalar_cpu_\" not implemented for 'ComplexFloat'",
    ),
    (
        lambda: R.bernoulli(G, weights(0.5), 3, np.complex64),
        NotImplementedError,
        "\"bernoulli_tensor_cpu_self_\" not implemented for 'ComplexFloat'",
    ),
    (
        lambda: R.bernoulli(G, np.array([1]), 1, f32),
        NotImplementedError,
        "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'",
    ),
    (
        lambda: R.dropout_mask(G, 3, 1.5, f32),
        ValueError,
        "dropout probability has to be between 0 and 1, but got 1.5",
    ),
    (
        lambda: R.exponential(G, 3, f32, 0),
        RuntimeError,
        "exponential_ expects lambda > 0.0, but found lambda=0",
    ),
    (
        lambda: R.exponential(G, 3, i64),
        RuntimeError,
        "Exponential distribution is a continuous probability distribution. dtype must be a floating point "
        "but you specified Long",
    ),
    (lambda: R.cauchy(G, 3, f32, 0, 0), RuntimeError, "cauchy_ expects sigma > 0.0, but found sigma=0"),
    (
        lambda: R.cauchy(G, 3, i64),
        RuntimeError,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but "
        "you specified long int",
    ),
    (lambda: R.log_normal(G, 3, f32, 0, 0), RuntimeError, "log_normal_ expects std > 0.0, but found std=0"),
    (lambda: R.log_normal(G, 3, i64), NotImplementedError, "\"log_normal_cpu\" not implemented for 'Long'"),
    (lambda: R.geometric(G, 3, i64, 1), RuntimeError, "geometric_ expects p to be in (0, 1), but got p=1"),
    (
        lambda: R.geometric(G, 3, np.bool_, 0.5),
        NotImplementedError,
        "\"geometric_cpu\" not implemented for 'Bool'",
    ),
    (
        lambda: R.poisson(G, weights(-1)),
        RuntimeError,
        "invalid Poisson rate, expected rate to be non-negative",
    ),
    (lambda: R.poisson(G, np.array([1])), NotImplementedError, "\"poisson_cpu\" not implemented for 'Long'"),
    (
        lambda: R.multinomial(G, np.array([1, 2]), 1),
        RuntimeError,
        "multinomial only supports floating-point dtypes for input, got: Long",
    ),
    (
        lambda: R.multinomial(G, weights(1, 2), 3),
        RuntimeError,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    ),
    (lambda: R.multinomial(G, weights(1, 2), 0), RuntimeError, "cannot sample n_sample <= 0 samples"),
    (lambda: R.multinomial(G, np.ones((2, 2, 2)), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    (
        lambda: R.multinomial(G, np.ones(2**24 + 1, f16), 1),
        RuntimeError,
        "number of categories cannot exceed 2^24",
    ),
    (lambda: R.multinomial(G, weights(1, -2), 1), RuntimeError, NEGATIVE_OR_NAN),
    (lambda: R.multinomial(G, weights(1, math.inf), 2), RuntimeError, NEGATIVE_OR_NAN),
    (lambda: R.multinomial(G, weights(1, math.nan), 2), RuntimeError, NEGATIVE_OR_NAN),
    (lambda: R.multinomial(G, weights(0, 0), 1), RuntimeError, ALL_ZERO),
    (lambda: R.multinomial(G, weights(0, 0), 2, True), RuntimeError, ALL_ZERO),
    (lambda: R.multinomial(G, weights(), 2, True), RuntimeError, ALL_ZERO),
    (
        lambda: R.multinomial(G, weights(1, -2), 2, True),
        RuntimeError,
        "invalid multinomial distribution (encountering probability entry < 0)",
    ),
    (
        lambda: R.multinomial(G, weights(1, math.inf), 2, True),
        RuntimeError,
        "invalid multinomial distribution (encountering probability entry = infinity or NaN)",
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "text"), CASES, ids=[f"{i}-{c[2][:40]}" for i, c in enumerate(CASES)]
)
def test_refusals_say_torchs_first_line_and_what_came(
    call: Callable[[], Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    lines = str(caught.value).splitlines()
    assert type(caught.value) is kind
    assert lines[0] == text
    assert len(lines) > 1


def test_a_refused_call_leaves_the_generator_alone() -> None:
    g = R.Generator()
    for call in (lambda: R.randint(g, 5, 5, 3), lambda: R.poisson(g, weights(1, -1))):
        with pytest.raises(RuntimeError):
            call()
    assert (g.get_state() == R.Generator().get_state()).all()


def test_a_floating_dtype_with_gaps_in_the_range_warns() -> None:
    with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-\(2\^11\), 2\^11\]"):
        R.randint(G, 0, 5000, 3, f16)
