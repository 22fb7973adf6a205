"""Random numbers against values recorded from PyTorch 2.13: no torch needed."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import chainrule.random as R
from chainrule import _rng_integers

f16, bf16, f32, f64 = np.float16, ml_dtypes.bfloat16, np.float32, np.float64


def seeded(seed: int) -> R.Generator:
    return R.Generator().manual_seed(seed)


def values(array: np.ndarray[Any, Any]) -> list[Any]:
    return array.astype(f64).tolist() if array.dtype == bf16 else array.tolist()


GOLDEN: dict[str, tuple[Callable[[R.Generator], Any], int, list[Any]]] = {
    "uniform f32": (
        lambda g: R.uniform(g, (4,), f32),
        7,
        [0.5349225401878357, 0.19880318641662598, 0.6592116951942444, 0.6568902730941772],
    ),
    "uniform f64": (
        lambda g: R.uniform(g, (3,), f64),
        7,
        [0.279380429906404, 0.27369371365176565, 0.8620929614176255],
    ),
    "uniform range": (
        lambda g: R.uniform(g, (4,), f32, -0.1, 0.1),
        7,
        [0.006984508130699396, -0.060239363461732864, 0.03184233978390694, 0.03137805685400963],
    ),
    "uniform f16": (
        lambda g: R.uniform(g, 4, f16),
        7,
        [0.53515625, 0.1988525390625, 0.6591796875, 0.65673828125],
    ),
    "uniform bf16": (lambda g: R.uniform(g, 4, bf16), 7, [0.53515625, 0.19921875, 0.66015625, 0.65625]),
    "uniform c64": (
        lambda g: R.uniform(g, 2, np.complex64),
        7,
        [0.5349225401878357 + 0.19880318641662598j, 0.6592116951942444 + 0.6568902730941772j],
    ),
    "normal 3": (
        lambda g: R.normal(g, (3,), f32),
        42,
        [0.33669036626815796, 0.12880940735340118, 0.23446236550807953],
    ),
    "normal 16": (
        lambda g: R.normal(g, (16,), f32)[[0, 1, 8, 9]],
        42,
        [1.9269152879714966, 1.4872840642929077, -0.7521352767944336, 1.6487230062484741],
    ),
    "normal 19": (
        lambda g: R.normal(g, (19,), f32)[[0, 3, -2, -1]],
        42,
        [1.9269152879714966, 0.439589262008667, -0.3957104980945587, 0.8034093379974365],
    ),
    "normal 19 bf16": (
        lambda g: R.normal(g, (19,), bf16)[[0, 1, -2, -1]],
        42,
        [1.9296875, 1.484375, -0.251953125, 0.859375],
    ),
    "randint 32": (lambda g: R.randint(g, 0, 100, (5,)), 5, [11, 14, 67, 85, 6]),
    "randint 64": (
        lambda g: R.randint(g, -(2**40), 2**40, 3),
        5,
        [425438759118, 1030067709629, 989404716150],
    ),
    "random_ uint8": (lambda g: R.random_(g, 3, np.uint8), 5, [99, 206, 239]),
    "random_ bool": (lambda g: R.random_(g, 3, np.bool_), 5, [True, False, True]),
    "random_ f16": (lambda g: R.random_(g, 3, f16), 5, [437.0, 1278.0, 1633.0]),
    "random_ f32": (lambda g: R.random_(g, 3, f32), 5, [13929259.0, 2115776.0, 15224593.0]),
    "random_ f64": (lambda g: R.random_(g, 2, f64), 5, [5782757089232648.0, 2339691299987398.0]),
    "random_ int64": (lambda g: R.random_(g, 2, np.int64), 5, [4095051218741643470, 6838803925648402109]),
    "random_ all 64 bits": (
        lambda g: R.random_(g, 2, np.int64, -(2**63)),
        5,
        [4095051218741643470, -2384568111206373699],
    ),
    "randperm": (lambda g: R.randperm(g, 10), 5, [1, 4, 9, 6, 3, 5, 0, 2, 8, 7]),
    "randperm 1000": (lambda g: R.randperm(g, 1000)[[0, 1, 500, 998, 999]], 5, [411, 49, 484, 935, 655]),
    "bernoulli number": (lambda g: R.bernoulli(g, 0.3, 8, f32), 9, [1, 0, 0, 1, 1, 0, 1, 1]),
    "bernoulli array": (lambda g: R.bernoulli(g, np.full(8, 0.3, f32), 8, f32), 9, [0, 0, 0, 0, 0, 0, 1, 0]),
    "exponential": (
        lambda g: R.exponential(g, 3, f32, 2.0),
        9,
        [0.14136455953121185, 0.9137088060379028, 0.21057985723018646],
    ),
    "geometric": (lambda g: R.geometric(g, 4, np.int64, 0.2), 9, [7, 1, 5, 12]),
    "cauchy": (
        lambda g: R.cauchy(g, 3, f32, 1.0, 2.0),
        9,
        [-1.0473523139953613, 4.615666389465332, -0.06930731236934662],
    ),
    "log_normal": (
        lambda g: R.log_normal(g, 3, f32),
        9,
        [2.972653865814209, 124.27266693115234, 1.7124724388122559],
    ),
    "poisson": (
        lambda g: R.poisson(g, np.array([0, 0.5, 3, 9.9, 10, 50, 1000], f32)),
        9,
        [0, 0, 2, 4, 11, 45, 987],
    ),
    "dropout_mask": (
        lambda g: R.dropout_mask(g, 4, 0.25, f32),
        9,
        [1.3333333730697632, 0.0, 1.3333333730697632, 1.3333333730697632],
    ),
}
WEIGHTS = np.array([[1, 2, 3, 4], [4, 0, 0, 1]], f32)
GOLDEN |= {
    "multinomial 1": (lambda g: R.multinomial(g, WEIGHTS, 1), 9, [[3], [0]]),
    "multinomial 2": (lambda g: R.multinomial(g, WEIGHTS, 2), 9, [[3, 2], [0, 3]]),
    "multinomial replaced": (
        lambda g: R.multinomial(g, WEIGHTS, 5, True),
        9,
        [[1, 3, 2, 0, 0], [0, 0, 0, 0, 0]],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_values_recorded_from_torch(name: str) -> None:
    draw, seed, expected = GOLDEN[name]
    assert values(draw(seeded(seed))) == expected


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda g: R.normal(g, 3, f64), [0.33669035438385886, 0.1288094051365897, 0.23446236336153173]),
        (
            lambda g: R.normal(g, 19, f64, 1.5, 0.25)[[0, 1, -2, -1]],
            [1.5748890719375659, 1.5605944477022353, 1.565395922677824, 1.1183640191472937],
        ),
    ],
)
def test_double_precision_normals_recorded_from_torch(
    draw: Callable[[R.Generator], Any], expected: list[float]
) -> None:
    np.testing.assert_allclose(draw(seeded(42)), expected, rtol=1e-15)


def test_every_bit_of_many_normals() -> None:
    bits = R.normal(seeded(1), 200_000, f32).view(np.int32).astype(np.int64)
    assert int(bits.sum()) == -3203917938396


def test_a_mixed_sequence_ends_in_the_recorded_state() -> None:
    g = R.manual_seed(123)
    R.normal(g, 5, f32)
    R.uniform(g, 3, f32)
    assert R.normal(g, 2, f32).tolist() == [0.20926935970783234, 0.3122985064983368]
    assert float(R.normal(g, 17, f32)[-1]) == -1.7018303871154785
    assert R.randint(g, 0, 10, 2).tolist() == [4, 6]
    digest = hashlib.sha256(R.get_rng_state().tobytes()).hexdigest()
    assert digest == "ae24c730120a3ca5ecc8d852cabaf4c901406521aeda0f95794aec156cf54772"


def test_words_come_in_torchs_order() -> None:
    assert seeded(0).random32(2).tolist() == [2357136044, 2546248239]
    assert seeded(0).random64(1).tolist() == [2357136044 * 2**32 + 2546248239]


def test_a_range_ending_at_a_rounded_value_never_returns_its_end() -> None:
    x = R.uniform(seeded(0), 20_000, bf16, 0.0, 1.0).astype(f32)
    assert x.max() < 1
    assert (R.uniform(seeded(0), 5, f32, 2.0, 2.0) == 2).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 50])
def test_permutations_hold_every_number_once_in_both_regimes(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (2**32 // 20, 0):
        monkeypatch.setattr(_rng_integers, "_LARGE_PERMUTATION", limit)
        assert sorted(R.randperm(seeded(n), n).tolist()) == list(range(n))


def test_the_large_regime_inserts_each_number_at_a_64_bit_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rng_integers, "_LARGE_PERMUTATION", 0)
    order: list[int] = []
    for i, word in enumerate(seeded(3).random64(20).tolist()):
        place = word % (i + 1)
        order.append(i)
        order[i], order[place] = order[place], i
    assert R.randperm(seeded(3), 20).tolist() == order


@pytest.mark.parametrize("p", [0, 1])
def test_dropout_of_nothing_or_everything_draws_nothing(p: int) -> None:
    g = seeded(0)
    before = g.get_state()
    assert (R.dropout_mask(g, (3, 2), p, f32) == 1 - p).all()
    assert (g.get_state() == before).all()


@pytest.mark.parametrize("draws", [0, 1, 5, 623, 624, 625, 2000])
def test_a_state_restores_the_numbers_that_follow(draws: int) -> None:
    g = seeded(11)
    g.random32(draws)
    R.normal(g, 1, f32)  # leaves a cached normal
    state = g.get_state()
    follow = R.normal(g, 3, f32), g.random32(700)
    other = R.Generator()
    other.set_state(state)
    clones = [other, pickle.loads(pickle.dumps(other)), copy.deepcopy(other), other.clone_state()]
    for clone in clones:
        assert (clone.get_state() == state).all()
        assert clone.initial_seed() == 11
        assert (R.normal(clone, 3, f32) == follow[0]).all()
        assert (clone.random32(700) == follow[1]).all()


def test_seeding_forgets_the_cached_normal() -> None:
    g = seeded(1)
    R.normal(g, 1, f32)
    assert (R.normal(g.manual_seed(1), 2, f32) == R.normal(seeded(1), 2, f32)).all()


def test_seeds() -> None:
    assert R.Generator().initial_seed() == 67280421310721
    assert seeded(-1).initial_seed() == 2**64 - 1
    assert seeded(np.int64(3)).initial_seed() == 3  # type: ignore[arg-type]
    assert R.manual_seed(7) is R.default_generator
    assert R.initial_seed() == 7
    assert (seeded(2**32 + 5).random32(4) == seeded(5).random32(4)).all()
    g = R.Generator()
    assert len({g.seed() for _ in range(4)}) == 4
    assert R.seed() == R.initial_seed()


def test_fork_rng_gives_the_state_back() -> None:
    R.manual_seed(0)
    with pytest.raises(KeyError), R.fork_rng():
        R.uniform(R.default_generator, 3, f32)
        raise KeyError
    assert (R.get_rng_state() == seeded(0).get_state()).all()
    with R.fork_rng(enabled=False):
        R.uniform(R.default_generator, 3, f32)
    assert not (R.get_rng_state() == seeded(0).get_state()).all()
    R.set_rng_state(seeded(4).get_state())
    assert R.initial_seed() == 4
