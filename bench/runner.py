"""One measurement is one process: its own threads, its own memory, nothing of the peer loaded."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any, NamedTuple

SECONDS = 0.6  # of timed steps in each process


class Figure(NamedTuple):
    """What a library needed: µs per step (median, all rounds) and the loss after a fixed number of steps."""

    median: float
    rounds: list[float]
    loss: float


def available(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def interleaved(libraries: list[str], workload: str, threads: int, rounds: int) -> dict[str, Figure]:
    """Measure the libraries in turn, `rounds` times, so that a slow spell of the machine hits all alike."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in libraries}
    for _ in range(rounds):
        for name in libraries:
            found[name].append(_one(name, workload, threads))
    return {
        name: Figure(statistics.median(r["us"] for r in all_), [r["us"] for r in all_], all_[0]["loss"])
        for name, all_ in found.items()
    }


def _one(library: str, workload: str, threads: int) -> dict[str, float]:
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    env |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    command = [sys.executable, "-m", "bench.runner", library, workload, str(threads)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{library} failed on {workload}:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _measure(library: str, workload: str, threads: int) -> dict[str, Any]:
    from .eager import WORKLOADS

    module = importlib.import_module(library)
    importlib.import_module(f"{library}.utils.data")
    if hasattr(module, "set_num_threads"):
        module.set_num_threads(threads)
    module.manual_seed(0)
    step, per_call = WORKLOADS[workload][0](module)
    for _ in range(10):
        loss = step()
    start = time.perf_counter()
    step()
    once = time.perf_counter() - start
    calls = max(3, int(SECONDS / 10 / max(once, 1e-7)))
    times = []
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(calls):
            step()
        times.append((time.perf_counter() - start) / calls / per_call * 1e6)
    return {"us": statistics.median(times), "loss": loss}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
