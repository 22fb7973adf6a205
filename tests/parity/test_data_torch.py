"""Batches, shuffles and the generators' state afterwards, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="compares with PyTorch")
import torch.utils.data as torch_data  # noqa: E402
from torch.utils.data._utils.worker import _generate_state  # noqa: E402

import chainrule as cr  # noqa: E402
from chainrule import random as rng  # noqa: E402
from chainrule.utils import data as our_data  # noqa: E402
from chainrule.utils.data.worker import numpy_seed  # noqa: E402


class Torch:
    data, tensor, manual_seed = torch_data, staticmethod(torch.tensor), staticmethod(torch.manual_seed)
    Generator = torch.Generator

    @staticmethod
    def state(generator=None):
        return (torch.get_rng_state() if generator is None else generator.get_state()).tolist()


class Ours:
    data, tensor, manual_seed = our_data, staticmethod(cr.tensor), staticmethod(rng.manual_seed)
    Generator = rng.Generator

    @staticmethod
    def state(generator=None):
        return (rng.get_rng_state() if generator is None else generator.get_state()).tolist()


def same(make, seed=7):
    """make(library) must give the same values in both, and leave the default generators in the same state."""
    results = []
    for library in (Torch, Ours):
        library.manual_seed(seed)
        results.append((make(library), library.state()))
    assert results[0] == results[1]
    return results[0][0]


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return (str(value.dtype), value.tolist()) if hasattr(value, "tolist") else value


options = st.fixed_dictionaries(
    {
        "batch_size": st.one_of(st.none(), st.integers(1, 7)),
        "shuffle": st.booleans(),
        "drop_last": st.booleans(),
    }
).filter(lambda o: not (o["batch_size"] is None and o["drop_last"]))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 15), options, st.booleans(), st.integers(0, 2**63 - 1), st.integers(0, 9))
def test_tensor_datasets(n, options, own_generator, seed, stop):
    def make(library):
        x = library.tensor(np.arange(2 * n, dtype=np.float32).reshape(n, 2))
        generator = library.Generator().manual_seed(5) if own_generator else None
        dataset = library.data.TensorDataset(x, library.tensor(np.arange(n)))
        loader = library.data.DataLoader(dataset, **options, generator=generator)
        seen = [plain(batch) for batch in loader]
        for i, batch in enumerate(loader):  # a pass that is broken off has drawn only what it used
            if i == stop:
                break
            seen.append(plain(batch))
        return seen, len(loader), library.state(generator) if own_generator else None

    same(make, seed)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.booleans(), st.integers(1, 80), st.booleans(), st.integers(1, 5))
def test_random_samplers(n, replacement, num_samples, own_generator, batch):
    def make(library):
        generator = library.Generator().manual_seed(1) if own_generator else None
        sampler = library.data.RandomSampler(range(n), replacement, num_samples, generator)
        dataset = library.data.TensorDataset(library.tensor(np.arange(n)))
        batches = library.data.BatchSampler(sampler, batch, False)
        loader = library.data.DataLoader(dataset, batch_sampler=batches)
        ended = library.state(generator) if own_generator else None
        return list(sampler), [plain(b) for b in loader], ended, list(iter(sampler))[:1]

    same(make)


@pytest.mark.parametrize("workers", [0, 2])
def test_splits_subsets_and_other_samplers(workers):
    def make(library):
        data = library.data
        dataset = data.TensorDataset(library.tensor(np.arange(24.0).reshape(12, 2)))
        parts = data.random_split(dataset, [0.5, 0.3, 0.2])
        loaders = [data.DataLoader(part, 4, shuffle=True, num_workers=workers) for part in parts]
        weighted = data.WeightedRandomSampler([0.1, 0.0, 3.0, 1.0], 9)
        fewer = data.WeightedRandomSampler([0.1, 0.2, 3.0, 1.0], 3, replacement=False)
        subset = data.SubsetRandomSampler([3, 5, 8])
        spread = data.DistributedSampler(dataset, 3, 1, seed=4)
        return [[plain(b) for b in loader] for loader in loaders], *map(
            list, (weighted, fewer, subset, spread)
        )

    same(make)


SAMPLES = [
    [1, 2], [1.5, 2.5], [True, False], ["a", "b"], [b"a", b"b"], [(1, "x"), (2, "y")], [[1, 2.0], [3, 4.0]],
    [{"a": 1, "b": [2]}, {"a": 3, "b": [4]}], [np.float32(1), np.float32(2)], [np.int8(1), np.int8(2)],
    [np.zeros((2, 2)), np.ones((2, 2))], [np.array(3), np.array(4)], [(np.arange(2), 1.0)] * 3,
]  # fmt: skip


@pytest.mark.parametrize("batch", SAMPLES, ids=str)
def test_default_collate_and_convert(batch):
    assert plain(our_data.default_collate(batch)) == plain(torch_data.default_collate(batch))
    assert plain(our_data.default_convert(batch)) == plain(torch_data.default_convert(batch))


@pytest.mark.parametrize(
    "batch",
    [[None], [object()], [[1], [1, 2]], [np.array(["a"])], [{1}]],
    ids=["None", "object", "ragged", "strings", "set"],
)
def test_errors_of_default_collate(batch):
    errors = []
    for library in (torch_data, our_data):
        with pytest.raises((TypeError, RuntimeError)) as caught:
            library.default_collate(batch)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"sampler": [0], "shuffle": True},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"drop_last": 2},
        {"multiprocessing_context": "fork"},
    ],
    ids=str,
)
def test_errors_of_the_loader(arguments):
    errors = []
    for library in (torch_data, our_data):
        with pytest.raises((TypeError, ValueError)) as caught:
            library.DataLoader([1, 2], **arguments)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


@given(st.integers(0, 2**63 - 1), st.integers(0, 100))
def test_numpy_seeds_of_workers(base, worker):
    assert numpy_seed(base, worker) == list(_generate_state(base, worker))


class Broken(torch_data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise KeyError("here")


def test_errors_of_workers():
    texts = []
    for library in (torch_data, our_data):
        with pytest.raises(KeyError) as caught:
            list(library.DataLoader(Broken(), num_workers=1))
        lines = str(caught.value).splitlines()
        texts.append((lines[:2], lines[-1]))
    assert texts[0] == texts[1]
