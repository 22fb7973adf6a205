"""Loading in worker processes: order, seeds, errors, ends."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule import random as rng
from chainrule.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info
from chainrule.utils.data.worker import ExceptionWrapper, numpy_seed


class Numbers(Dataset):
    def __init__(self, n=12):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return index


class Slow(Numbers):
    def __getitem__(self, index):
        time.sleep(0.02 if index == 0 else 0)
        return index


class Failing(Numbers):
    def __init__(self, error):
        super().__init__(4)
        self.error = error

    def __getitem__(self, index):
        if index == 2:
            raise self.error
        return index


class Dying(Numbers):
    def __getitem__(self, index):
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


class Hanging(Numbers):
    def __getitem__(self, index):
        time.sleep(60)


class Share(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, self.n, info.num_workers))


class TwoArguments(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def values(loader):
    return [batch.tolist() for batch in loader]


def test_results_come_in_order():
    assert values(DataLoader(Slow(), 3, num_workers=2)) == values(DataLoader(Numbers(), 3))
    together = values(DataLoader(Slow(), 3, num_workers=2, in_order=False))
    assert sorted(together) == values(DataLoader(Numbers(), 3))


def test_tensors_come_back_whole():
    data = TensorDataset(cr.tensor(np.arange(20.0).reshape(10, 2)), cr.tensor(np.arange(10)))
    here = [(x.tolist(), y.tolist()) for x, y in DataLoader(data, 4)]
    assert [(x.tolist(), y.tolist()) for x, y in DataLoader(data, 4, num_workers=2)] == here


def test_batches_larger_than_a_pipe_do_not_block():
    data = TensorDataset(cr.tensor(np.zeros((40_000, 4))))
    total = sum(len(x) for (x,) in DataLoader(data, 10_000, num_workers=2, shuffle=True, prefetch_factor=2))
    assert total == 40_000


def test_spawned_workers():
    assert values(DataLoader(Numbers(4), 2, num_workers=1, multiprocessing_context="spawn")) == [
        [0, 1],
        [2, 3],
    ]


def test_shuffles_do_not_depend_on_workers():
    orders = []
    for workers in (0, 2):
        rng.manual_seed(3)
        loader = DataLoader(Numbers(), 4, shuffle=True, num_workers=workers)
        orders.append(
            (values(loader), values(loader), rng.randint(rng.default_generator, 0, 10**6, (2,)).tolist())
        )
    assert orders[0] == orders[1]


def test_seeds_and_worker_info():
    class Seeds(Numbers):
        def __getitem__(self, index):
            info = get_worker_info()
            drawn = (random.random(), np.random.rand(), rng.initial_seed())
            return (info.id, info.num_workers, info.seed, info.dataset is self, *drawn)

    assert get_worker_info() is None
    rng.manual_seed(0)
    loader = DataLoader(Seeds(2), None, num_workers=2)
    iterator = iter(loader)
    base = iterator._base_seed
    for worker, row in enumerate(iterator):
        seed = base + worker
        assert row[:4] == [worker, 2, seed, True] and row[6] == seed
        assert row[4] == random.Random(seed).random()
        assert row[5] == np.random.RandomState(numpy_seed(base, worker)).rand()


def test_worker_init_fn_runs_first_and_its_errors_come_back():
    def double(worker_id):
        get_worker_info().dataset.n = 100 + worker_id

    class Length(Numbers):
        def __getitem__(self, index):
            return self.n

    assert values(DataLoader(Length(2), num_workers=2, worker_init_fn=double)) == [[100], [101]]

    def fail(worker_id):
        raise OSError("no data here")

    with pytest.raises(OSError, match="Caught OSError in DataLoader worker process 0"):
        list(DataLoader(Numbers(), num_workers=1, worker_init_fn=fail))


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyError("key"), TwoArguments(1, 2)])
def test_errors_carry_the_workers_traceback(error):
    expected = RuntimeError if type(error) is TwoArguments else type(error)
    with pytest.raises(expected) as caught:
        list(DataLoader(Failing(error), num_workers=2))
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker process 0.\nOriginal Traceback" in text
    assert "raise self.error" in text


def test_the_pass_goes_on_after_an_error():
    batches = iter(DataLoader(Failing(ValueError("wrong")), num_workers=2))
    assert next(batches).tolist() == [0] and next(batches).tolist() == [1]
    with pytest.raises(ValueError, match="wrong"):
        next(batches)
    assert next(batches).tolist() == [3]


def test_a_batch_that_cannot_be_pickled_is_an_error_not_a_hang():
    class Lambdas(Numbers):
        def __getitem__(self, index):
            return lambda: index

    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        list(DataLoader(Lambdas(2), None, num_workers=1))


def test_a_dead_worker_is_reported():
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(DataLoader(Dying(), num_workers=2))


def test_timeout():
    iterator = iter(DataLoader(Hanging(), num_workers=1, timeout=0.2))
    processes = [worker.process for worker in iterator._workers]
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds"):
        next(iterator)
    for process in processes:  # a worker that hangs gets no time to end by itself here
        process.terminate()


def test_streams_in_workers():
    assert sorted(sum(values(DataLoader(Share(7), 2, num_workers=2)), [])) == list(range(7))
    assert values(DataLoader(Share(7), 2, num_workers=2)) == [[0, 2], [1, 3], [4, 6], [5]]
    assert values(DataLoader(Share(1), 2, num_workers=2)) == [[0]]


@pytest.mark.parametrize("dataset", [Numbers(6), Share(6)])
def test_persistent_workers_stay(dataset):
    loader = DataLoader(dataset, 2, num_workers=2, persistent_workers=True)
    first = values(loader)
    pids = [worker.process.pid for worker in loader._iterator._workers]
    for _ in loader:
        break
    assert values(loader) == first
    assert [worker.process.pid for worker in loader._iterator._workers] == pids


def test_workers_end_with_the_pass_and_with_the_iterator():
    iterator = iter(DataLoader(Numbers(), num_workers=2))
    processes = [worker.process for worker in iterator._workers]
    list(iterator)
    assert not iterator._workers
    iterator = iter(DataLoader(Numbers(), num_workers=2))
    processes = [worker.process for worker in iterator._workers]
    next(iterator)
    assert all(process.is_alive() for process in processes)
    del iterator
    gc.collect()
    assert not any(process.is_alive() for process in processes)


def test_more_workers_than_cpus_are_warned_about(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    with pytest.warns(UserWarning, match="will create 5 worker processes in total"):
        DataLoader(Numbers(), num_workers=5)


def test_an_exception_that_takes_no_text_becomes_a_runtime_error():
    with pytest.raises(RuntimeError, match="Caught TwoArguments somewhere"):
        ExceptionWrapper(TwoArguments(1, 2), "somewhere").reraise()


SCRIPT = """
    import sys, time
    from chainrule.utils.data import DataLoader, Dataset
    class Numbers(Dataset):
        def __len__(self): return 1000
        def __getitem__(self, index): time.sleep(0.01); return index
    batches = iter(DataLoader(Numbers(), num_workers=2))
    next(batches)
    print(*[w.process.pid for w in batches._workers], flush=True)
    {end}
"""


def run(end):
    code = textwrap.dedent(SCRIPT).format(end=end)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def gone(pid):
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as stat:
            if stat.read().split()[2] == "Z":
                return True
        time.sleep(0.05)
    return False


def test_the_interpreter_exits_cleanly_with_workers_running():
    process = run("")
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0 and error == ""
    assert all(gone(int(pid)) for pid in out.split())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_do_not_outlive_an_interrupted_or_killed_program(sent):
    process = run("list(batches)")
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.send_signal(sent)
    _, error = process.communicate(timeout=60)
    assert len(pids) == 2 and all(gone(pid) for pid in pids)
    if sent is signal.SIGINT:
        assert error.rstrip().endswith("KeyboardInterrupt") and error.count("Traceback") == 1
