"""The threads that share a step: how many pay, and the workers that wait for the next one.

NOTE [Workers] A worker is a daemon Python thread inside a C call, without the interpreter lock. It spins for
about a millisecond after each step, then sleeps: in a futex on Linux; elsewhere it returns to Python and
waits for a lock, and whoever hands out a step rings first. (A worker that goes to sleep just then misses the
bell; it looks again after _NAP seconds.) It must be at work in C before the first step is handed to it, since
the caller may hold the interpreter lock while it waits.
NOTE [Two virtual processors] may be one core: two threads then take as long as one. So two threads are
timed against one before any divided step runs, and now and then again.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .. import threads as _asked
from . import rendezvous as at
from .builder import Function, Module, Value, number, vector
from .rendezvous import HEADER, barrier, fork, share
from .target import host

__all__ = [
    "HEADER",
    "Calibration",
    "barrier",
    "calibration",
    "fork",
    "pool",
    "ready",
    "run",
    "share",
    "threads_for",
]

_NAP = 0.05
_SPINS = 20_000  # pauses before a worker sleeps: half a millisecond to two, as processors differ
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98}  # the number of the system call
_WORTH = 10e-6  # seconds of work below which one thread does it: twenty times what handing out costs
_BANDWIDTH = 20e9  # bytes a second of one thread, about, in the second cache
_RATE = 50e9  # flops a second of one thread, about
_TRIES = 8  # of a probe, at least
_PAYS = 0.25  # of a processor, which each thread more must bring: clocks alone vary by a fifth
_PATIENCE = 0.2  # seconds until more threads count as not paying
_PAUSE = 0.002  # seconds between two tries while they do not
_AGAIN = 300.0  # seconds after which the calibration counts as old
_CHAINS, _TURNS = 8, 20_000


class Calibration(NamedTuple):
    """What was measured: threads that pay, how much quicker they are than one, flops a second of one."""

    threads: int
    speedup: float
    rate: float
    when: float


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def allowed() -> int:
    """The same, and no more than set_num_threads allows."""
    return max(min(processors(), _asked.get_num_threads()), 1)


class Pool:
    """The workers of this process and the memory they are told through."""

    def __init__(self, threads: int, *, futex: bool = True) -> None:
        import threading

        self.most = threads
        size = at.pool_bytes(threads)
        self._memory = np.zeros(size + at.LINE, np.uint8)
        start = self._memory.ctypes.data
        self.address = start + -start % at.LINE
        self._lock = threading.Lock()
        self._workers: list[Any] = []
        self._bells: list[Any] = []
        number = _FUTEX.get(platform.machine(), 0) if sys.platform == "linux" and futex else 0
        self.futex = number
        flags = self.address + size - threads * at.LINE
        self._put(at.POOL_LIMIT, threads)
        self._put(at.POOL_YIELD, _yield())
        self._put(at.POOL_SYSCALL, _c_function("syscall") if number else 0)
        self._put(at.POOL_FUTEX, number)
        self._put(at.POOL_FLAGS, flags)
        ctypes.c_int64.from_address(flags + at.RELAX).value = _yield()
        code = _functions()
        self._worker = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
            code["worker"]
        )
        self._fork = ctypes.CFUNCTYPE(
            ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
        )(code["fork"])

    def word(self, place: int) -> ctypes.c_int64:
        """A word of the pool."""
        return ctypes.c_int64.from_address(self.address + place)

    def _put(self, place: int, value: int) -> None:
        self.word(place).value = value

    def _mailbox(self, worker: int) -> int:
        return at.MAILBOXES + (worker - 1) * at.MAILBOX

    def start(self) -> int:
        """Have all workers at work in C; how many threads there are with this one."""
        import threading

        with self._lock:
            if self.word(at.POOL_READY).value:
                return self.word(at.POOL_READY).value
            try:
                while len(self._workers) < self.most - 1:
                    self._bells.append(threading.Lock())
                    self._bells[-1].acquire()
                    me = len(self._workers) + 1
                    worker = threading.Thread(
                        target=self._work, args=(me, self._bells[-1]), name=f"chainrule-{me}", daemon=True
                    )
                    worker.start()
                    self._workers.append(worker)
            except RuntimeError:  # no more threads, or the interpreter is ending
                pass
            for i in range(len(self._workers)):
                while not self.word(self._mailbox(i + 1) + at.ALIVE).value:
                    time.sleep(1e-4)
            self._put(at.POOL_READY, 1 + len(self._workers))
            return 1 + len(self._workers)

    def _work(self, me: int, bell: Any) -> None:
        while not self._worker(self.address, me, _SPINS):
            bell.acquire(timeout=_NAP)

    def ring(self) -> None:
        """Wake the workers that wait in Python: NOTE [Workers]."""
        for i, bell in enumerate(self._bells):
            if self.word(self._mailbox(i + 1) + at.ASLEEP).value:
                try:
                    bell.release()
                except RuntimeError:  # it rings already
                    pass

    def run(self, step: int, table: int, threads: int) -> int:
        """step(table, thread) on up to so many threads; an error number, or 0."""
        if threads > 1:
            self.start()
            if not self.futex:
                self.ring()
        return int(self._fork(self.address, step, table, threads))

    def stop(self) -> None:
        """Let the workers end: their code and memory are about to go."""
        with self._lock:
            self._put(at.POOL_READY, 1)  # later steps run on their own thread
            deadline = time.monotonic() + 1
            while self.word(at.LOCK).value and time.monotonic() < deadline:
                time.sleep(1e-3)
            for i in range(len(self._workers)):
                box = self._mailbox(i + 1)
                self._put(box + at.STEP, 0)
                self.word(box + at.JOB).value += 1
                if self.futex:
                    _system_call(self.futex, self.address + box)
            self.ring()
            for worker in self._workers:
                worker.join(1)
            self._workers, self._bells = [], []
            for i in range(self.most - 1):
                self._clear(i + 1)

    def _clear(self, worker: int) -> None:
        ctypes.memset(self.address + self._mailbox(worker), 0, at.RELAX % at.MAILBOX)

    def forked(self) -> None:
        """In a child process: no worker came along, nobody holds the pool, no step is running."""
        import threading

        self._lock = threading.Lock()
        self._workers, self._bells = [], []
        for worker in range(1, self.most):
            self._clear(worker)
        self._put(at.LOCK, 0)
        self._put(at.POOL_READY, 0)

    def limit(self, threads: int) -> None:
        """Use no more than so many threads from the next step on."""
        self._put(at.POOL_LIMIT, max(min(threads, self.most), 1))


def _c_function(name: str) -> int:
    return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0


def _yield() -> int:
    if sys.platform == "win32":
        return ctypes.cast(ctypes.WinDLL("kernel32").SwitchToThread, ctypes.c_void_p).value or 0
    return _c_function("sched_yield")


def _system_call(number: int, address: int) -> None:
    ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_void_p(address), 129, 1)


@cache
def _functions() -> dict[str, int]:
    from . import engine

    module = Module(host())
    at.write_worker(module, "worker")
    at.write_fork(module, "fork")
    _write_probe(module, "probe")
    names = ("worker", "fork", "probe")
    library = engine.load(str(module), names, cache=True)
    found: dict[str, Any] = {name: library.address(name) for name in names}
    found["library"] = library  # lives as long as the addresses
    return found


@cache
def pool() -> Pool:
    """The pool of this process; it starts no thread before it is asked to."""
    import atexit

    made = Pool(processors())
    made.limit(allowed())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=made.forked)
    atexit.register(made.stop)
    _asked.listeners.append(_changed)
    return made


def _changed(threads: int) -> None:
    known = _calibrated.last
    pool().limit(threads if known is None else min(threads, known.threads))


# ----- how many threads pay


def _write_probe(module: Module, name: str) -> None:
    """A step of multiply-adds in registers alone: table[HEADER] turns of _CHAINS vectors."""
    f: Function = module.function(name, ("ptr", "i64"), "i64", internal=False)
    table = f.parameters[0]
    kind = vector("float", f.target.lanes("float"))
    factor, term = number(0.5, kind), number(1.0, kind)
    start: list[Value] = [number(k, kind) for k in range(_CHAINS)]
    with f.loop(0, f.load("i64", f.offset(table, 8 * HEADER)), carry=start) as loop:
        loop.next = [f.fma(x, factor, term) for x in loop.carried]
    total = loop.results[0]
    for x in loop.results[1:]:
        total = f.binary("fadd", total, x)
    bits = f.cast("bitcast", f.extract(total, 0), "i32")
    f.ret(f.cast("zext", f.compare("eq", bits, Value("1", "i32")), "i64"))  # 0, which LLVM cannot know


def fork_address() -> int:
    """Where the code is that hands a step out: i64 fork(pool, step, table, threads)."""
    return _functions()["fork"]


class _Calibrated:
    last: Calibration | None = None


_calibrated = _Calibrated()


def calibration(*, again: bool = False) -> Calibration:
    """How many threads pay on this machine now: measured at first use (a few ms), then rarely.

    So many count as paying if each but the first brings at least _PAYS of what one alone does: threads that
    share a core bring less than that, and cores of their own never so little.
    """
    last = _calibrated.last
    if last is None or again or time.monotonic() - last.when > _AGAIN:
        _calibrated.last = last = _measured()
        pool().limit(min(last.threads, allowed()))
    return last


def _measured() -> Calibration:
    workers = pool()
    threads = workers.start()
    workers.limit(threads)
    flops = 2 * _CHAINS * host().lanes("float") * _TURNS
    one = _seconds(1)
    while threads > 1:
        least = 1 + _PAYS * (threads - 1)
        speedup = threads * one / _seconds(threads, threads * one / least)
        if speedup >= least:
            return Calibration(threads, speedup, flops / one, time.monotonic())
        threads //= 2
    return Calibration(1, 1.0, flops / one, time.monotonic())


def _seconds(threads: int, enough: float = 0.0) -> float:
    """The shortest time for a probe on each of so many threads.

    Tried again until it is short `enough`, for a while: a processor may be held by another process, or by a
    thread of NumPy's OpenBLAS, which spins for a tenth of a second after its last product.
    """
    table = np.zeros(HEADER + 1, np.int64)
    table[HEADER] = _TURNS
    workers, step, where, best = pool(), _functions()["probe"], table.ctypes.data, float("inf")
    begun = time.perf_counter()
    while True:
        for _ in range(_TRIES):  # in a row: the workers wake at the first
            before = time.perf_counter()
            workers.run(step, where, threads)
            best = min(best, time.perf_counter() - before)
        if best <= enough or not enough or time.perf_counter() - begun > _PATIENCE:
            return best
        time.sleep(_PAUSE)


def threads_for(flops: float, bytes: float) -> int:
    """How many threads a step of so many operations and bytes is written for: 1 if it is short.

    The same on every machine with as many processors, so that sums are grouped the same way in every run;
    how many of these threads then run is what the calibration allows.

    >>> threads_for(1000, 4000)
    1
    """
    return 1 if max(flops / _RATE, bytes / _BANDWIDTH) < _WORTH else allowed()


def ready() -> int:
    """Start the workers; how many threads a step can have."""
    return pool().start()


def run(step: int, table: int, threads: int) -> int:
    """Run the step at an address on up to so many threads; an error number, or 0."""
    return pool().run(step, table, threads)
