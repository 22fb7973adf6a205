"""Datasets, samplers, collation and the DataLoader in one process."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import random as rng
from chainrule.tensor import Tensor
from chainrule.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)
from chainrule.utils.data.fetch import MapFetcher, TensorFetcher, make_fetcher


def floats(*shape):
    return cr.tensor(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))


def pair(n=10):
    return TensorDataset(floats(n, 3), cr.tensor(np.arange(n)))


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


# ----- datasets


def test_tensor_dataset_gives_rows_and_refuses_unequal_sizes():
    x, y = pair()[4]
    assert x.tolist() == [12.0, 13.0, 14.0] and y.item() == 4
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(floats(3, 2), floats(4))


def test_stack_dataset():
    assert StackDataset([1, 2], "ab")[1] == (2, "b")
    both = StackDataset(x=[1, 2, 3], y=Subset("abc", [2, 1, 0]))
    assert both[0] == {"x": 1, "y": "c"} and len(both) == 3
    assert both.__getitems__([2, 0]) == [{"x": 3, "y": "a"}, {"x": 1, "y": "c"}]
    for args, kwargs, text in (
        (([1],), {"a": [1]}, "both types are given"),
        ((), {}, "At least one dataset"),
        (([1], [1, 2]), {}, "Size mismatch"),
    ):
        with pytest.raises(ValueError, match=text):
            StackDataset(*args, **kwargs)


def test_a_nested_batch_of_the_wrong_length_is_an_error():
    class Short(Dataset):
        def __len__(self):
            return 3

        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        StackDataset(Short()).__getitems__([0, 1])


def test_concat_dataset_counts_through_and_from_the_end():
    joined = Subset("abc", [0, 1, 2]) + Subset("de", [0, 1])
    assert isinstance(joined, ConcatDataset)
    assert [joined[i] for i in (0, 2, 3, 4, -1, -5)] == list("acdeea")
    with pytest.raises(ValueError, match="absolute value of index"):
        joined[-6]
    with pytest.raises(AssertionError, match="empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream(2)])


def test_chain_dataset():
    chained = Stream(2) + Stream(3)
    assert isinstance(chained, ChainDataset)
    assert list(chained) == [0, 1, 0, 1, 2] and len(chained) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([[1]]))


def test_a_subset_that_overrides_one_method_must_override_both():
    class Half(Subset):
        def __getitem__(self, index):
            return -1

    with pytest.raises(NotImplementedError, match="overrides __getitem__ but not __getitems__"):
        Half([1, 2], [0])


def test_random_split_lengths_fractions_and_errors():
    parts = random_split(range(10), [3, 7], generator=rng.Generator().manual_seed(0))
    assert [len(p) for p in parts] == [3, 7]
    assert sorted(x for p in parts for x in p) == list(range(10))
    assert [len(p) for p in random_split(range(11), [0.5, 0.25, 0.25])] == [6, 3, 2]
    with pytest.raises(ValueError, match="Sum of input lengths"):
        random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        random_split(range(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(1), [0.5, 0.5])


def test_the_base_classes_say_what_to_implement():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Dataset()[0]


# ----- samplers


def test_samplers_cover_their_indices():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert sorted(RandomSampler(range(50))) == list(range(50))
    assert sorted(SubsetRandomSampler([5, 7, 9])) == [5, 7, 9]
    drawn = list(RandomSampler(range(3), replacement=True, num_samples=70))
    assert len(drawn) == 70 and set(drawn) == {0, 1, 2}
    assert sorted(RandomSampler(range(3), num_samples=6)) == [0, 0, 1, 1, 2, 2]
    assert set(WeightedRandomSampler([0.0, 1.0, 1.0], 40)) == {1, 2}


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: RandomSampler([]), ValueError, "num_samples=0"),
        (lambda: RandomSampler([1], replacement=1), TypeError, "replacement should be a boolean"),
        (lambda: RandomSampler([1], num_samples=-1), ValueError, "num_samples=-1"),
        (lambda: WeightedRandomSampler([1.0], True), ValueError, "num_samples=True"),
        (lambda: WeightedRandomSampler([1.0], 1, replacement=0), ValueError, "replacement should be"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, r"shape \(1, 1\)"),
        (lambda: BatchSampler(range(3), 0, False), ValueError, "batch_size=0"),
        (lambda: BatchSampler(range(3), 1, 0), ValueError, "drop_last=0"),
        (lambda: DistributedSampler([1], 2, 2), ValueError, r"interval \[0, 1\]"),
        (lambda: DistributedSampler([1]), RuntimeError, "distributed package"),
    ],
)
def test_sampler_arguments_are_checked(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_batch_sampler_lengths_and_drop_last():
    for n, size in ((10, 3), (9, 3), (2, 5)):
        for drop in (False, True):
            sampler = BatchSampler(range(n), size, drop)
            batches = list(sampler)
            assert len(sampler) == len(batches)
            assert all(len(b) == size for b in batches[:-1])
            assert [i for b in batches for i in b] == list(range(n - n % size if drop else n))


def test_interleaved_passes_over_one_random_sampler_are_independent():
    sampler = RandomSampler(range(20))
    first, second = iter(sampler), iter(sampler)
    mixed = [(next(first), next(second)) for _ in range(20)]
    assert sorted(a for a, _ in mixed) == sorted(b for _, b in mixed) == list(range(20))


def test_distributed_sampler_shares_out_everything():
    shares = [list(DistributedSampler(range(10), 3, rank)) for rank in range(3)]
    assert {len(s) for s in shares} == {4} and set().union(*shares) == set(range(10))
    dropped = [list(DistributedSampler(range(10), 3, r, drop_last=True)) for r in range(3)]
    assert {len(s) for s in dropped} == {3}


# ----- collate and convert

Point = namedtuple("Point", "x y")


def test_default_collate_by_type():
    assert default_collate([1, 2]).dtype is cr.tensor([1]).dtype
    assert repr(default_collate([1.0, 2.0])) == "tensor([1., 2.], dtype=torch.float64)"
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([True, False]).tolist() == [True, False]
    assert default_collate([np.float32(1), np.float32(2)]).dtype is floats(1).dtype
    assert default_collate([np.zeros(2, np.int16)] * 3)._a.dtype == np.int16
    assert [t.tolist() for t in default_collate([(1, 2), (3, 4)])] == [[1, 3], [2, 4]]
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert type(point) is Point and point.y.tolist() == [2, 4]
    mapping = default_collate([OrderedDict(a=1), OrderedDict(a=2)])
    assert type(mapping) is OrderedDict and mapping["a"].tolist() == [1, 2]
    assert default_collate([floats(2), floats(2)]).shape == (2, 2)


def test_default_collate_keeps_gradients():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    assert default_collate([x, x]).requires_grad


@pytest.mark.parametrize(
    "batch, error, text",
    [
        ([object()], TypeError, "batch must contain tensors, numpy arrays, numbers, dicts or lists; found"),
        ([np.array(["a"])], TypeError, "found <U1"),
        ([[1], [1, 2]], RuntimeError, "should be of equal size"),
        ([floats(2), floats(3)], RuntimeError, "equal size"),
    ],
)
def test_what_default_collate_refuses(batch, error, text):
    with pytest.raises(error, match=text):
        default_collate(batch)


def test_default_convert():
    array = np.zeros(3)
    converted = default_convert({"a": array, "b": (np.int64(3), "t"), "c": Point(array, 1)})
    assert np.shares_memory(converted["a"]._a, array)
    assert converted["b"][0].item() == 3 and converted["b"][1] == "t" and type(converted["c"]) is Point
    assert default_convert(np.array(["a"])).dtype.kind == "U"


# ----- the loader


def test_batches_of_a_tensor_dataset_are_copies():
    data = pair()
    for shuffle in (False, True):
        for x, y in DataLoader(data, 4, shuffle=shuffle):
            assert type(x) is Tensor and x.shape == (len(y), 3)
            x._a[:] = -1
    assert data.tensors[0].tolist() == floats(10, 3).tolist()


def test_the_gather_equals_the_long_way(monkeypatch):
    subset = Subset(Subset(pair(20), list(range(19, 3, -1))), [3, -1, 0, 7, 9])
    for data, kind in ((pair(), TensorFetcher), (subset, TensorFetcher)):
        fetcher = make_fetcher(0, data, True, default_collate, False)
        assert type(fetcher) is kind
        for index in ([0, 3, 1], [-1], [2, 2]):
            long = MapFetcher(data, True, default_collate).fetch(index)
            assert [t.tolist() for t in fetcher.fetch(index)] == [t.tolist() for t in long]


def test_the_gather_is_not_taken_where_it_could_differ():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x * 2, y

    assert next(iter(DataLoader(Doubled(floats(4), floats(4)), 4)))[0].tolist() == [0.0, 2.0, 4.0, 6.0]
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    (batch,) = next(iter(DataLoader(TensorDataset(w), 2)))
    batch.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]
    with pytest.raises(IndexError):
        list(DataLoader(pair(3), sampler=[7]))
    assert type(make_fetcher(0, pair(), True, list, False)) is MapFetcher


def test_a_changed_tensor_is_seen_by_the_next_batch():
    data = pair(4)
    loader = iter(DataLoader(data, 2))
    next(loader)
    data.tensors[0]._a[:] = 9
    assert next(loader)[0].tolist() == [[9.0] * 3] * 2


def test_lengths_drop_last_and_no_batching():
    assert len(DataLoader(range(10), 3)) == 4 and len(DataLoader(range(10), 3, drop_last=True)) == 3
    assert [b.tolist() for b in DataLoader(range(5), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(range(3), batch_size=None)) == [0, 1, 2]
    assert [b.tolist() for b in DataLoader(range(4), batch_sampler=[[3, 1], [0]])] == [[3, 1], [0]]
    assert [b.tolist() for b in DataLoader("ab", sampler=[1, 0], collate_fn=lambda s: cr.tensor([len(s)]))]
    assert len(iter(DataLoader(range(10), 3))) == 4


def test_an_error_in_one_sample_does_not_end_the_pass():
    class Bad(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return 1 // (index - 1)

    batches = iter(DataLoader(Bad()))
    assert next(batches).tolist() == [-1]
    with pytest.raises(ZeroDivisionError):
        next(batches)
    assert next(batches).tolist() == [1]


def test_streams():
    assert [b.tolist() for b in DataLoader(Stream(5), 2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(5), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert len(DataLoader(Stream(5), 2)) == 3
    assert list(DataLoader(Stream(2), None)) == [0, 1]


def test_a_stream_longer_than_it_said_is_warned_about():
    class Liar(Stream):
        def __len__(self):
            return 1

    loader = DataLoader(Liar(2), None)
    len(loader)
    with pytest.warns(UserWarning, match="was reported to be 1"):
        list(loader)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"num_workers": 1, "prefetch_factor": -1}, "prefetch_factor option should be non-negative"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "disables auto-batching"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"multiprocessing_context": "fork"}, "can only be used with multi-process loading"),
        ({"num_workers": 1, "multiprocessing_context": "thread"}, "valid start method"),
    ],
)
def test_options_that_contradict_each_other(options, text):
    with pytest.raises(ValueError, match=text):
        DataLoader(range(4), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_streams_take_no_sampling_options(options):
    with pytest.raises(ValueError, match=f"expected unspecified {next(iter(options))} option"):
        DataLoader(Stream(3), **options)


def test_options_are_fixed_after_the_start():
    loader = DataLoader(range(4))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader"):
        loader.batch_size = 2
    with pytest.raises(TypeError, match="context object"):
        DataLoader(range(4), num_workers=1, multiprocessing_context=3)
    with pytest.raises(AssertionError, match="timeout"):
        iter(DataLoader(range(4), timeout=1))
    with pytest.raises(NotImplementedError):
        iter(loader).__getstate__()
