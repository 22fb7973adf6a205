"""What an explanation reads is on the tape, whether Python or the compiled short paths have written it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import chainrule as cr
w = cr.tensor([1.0, 2.0], requires_grad=True)
x = cr.tensor([3.0, 4.0])
for k in range(3):
    loss = (((1 + w) - 2.0) + x + (w - x)).sum()
    print(cr.explain(loss))
"""


def explained(mode: str) -> str:
    environment = {**os.environ, "CHAINRULE_EAGER": mode}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment
    ).stdout


@pytest.mark.parametrize("mode", ["numpy", "native"])
def test_constants_stay_on_the_tape(mode):
    assert "w + 1 - 2 + x + w - x" in explained(mode).replace("1 + w", "w + 1")
