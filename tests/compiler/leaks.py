"""How much a piece of work leaves behind, whatever else the process is doing.

Blocks are counted for the whole process: a first use fills a cache, and the thread that makes native
functions for eager calls (compiler/eager/install.py) comes back after 0.5, 1, 2 … seconds to look for more to
do, and then leaves some thousands. So that thread is held up, and what is reported is the median of several
tries: what comes once is in one of them, a leak is in all.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from chainrule.compiler.eager import install

_TRIES = 5


class Left(NamedTuple):
    """What one call leaves behind: blocks of memory, references to None."""

    blocks: float
    nones: float

    def __bool__(self) -> bool:
        """Whether it is more than could be chance: a leak is one a call, or more."""
        return max(map(abs, self)) > 0.25


def left_by(work: Callable[[], Any], calls: int) -> Left:
    """Call it so many times, several times over."""
    found = []
    work()
    with install._busy:
        for _ in range(_TRIES):
            gc.collect()
            before = sys.getallocatedblocks(), sys.getrefcount(None)
            for _ in range(calls):
                work()
            gc.collect()
            after = sys.getallocatedblocks(), sys.getrefcount(None)
            found.append([(b - a) / calls for a, b in zip(before, after)])
    return Left(*map(median, zip(*found)))
