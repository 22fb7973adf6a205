"""Walks back over recurrent layers: cotangents that are known to be zero are left out."""

from __future__ import annotations

from typing import Any

from ...ops import recurrent_pull
from ...program.build import Symbol
from ...program.passes.rewrite import NO_MATCH
from .registry import decomposition


def _known_zero(x: Any) -> bool:
    """Whether it is a constant without anything but zeros: no cotangent arrived there."""
    found = x.builder.constants.get(x.var) if isinstance(x, Symbol) else None
    return found is not None and not found.any()


@decomposition(recurrent_pull.lstm_pull, moves=True)
def _lstm_pull(*args: Any) -> Any:
    cotangents = [None if _known_zero(g) else g for g in args[:5]]
    if all(a is b for a, b in zip(cotangents, args)):
        return NO_MATCH
    return recurrent_pull.lstm_pull(*cotangents, *args[5:])
