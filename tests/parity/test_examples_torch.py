"""The examples print on PyTorch what they print on chainrule."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: nothing to compare with")

EXAMPLES = Path(__file__).parents[2] / "examples"
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_same_output(path: Path, tmp_path: Path) -> None:
    env = {**os.environ, "MPLBACKEND": "Agg"}
    ours, theirs = (
        subprocess.run(
            [*command, str(path)], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        ).stdout
        for command in ([sys.executable, "-m", "chainrule", "run"], [sys.executable])
    )
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs)
    for a, b in zip(NUMBER.findall(ours), NUMBER.findall(theirs)):
        assert float(a) == pytest.approx(float(b), rel=1e-4, abs=1e-6)
