"""A worker process of the DataLoader: takes batches of indices from its pipe, sends back batches of data."""

from __future__ import annotations

import os
import queue
import random
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from ...random import manual_seed
from .fetch import DatasetKind, make_fetcher

__all__ = [
    "ExceptionWrapper",
    "StreamEnd",
    "WorkerInfo",
    "WorkerTask",
    "get_worker_info",
    "numpy_seed",
    "run_worker",
]

RESUME = "resume"  # sent instead of a task: start the dataset anew


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The WorkerInfo of this worker process; None in the main process.

    >>> get_worker_info() is None
    True
    """
    return _worker_info


@dataclass(frozen=True)
class StreamEnd:
    """Sent when a worker's IterableDataset has no more samples."""

    worker_id: int


class _Lines(str):
    """A KeyError shows the repr of its argument: this one keeps its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception with the text of its traceback, to be raised again in another process."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.exc_type = type(error)
        self.exc_msg = "".join(traceback.format_exception(error))
        self.where = where

    def reraise(self) -> None:
        """Raise the same type with the original traceback in its text (RuntimeError if it cannot be made)."""
        text = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        try:
            error = self.exc_type(_Lines(text) if self.exc_type is KeyError else text)
        except Exception:
            raise RuntimeError(text) from None
        raise error


@dataclass
class WorkerTask:
    """Everything a worker needs to know at its start."""

    kind: int
    dataset: Any
    auto_collation: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    base_seed: int
    init_fn: Callable[[int], Any] | None
    worker_id: int
    num_workers: int

    def fetcher(self) -> Any:
        return make_fetcher(self.kind, self.dataset, self.auto_collation, self.collate_fn, self.drop_last)


def numpy_seed(base_seed: int, worker_id: int) -> list[int]:
    """Four 32-bit words for np.random.seed, unrelated to those of the other generators."""
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(words).generate_state(4).tolist()


def run_worker(task: WorkerTask, pipe: Any) -> None:
    """The worker's main function: ends at the final None, or when the main process is gone."""
    global _worker_info
    try:
        seed = task.base_seed + task.worker_id
        random.seed(seed)
        manual_seed(seed)
        np.random.seed(numpy_seed(task.base_seed, task.worker_id))
        _worker_info = WorkerInfo(task.worker_id, task.num_workers, seed, task.dataset)
        tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        stop = threading.Event()
        threading.Thread(target=_receive, args=(pipe, tasks, stop), daemon=True).start()
        _serve(task, pipe, tasks, stop)
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        return  # the main process is interrupted as well, or gone


def _receive(pipe: Any, tasks: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    """Empties the pipe all the time, so that the main process never waits in a send while this one does."""
    from multiprocessing import connection  # here: there is none in a browser, where the rest works

    parent: Any = parent_process()
    try:
        while True:
            if pipe not in connection.wait([pipe, parent.sentinel]):
                os._exit(1)  # the main process is gone: nobody is left to finish for
            received = pipe.recv()
            if received is None:
                break
            tasks.put(received)
    except (EOFError, OSError):
        pass
    stop.set()
    tasks.put(None)


def _serve(task: WorkerTask, pipe: Any, tasks: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    where = f"in DataLoader worker process {task.worker_id}"
    fetcher, failed = _prepare(task, where, True)
    ended = False
    while (received := tasks.get()) is not None and not stop.is_set():
        if received == RESUME:
            pipe.send_bytes(ForkingPickler.dumps((RESUME, None)))
            fetcher, failed = _prepare(task, where, False)
            ended = False
            continue
        if ended:
            continue
        number, index = received
        data: Any
        if failed is not None:
            data = failed
        else:
            try:
                data = fetcher.fetch(index)
            except Exception as error:
                ended = isinstance(error, StopIteration) and task.kind == DatasetKind.Iterable
                data = StreamEnd(task.worker_id) if ended else ExceptionWrapper(error, where)
        pipe.send_bytes(_pickled(number, data, where))


def _prepare(task: WorkerTask, where: str, first: bool) -> tuple[Any, ExceptionWrapper | None]:
    try:
        if first and task.init_fn is not None:
            task.init_fn(task.worker_id)
        return task.fetcher(), None
    except Exception as error:
        return None, ExceptionWrapper(error, where)


def _pickled(number: int, data: Any, where: str) -> Any:
    """The answer as bytes; a batch (or exception type) that cannot be pickled becomes an error that can."""
    try:
        return ForkingPickler.dumps((number, data))
    except Exception as error:
        if isinstance(data, ExceptionWrapper):
            data.exc_type = RuntimeError
            return ForkingPickler.dumps((number, data))
        return ForkingPickler.dumps((number, ExceptionWrapper(error, where)))
