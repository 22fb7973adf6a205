"""What `import chainrule` costs beyond `import numpy`."""

from __future__ import annotations

import statistics
import subprocess
import sys

from .report import Row, Table
from .runner import Figure, available

CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def measure(rounds: int) -> Table:
    """Median milliseconds of a fresh process's import, in turn."""
    names = ["numpy", "chainrule", *(["torch"] if available("torch") else [])]
    times: dict[str, list[float]] = {n: [] for n in names}
    for _ in range(max(rounds, 5)):
        for name in names:
            done = subprocess.run(
                [sys.executable, "-c", CODE.format(name)], capture_output=True, text=True, check=True
            )
            times[name].append(float(done.stdout) * 1e3)
    figures = {n: Figure(statistics.median(t), t, 0.0) for n, t in times.items()}
    return Table(
        "import",
        "ms of a fresh process's import; chainrule includes NumPy's",
        [Row("import", 1, figures, None)],
    )
