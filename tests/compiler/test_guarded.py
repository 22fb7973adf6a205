"""The guard pages themselves: without them, the tests that rely on them could not fail."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest
from tests.compiler.guarded import guarded

TOUCH = """
import ctypes, sys
import numpy as np
from tests.compiler.guarded import guarded
a = guarded(np.arange(7, dtype=np.uint8), {side!r})
place = ctypes.c_char.from_address(a.ctypes.data + {offset})
{action}
"""


@pytest.mark.parametrize("action", ["place.value", "place.value = b'x'"], ids=["read", "write"])
@pytest.mark.parametrize(("side", "inside", "outside"), [("start", 0, -1), ("end", 6, 7)])
def test_one_byte_outside_is_fatal(side: str, inside: int, outside: int, action: str) -> None:
    def code(offset: int) -> int:
        script = TOUCH.format(side=side, offset=offset, action=action)
        return subprocess.run([sys.executable, "-c", script], capture_output=True).returncode

    assert code(inside) == 0
    assert code(outside) == -signal.SIGSEGV


def test_a_guarded_copy_is_equal_and_can_be_written() -> None:
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    for side in ("start", "end"):
        b = guarded(a, side)
        assert np.array_equal(a, b)
        b += 1
        assert b.sum() == a.sum() + 12


def test_an_empty_array_can_be_guarded() -> None:
    assert guarded(np.empty((0, 3)), "end").shape == (0, 3)
