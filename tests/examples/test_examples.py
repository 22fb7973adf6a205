"""Every example runs as a user would run it, and prints what it is there to show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWS = {
    "quadratic.py": "y = 2.000 x^2 + -1.000 x + -1.000",
    "gradients_by_hand.py": "dL/dw1   by hand -0.498361   automatic -0.498361",
    "momentum.py": "largest difference of a weight: 0.0e+00",
    "two_layer_trace.py": "dL/da1 = sum dL/du * x   -33.449",
    "sequential_adam.py": "epoch 200   mean loss",
    "compiled_step.py": "loss 0.0",
    "forward_backward.ipynb": "(tensor(0.4312), tensor(0.2875))",
}


def run(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chainrule", "run", str(EXAMPLES / name)]
    env = {**os.environ, "MPLBACKEND": "Agg"}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_every_example_is_checked() -> None:
    assert {p.name for p in EXAMPLES.iterdir() if p.suffix in (".py", ".ipynb")} == set(SHOWS)


@pytest.mark.parametrize("name", SHOWS)
def test_example(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path)
    assert done.returncode == 0, done.stderr
    assert SHOWS[name] in done.stdout
    if name == "sequential_adam.py":
        assert (tmp_path / "sequential_adam-figure-1.png").stat().st_size > 5000


def test_by_hand_and_automatic_agree(tmp_path: Path) -> None:
    lines = re.findall(
        r"by hand ([-+.\d]+)   automatic ([-+.\d]+)", run("gradients_by_hand.py", tmp_path).stdout
    )
    assert len(lines) == 4
    assert all(a == b for a, b in lines)
