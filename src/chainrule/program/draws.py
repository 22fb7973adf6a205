"""Whether a traced function drew numbers that its program could not draw again."""

from __future__ import annotations

import sys
from typing import Any

from .traced import refuse

FIX = "draw with chainrule's rand, randn, randint …, or before the step, and pass the number as an argument"


def random_states() -> dict[str, Any]:
    """The states of the global generators of Python and NumPy, of those that are loaded.

    >>> import random
    >>> before = random_states()
    >>> refuse_draws(before)
    >>> _ = random.random()
    >>> refuse_draws(before)
    Traceback (most recent call last):
    chainrule.program.traced.TraceError: a compiled step cannot draw numbers from Python's `random`
    ...
    """
    states = {}
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    if python is not None:
        _, (*key, place), normal = python.getstate()
        states["Python's `random`"] = (tuple(key), place, normal)
    if numpy is not None:
        _, words, place, *normal = numpy.get_state()
        states["`numpy.random`"] = (words.tobytes(), place, normal)
    return states


def refuse_draws(before: dict[str, Any]) -> None:
    """Raise if a generator moved since `before`: the program would repeat the first run's numbers."""
    for name, state in random_states().items():
        # A module loaded meanwhile was only seeded if its place is still at the end of its 624 words.
        moved = state != before[name] if name in before else state[1] < 623
        if moved:
            raise refuse(f"draw numbers from {name}", FIX)


__all__ = ["random_states", "refuse_draws"]
