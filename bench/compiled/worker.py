"""One peer in a process of its own: `python -m bench.compiled.worker WORKLOAD PEER THREADS`.

It trains once, prints the first losses as a line of JSON, and then for every line that it reads times some
training and prints the figures.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from typing import Any

from .ways import program
from .workload import LOSSES, Workload

SECONDS = 0.5  # of timed training in one turn, once around at least


def workload(name: str) -> Workload:
    found: Workload = importlib.import_module(f"bench.compiled.{name}").WORKLOAD
    return found


def main(name: str, peer: str, threads: int) -> None:
    made = program(workload(name), peer, threads)
    start = time.perf_counter()
    losses = [float(loss) for loss in list(made.train()[:LOSSES])]
    _say({"losses": losses, "first": time.perf_counter() - start, "steps": made.steps, "note": made.note})
    for _ in sys.stdin:
        times: list[float] = []
        cpu, begun = time.process_time(), time.perf_counter()
        while not times or time.perf_counter() - begun < SECONDS:
            start = time.perf_counter()
            made.train()
            times.append((time.perf_counter() - start) / made.steps * 1e6)
        cpu, elapsed = time.process_time() - cpu, time.perf_counter() - begun
        own = cpu / len(times) / made.steps * 1e6
        _say({"us": statistics.median(times), "min": min(times), "cpu": own, "cores": cpu / elapsed})


def _say(answer: dict[str, Any]) -> None:
    """On the real standard output: what libraries print goes to standard error."""
    print(json.dumps(answer), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    sys.stdout = sys.stderr
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
