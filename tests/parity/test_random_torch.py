"""The random functions give torch's values, bit for bit, and leave the generator in torch's state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule.random as R

torch = pytest.importorskip("torch", reason="compares with PyTorch's own generator")

FLOATS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
COMPLEX = {"complex64": np.complex64, "complex128": np.complex128}
SIGNED = {name: np.dtype(name) for name in ("uint8", "int8", "int16", "int32", "int64")}
UNSIGNED = {name: np.dtype(name) for name in ("uint16", "uint32", "uint64")}
NUMPY = FLOATS | COMPLEX | SIGNED | UNSIGNED | {"bool": np.bool_}
SHAPES = [(), (0,), (1,), (3,), (15,), (16,), (17,), (4, 5), (100, 7), (1000,), (700, 50)]
RANGES = [(0, 1), (-1, 1), (0, 0.5), (0.1, 0.7), (2, 2), (-0.04, 0.04)]
MOMENTS = [(0, 1), (1.3, 0.37), (0, 0.02), (5, 1), (5, 0)]


def _uses_mkl() -> bool:
    """Whether torch draws bernoulli_(p) from MKL, as on Intel processors: one word then seeds it all."""
    one, many = torch.Generator(), torch.Generator()
    torch.empty(1).bernoulli_(0.5, generator=one)
    torch.empty(9).bernoulli_(0.5, generator=many)
    return bool((one.get_state() == many.get_state()).all())


class Pair:
    """A generator of each package, seeded alike."""

    def __init__(self, seed: int) -> None:
        self.ours, self.theirs = R.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)

    def check(self, ours: np.ndarray[Any, Any], theirs: Any) -> None:
        assert ours.shape == tuple(theirs.shape)
        assert str(theirs.dtype) == f"torch.{ours.dtype}"
        theirs = theirs.view(torch.int16) if theirs.dtype == torch.bfloat16 else theirs
        assert ours.tobytes() == theirs.numpy().tobytes()
        np.testing.assert_array_equal(self.ours.get_state(), self.theirs.get_state().numpy())


def empty(shape: Any, dtype: str) -> Any:
    return torch.empty(shape, dtype=getattr(torch, dtype))


def as_numpy(tensor: Any) -> np.ndarray[Any, Any]:
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


@pytest.mark.parametrize("dtype", FLOATS | COMPLEX)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_uniform_and_normal(dtype: str, shape: tuple[int, ...]) -> None:
    pair = Pair(3)
    for low, high in RANGES:
        theirs = empty(shape, dtype).uniform_(low, high, generator=pair.theirs)
        pair.check(R.uniform(pair.ours, shape, NUMPY[dtype], low, high), theirs)
    for mean, std in MOMENTS:
        theirs = empty(shape, dtype).normal_(mean, std, generator=pair.theirs)
        pair.check(R.normal(pair.ours, shape, NUMPY[dtype], mean, std), theirs)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
def test_other_continuous_distributions_and_poisson(dtype: str, shape: tuple[int, ...]) -> None:
    pair, kind = Pair(4), NUMPY[dtype]
    for a, b in ((0, 1), (1.3, 0.37)):
        theirs = empty(shape, dtype).exponential_(b, generator=pair.theirs)
        pair.check(R.exponential(pair.ours, shape, kind, b), theirs)
        pair.check(
            R.cauchy(pair.ours, shape, kind, a, b), empty(shape, dtype).cauchy_(a, b, generator=pair.theirs)
        )
        theirs = empty(shape, dtype).log_normal_(a, b, generator=pair.theirs)
        pair.check(R.log_normal(pair.ours, shape, kind, a, b), theirs)
    for rate in (0, 0.5, 4, 12, 200):
        rates = torch.full(shape, rate, dtype=getattr(torch, dtype))
        pair.check(R.poisson(pair.ours, as_numpy(rates)), torch.poisson(rates, generator=pair.theirs))


BOUNDS = [
    (0, 2),
    (0, 100),
    (-5, 6),
    (10, 40000),
    (0, 2**28 - 1),
    (0, 2**28),
    (0, 2**31 - 1),
    (-(2**40), 2**50),
]
BOUNDS += [(-(2**63), 2**63 - 1), (0, 2**24 + 5), (-3000, 5001), (-4097, 4097), (4097, 4098), (0, 60000)]
ONE_SIDED: list[tuple[Any, ...]] = [(), (0, None), (5, None), (-7, None), (-(2**63), None), (-5000, None)]


def same_or_same_error(pair: Pair, ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    try:
        expected = theirs()
    except (RuntimeError, NotImplementedError) as error:
        with pytest.raises(type(error)) as caught:
            ours()
        assert str(caught.value).splitlines()[0] == str(error).splitlines()[0]
    else:
        pair.check(ours(), expected)


@pytest.mark.filterwarnings("ignore:.*is out of bounds:UserWarning")
@pytest.mark.parametrize("dtype", FLOATS | SIGNED | UNSIGNED | {"bool": np.bool_})
def test_integers(dtype: str) -> None:
    pair, kind = Pair(5), np.dtype(NUMPY[dtype])
    for shape in [(), (1,), (17,), (100, 7)]:
        for low, high in BOUNDS:
            same_or_same_error(
                pair,
                partial(R.randint, pair.ours, low, high, shape, kind),
                partial(torch.randint, low, high, shape, dtype=getattr(torch, dtype), generator=pair.theirs),
            )
        for bounds in ONE_SIDED:
            same_or_same_error(
                pair,
                partial(R.random_, pair.ours, shape, kind, *bounds),
                partial(empty(shape, dtype).random_, *bounds, generator=pair.theirs),
            )


@pytest.mark.parametrize("dtype", NUMPY)
def test_permutations(dtype: str) -> None:
    pair = Pair(6)
    for n in (0, 1, 2, 3, 5, 100, 127, 128, 255, 256, 2049, 2050, 60000):
        same_or_same_error(
            pair,
            partial(R.randperm, pair.ours, n, NUMPY[dtype]),
            partial(torch.randperm, n, dtype=getattr(torch, dtype), generator=pair.theirs),
        )


@pytest.mark.parametrize("dtype", FLOATS | SIGNED)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (100, 7)], ids=str)
def test_bernoulli_and_geometric(dtype: str, shape: tuple[int, ...]) -> None:
    pair, kind = Pair(7), NUMPY[dtype]
    for p in (0.1, 0.5, 0.9):
        theirs = empty(shape, dtype).geometric_(p, generator=pair.theirs)
        pair.check(R.geometric(pair.ours, shape, kind, p), theirs)
    for chances in FLOATS:
        p_array = torch.rand(shape, dtype=torch.float64).to(getattr(torch, chances))
        theirs = empty(shape, dtype).bernoulli_(p_array, generator=pair.theirs)
        pair.check(R.bernoulli(pair.ours, as_numpy(p_array), shape, kind), theirs)
    for p in (0, 0.1, 1 / 3, 0.5, 0.9, 1):
        theirs = empty(shape, dtype).bernoulli_(p, generator=pair.theirs)
        ours = R.bernoulli(pair.ours, p, shape, kind)
        if _uses_mkl():
            pair.ours.set_state(pair.theirs.get_state().numpy())
            assert ours.shape == tuple(theirs.shape)
        else:
            pair.check(ours, theirs)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_dropout_mask(dtype: str, p: float) -> None:
    pair = Pair(8)
    torch.manual_seed(8)
    theirs = torch.nn.functional.dropout(torch.ones(30, 11, dtype=getattr(torch, dtype)), p)
    pair.theirs.set_state(torch.get_rng_state())
    ours = R.dropout_mask(pair.ours, (30, 11), p, NUMPY[dtype])
    if _uses_mkl():
        assert set(ours.ravel().tolist()) == set(theirs.ravel().tolist())
    else:
        pair.check(ours, theirs)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1,), (5,), (100,), (3, 7), (20, 100), (0, 3)], ids=str)
def test_multinomial(dtype: str, shape: tuple[int, ...]) -> None:
    pair = Pair(9)
    weights = (torch.rand(shape, dtype=torch.float64) + 0.01).to(getattr(torch, dtype))
    for samples, replacement in (
        (1, False),
        (1, True),
        (2, True),
        (50, True),
        (2, False),
        (shape[-1], False),
    ):
        too_many = not replacement and samples > shape[-1]
        ties = (
            dtype in ("float16", "bfloat16") and not replacement and samples > 1
        )  # torch leaves their order open
        if not too_many and not ties:
            theirs = torch.multinomial(weights, samples, replacement, generator=pair.theirs)
            pair.check(R.multinomial(pair.ours, as_numpy(weights), samples, replacement), theirs)


DRAWS: dict[str, tuple[Callable[[Any, int], Any], Callable[[Any, int], Any]]] = {
    "normal": (lambda g, n: R.normal(g, n, np.float32), lambda g, n: torch.randn(n, generator=g)),
    "normal64": (
        lambda g, n: R.normal(g, n, np.float64, 0.5, 2.0),
        lambda g, n: torch.empty(n, dtype=torch.float64).normal_(0.5, 2.0, generator=g),
    ),
    "uniform": (lambda g, n: R.uniform(g, n, np.float32), lambda g, n: torch.rand(n, generator=g)),
    "randint": (lambda g, n: R.randint(g, 0, 10, n), lambda g, n: torch.randint(0, 10, (n,), generator=g)),
    "randperm": (lambda g, n: R.randperm(g, n), lambda g, n: torch.randperm(n, generator=g)),
    "log_normal": (
        lambda g, n: R.log_normal(g, n, np.float32),
        lambda g, n: torch.empty(n).log_normal_(generator=g),
    ),
    "poisson": (
        lambda g, n: R.poisson(g, np.full(n, 3.5, np.float32)),
        lambda g, n: torch.poisson(torch.full((n,), 3.5), generator=g),
    ),
}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(-(2**63), 2**64 - 1),
    calls=st.lists(st.tuples(st.sampled_from(sorted(DRAWS)), st.integers(0, 700)), max_size=12),
)
def test_mixed_calls_and_states_cross_over(seed: int, calls: list[tuple[str, int]]) -> None:
    pair = Pair(seed)
    assert pair.ours.initial_seed() == pair.theirs.initial_seed()
    for name, n in calls:
        ours, theirs = DRAWS[name]
        pair.check(ours(pair.ours, n), theirs(pair.theirs, n))
    swapped = Pair(0)
    swapped.ours.set_state(pair.theirs.get_state().numpy())
    swapped.theirs.set_state(torch.from_numpy(pair.ours.get_state()))
    swapped.check(R.normal(swapped.ours, 3, np.float32), torch.randn(3, generator=swapped.theirs))
    swapped.check(R.normal(swapped.ours, 1000, np.float32), torch.randn(1000, generator=swapped.theirs))


@pytest.mark.parametrize("n", [784 * 512, 1_000_003])
def test_every_bit_of_large_draws(n: int) -> None:
    pair = Pair(n)
    pair.check(R.normal(pair.ours, n, np.float32), torch.randn(n, generator=pair.theirs))
    theirs = torch.empty(n).normal_(0.1, 0.7, generator=pair.theirs)
    pair.check(R.normal(pair.ours, n, np.float32, 0.1, 0.7), theirs)
    theirs = torch.empty(n).uniform_(-0.2, 0.3, generator=pair.theirs)
    pair.check(R.uniform(pair.ours, n, np.float32, -0.2, 0.3), theirs)
