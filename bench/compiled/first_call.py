"""What the first call of a step costs: tracing and compiling, and again in a new process from the disk cache.

Claim: ≤ 150 ms for 64-64-64-10 and ≤ 400 ms for LeNet-5; from the cache ≤ 10 ms. Each figure is the first
two calls in a fresh process, until the second loss is a number. Libraries, llvmlite too, are imported before.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

from .rounds import environment
from .ways import program
from .worker import workload

AIMS = {
    ("mlp64", "chainrule", "compiled"): 150,
    ("lenet", "chainrule", "compiled"): 400,
    ("mlp64", "chainrule", "from cache"): 10,
    ("lenet", "chainrule", "from cache"): 10,
}
PEERS = ("chainrule", "jax")
TIMEOUT = 120


class Call(NamedTuple):
    """One line of the table: milliseconds of each round, or why there are none."""

    workload: str
    library: str
    state: str
    rounds: list[float]
    note: str
    error: str


def measure(rounds: int) -> list[Call]:
    """Each library in turn: with an empty cache, then with what that left."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for name in ("mlp64", "lenet"):
            for library in PEERS:
                with tempfile.TemporaryDirectory() as cache:
                    for state in ("compiled", "from cache"):
                        found.setdefault((name, library, state), []).append(_one(name, library, cache))
    return [
        Call(
            *key,
            [a["ms"] for a in answers if "ms" in a],
            answers[0].get("note", ""),
            next((a["error"] for a in answers if "error" in a), ""),
        )
        for key, answers in found.items()
    ]


def text(calls: list[Call]) -> str:
    """The table in Markdown."""
    lines = [
        "| first call of | library | cache | ms, median (least) | aim | met |",
        "|---|---|---|---|---|---|",
    ]
    for c in calls:
        aim = AIMS.get((c.workload, c.library, c.state))
        cell = f"{statistics.median(c.rounds):.1f} ({min(c.rounds):.1f})" if c.rounds else c.error
        met = (
            ""
            if aim is None
            else "ok"
            if c.rounds and statistics.median(c.rounds) <= aim and not c.note
            else "miss"
        )
        state = "empty" if c.state == "compiled" else "filled"
        note, goal = f" [{c.note}]" if c.note else "", "" if aim is None else f"≤ {aim} ms"
        lines.append(f"| {c.workload} | {c.library} | {state} | {cell}{note} | {goal} | {met} |")
    return "\n".join(lines) + "\n"


def _one(name: str, library: str, cache: str) -> dict[str, Any]:
    env = environment(1) | {
        "CHAINRULE_CACHE": cache,
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    command = [sys.executable, "-m", "bench.compiled.first_call", name, library]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {TIMEOUT} s"}
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return {"error": f"exit status {done.returncode}: {said[-1][:300] if said else ''}"}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main(name: str, library: str) -> None:
    if library == "chainrule" and importlib.util.find_spec("llvmlite"):
        importlib.import_module("llvmlite.binding")
    made = program(workload(name), f"{library}/step", 1)
    assert made.once
    start = time.perf_counter()
    for _ in range(2):  # in the first, an optimizer may still make its state: then the second one is compiled
        float(made.once())
    print(json.dumps({"ms": (time.perf_counter() - start) * 1e3, "note": made.note}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
