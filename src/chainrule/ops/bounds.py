"""Values that must lie in a range, such as class indices: the check as an operation of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .record import Bad, Op, elementwise

LARGEST = 2**63 - 1  # the bound of what has none

# What is wrong with a value out of its bounds: the error's type and its words around the value.
FAULTS: dict[str, tuple[type[Exception], str]] = {
    "target": (IndexError, "Target {} is out of bounds."),
    "index": (IndexError, "index out of range in self\n  came:     index {}\n  expected: 0 to {high}"),
    "class": (RuntimeError, "Class values must be smaller than num_classes."),
    "negative class": (RuntimeError, "Class values must be non-negative."),
    "flat": (IndexError, "out of range: tried to access index {} on a tensor of {size} elements."),
    "probability": (RuntimeError, "all elements of input should be between 0 and 1, got {}"),
}


def _in_bounds(a: Any, low: float, high: float, ignore: int | None, fault: str) -> Any:
    """The values themselves; see FAULTS for what is raised if one is outside [low, high] and not `ignore`."""
    outside = (a < low) | (a > high)
    if ignore is not None:
        outside &= a != ignore
    if np.any(outside):
        error, words = FAULTS[fault]
        raise error(words.format(np.asarray(a)[outside].flat[0], high=high, size=high + 1))
    return a


in_bounds: Op = elementwise(
    "in_bounds",
    _in_bounds,
    attrs={"low": 0, "high": 2, "ignore": 7, "fault": "target"},
    tex="{0}",
    lower="checked: a, where FAULTS words what is raised if a < low or a > high, and a != ignore",
    domain=(0.0, 2.0),
    nondiff="it looks at class indices and probabilities on their way into another operation",
    bad=[
        Bad(
            lambda: (np.array([1, 5]), 0, 2, -100, "target"),
            IndexError,
            "Target 5 is out of bounds.",
        ),
        Bad(lambda: (np.array([-1]), 0, 2, None, "index"), IndexError, "expected: 0 to 2"),
        Bad(lambda: (np.array([1.5]), 0, 1, None, "probability"), RuntimeError, "between 0 and 1, got 1.5"),
    ],
)
