"""The iterator over worker processes: hands out batches of indices ahead, takes the data back in order.

NOTE [Pipes] Each worker has a pipe of its own and no lock is shared, so a worker that dies at any point harms
no other, and its death is seen at once by its sentinel.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import sys
import time
import warnings
import weakref
from multiprocessing import connection
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING, Any

from .dataloader import BaseIterator
from .fetch import DatasetKind
from .worker import RESUME, ExceptionWrapper, StreamEnd, WorkerTask, run_worker

if TYPE_CHECKING:
    from .dataloader import DataLoader

__all__ = ["MultiProcessIterator"]

_PATIENCE = 5.0  # seconds that a worker gets to end by itself


def _context(chosen: BaseContext | None) -> Any:
    """The chosen context, else the program's own choice, else fork where it is safe, else spawn."""
    if chosen is not None:
        return chosen
    if multiprocessing.get_start_method(allow_none=True) is not None:
        return multiprocessing.get_context()
    forks = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return multiprocessing.get_context("fork" if forks else "spawn")


class _Worker:
    """A process and our end of its pipe."""

    def __init__(self, context: Any, task: WorkerTask) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=run_worker, args=(task, theirs), daemon=True)
        self.active = True
        self.tasks = 0
        try:
            self.process.start()
        except (TypeError, AttributeError, pickle.PicklingError):
            warnings.warn(
                "Got pickle error when attempting to start a worker Process. The dataset, collate_fn and "
                "worker_init_fn must be picklable unless processes are forked: "
                "multiprocessing.set_start_method('fork').",
                stacklevel=2,
            )
            raise
        finally:
            theirs.close()


def _shut_down(workers: list[_Worker], owner: int) -> None:
    """End the workers: ask them, read away what they still send, terminate those that do not end in time."""
    if os.getpid() != owner:
        return  # in a worker forked later, which inherited this iterator
    for worker in workers:
        try:
            worker.pipe.send(None)
        except OSError:
            pass  # ended already
    deadline = time.monotonic() + _PATIENCE
    try:
        for worker in workers:
            _drain(worker, deadline)
    finally:
        for worker in workers:
            if worker.process.is_alive():
                worker.process.terminate()
            worker.process.join()
            worker.pipe.close()
        workers.clear()


def _drain(worker: _Worker, deadline: float) -> None:
    sentinel: Any = worker.process.sentinel
    while True:
        ready = connection.wait([worker.pipe, sentinel], max(0.0, deadline - time.monotonic()))
        if not ready or sentinel in ready:
            return
        try:
            worker.pipe.recv_bytes()
        except (EOFError, OSError):
            connection.wait([sentinel], max(0.0, deadline - time.monotonic()))
            return


class MultiProcessIterator(BaseIterator):
    """Loads in `num_workers` processes."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        self._prefetch = loader.prefetch_factor * self._num_workers
        self._in_order = loader.in_order
        self._timeout = loader.timeout
        self._persistent = loader.persistent_workers
        self._workers: list[_Worker] = []
        self._finalizer = weakref.finalize(self, _shut_down, self._workers, os.getpid())
        context = _context(loader.multiprocessing_context)
        for number in range(self._num_workers):
            task = WorkerTask(
                self._dataset_kind, self._dataset, loader._auto_collation, loader.collate_fn,
                loader.drop_last,
                self._base_seed, loader.worker_init_fn, number, self._num_workers,
            )  # fmt: skip
            self._workers.append(_Worker(context, task))
        self._start(loader)

    def _start(self, loader: DataLoader[Any]) -> None:
        self._begin(loader)
        self._sent = self._due = 0  # the next batch to hand out, the next to yield
        self._owner: dict[int, _Worker] = {}  # who loads a batch that has not come
        self._arrived: dict[int, Any] = {}
        self._turns = itertools.cycle(self._workers)
        for worker in self._workers:
            worker.active = True
            worker.tasks = 0
        for _ in range(self._prefetch):
            self._hand_out()

    def reset(self, loader: DataLoader[Any]) -> None:
        """Start the next epoch on the same workers; what they still hold of the last one is dropped."""
        if not self._workers:
            raise RuntimeError(
                "the DataLoader's workers have been shut down after an error: make a new DataLoader"
            )
        for worker in self._workers:
            worker.pipe.send(RESUME)
        waiting = len(self._workers)
        while waiting:
            waiting -= self._receive()[0] == RESUME
        self._start(loader)

    def _hand_out(self) -> None:
        """Give the next batch of indices to the next active worker."""
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        for _ in self._workers:
            worker = next(self._turns)
            if worker.active and (self._in_order or worker.tasks < self._share()):
                break
        else:
            return
        try:
            worker.pipe.send((self._sent, index))
        except OSError:
            pass  # it has died: the wait for its batch finds out
        self._owner[self._sent] = worker
        worker.tasks += 1
        self._sent += 1

    def _share(self) -> int:
        return self._prefetch // sum(worker.active for worker in self._workers)

    def _receive(self) -> tuple[Any, Any]:
        """The next (number, data) that any worker sends."""
        pipes = {worker.pipe: worker for worker in self._workers}
        sentinels = [worker.process.sentinel for worker in self._workers]
        ready = connection.wait([*pipes, *sentinels], self._timeout or None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        for pipe in ready:
            if pipe in pipes:
                try:
                    received: tuple[Any, Any] = pickle.loads(pipe.recv_bytes())  # type: ignore[union-attr]
                    return received
                except (EOFError, OSError):
                    break
        raise self._death()

    def _death(self) -> RuntimeError:
        """The error for workers that ended without being asked; the others are shut down."""
        ended = [worker for worker in self._workers if not worker.process.is_alive()]
        if not ended:  # its pipe is closed, its process on the way out
            time.sleep(0.1)
            ended = [worker for worker in self._workers if not worker.process.is_alive()]
        pids = ", ".join(str(worker.process.pid) for worker in ended)
        codes = ", ".join(str(worker.process.exitcode) for worker in ended)
        self._finalizer()
        return RuntimeError(
            f"DataLoader worker (pid(s) {pids}) exited unexpectedly\n"
            f"  came:     exit code(s) {codes} (negative: the signal that ended it; -9 is often a lack of "
            "memory)\n  fix:      set num_workers=0 to see the error in this process"
        )

    def __next__(self) -> Any:
        while True:
            if self._due in self._arrived:
                number = self._due
                worker, data = self._arrived.pop(number)
                return self._yield(number, worker, data)
            if self._due >= self._sent:
                if not self._persistent:
                    self._finalizer()
                raise StopIteration
            if self._due not in self._owner:  # yielded out of order, or never loaded as the stream ended
                self._due += 1
                continue
            number, data = self._receive()
            worker = self._owner.pop(number)
            worker.tasks -= 1
            if isinstance(data, StreamEnd):
                self._end_of(worker)
                self._hand_out()
            elif number == self._due or not self._in_order:
                return self._yield(number, worker, data)
            else:
                self._arrived[number] = (worker, data)

    def _end_of(self, worker: _Worker) -> None:
        """The worker's stream has ended: what it was given beyond that will never come."""
        worker.active = False
        for number in [n for n, owner in self._owner.items() if owner is worker]:
            del self._owner[number]
        worker.tasks = 0

    def _yield(self, number: int, worker: _Worker, data: Any) -> Any:
        if number == self._due:
            self._due += 1
        self._hand_out()
        if isinstance(data, ExceptionWrapper):
            data.reraise()
        if self._dataset_kind == DatasetKind.Iterable:
            self._count()
        return data
