"""Processes that take turns, so that a slow spell of the machine hits every peer alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from typing import Any, NamedTuple

from .worker import workload

STARTING, TURN = 600.0, 120.0  # seconds that a peer may take; torch.compile calls a C++ compiler
_SET_BY_HAND = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_THREAD_TIMEOUT",
    "PYTHONDONTWRITEBYTECODE",  # an installed library has its byte code
)  # fmt: skip


class Figure(NamedTuple):
    """µs per step in each round (its median), the least of all, the first losses; or why there are none.

    `cpu` is processor time per step, of all threads: a busy machine hardly lengthens it. `cores` is its
    share of the elapsed time: if fewer than the threads in use, the machine was busy with something else.
    """

    rounds: list[float]
    least: float
    losses: list[float]
    first: float
    cpu: float
    cores: float
    note: str
    error: str

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


def environment(threads: int) -> dict[str, str]:
    """The user's, with the threads of every library set and nothing chosen for it by hand."""
    kept = {k: v for k, v in os.environ.items() if k not in _SET_BY_HAND and not k.startswith("NVPL")}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    kept |= dict.fromkeys((*names, "NPROC"), str(threads))  # NPROC: XLA's pool
    flag = f"--xla_cpu_multi_thread_eigen={'false' if threads == 1 else 'true'}"
    return kept | {"XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu", "TORCHINDUCTOR_COMPILE_THREADS": "1"}


class Peer:
    """A worker process: `start`, then `turn` by turn; after a failure it says why and does nothing more."""

    def __init__(self, workload: str, peer: str, threads: int) -> None:
        self._command = [sys.executable, "-m", "bench.compiled.worker", workload, peer, str(threads)]
        self._threads = threads
        self._process: subprocess.Popen[str] | None = None
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (close() does it)
        self.begun: dict[str, Any] = {}
        self.turns: list[dict[str, Any]] = []
        self.error = ""

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=environment(self._threads), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip
        self.begun = self._answer(STARTING) or {}

    def turn(self) -> None:
        if self._process is None or self.error:
            return
        assert self._process.stdin
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer says it
        answer = self._answer(TURN)
        if answer:
            self.turns.append(answer)

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        process = self._process
        assert process and process.stdout
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        late = threading.Timer(seconds, expire)
        late.start()
        line = process.stdout.readline()
        late.cancel()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        code = process.wait()
        self._log.seek(0)
        said = [x for x in self._log.read().splitlines() if x.strip()]
        reason = f"no answer in {seconds:.0f} s" if expired.is_set() else f"exit status {code}"
        self.error = reason + (f"; last words: {said[-1][:300]}" if said else "")
        return None

    def close(self) -> Figure:
        if self._process:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
        self._log.close()
        cpu, cores = (statistics.median([t[k] for t in self.turns] or [0.0]) for k in ("cpu", "cores"))
        return Figure(
            [t["us"] for t in self.turns], min([t["min"] for t in self.turns], default=0.0),
            self.begun.get("losses", []), self.begun.get("first", 0.0), cpu, cores,
            self.begun.get("note", ""), self.error,
        )  # fmt: skip


def measure(name: str, peers: list[str], threads: int, rounds: int) -> dict[str, Figure]:
    """Start every peer, then let them take turns."""
    running = {peer: Peer(name, peer, threads) for peer in peers}
    try:
        for peer in running.values():
            peer.start()
        for _ in range(rounds):
            for peer in running.values():
                peer.turn()
    finally:
        figures = {peer: process.close() for peer, process in running.items()}
    return figures


def differing(name: str, figures: dict[str, Figure]) -> list[str]:
    """The peers with other first losses than the reference: PyTorch eager, or else the first that ran."""
    rtol = workload(name).rtol
    ran = {peer: f.losses for peer, f in figures.items() if f.losses}
    if not ran:
        return []
    wanted = ran.get("torch eager") or next(iter(ran.values()))
    return [p for p, found in ran.items() if not _close(found, wanted, rtol)]


def _close(found: list[float], wanted: list[float], rtol: float) -> bool:
    """Relative to the loss, or to a thousandth of the largest one where it comes near zero."""
    floor = 1e-3 * max(map(abs, wanted))
    return len(found) == len(wanted) and all(
        abs(a - b) <= rtol * max(abs(b), floor) for a, b in zip(found, wanted)
    )
