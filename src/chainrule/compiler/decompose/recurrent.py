"""Walks back over recurrent layers: cotangents that are known to be zero are left out."""

from __future__ import annotations

from typing import Any

from ...ops import recurrent_pull
from ...ops.record import Op
from ...program.build import Symbol
from ...program.passes.rewrite import NO_MATCH
from .registry import decomposition


def _known_zero(x: Any) -> bool:
    """Whether it is a constant without anything but zeros: no cotangent arrived there."""
    found = x.builder.constants.get(x.var) if isinstance(x, Symbol) else None
    return found is not None and not found.any()


def _without_zeros(op: Op, cotangents: int) -> Any:
    """The rule for a walk whose first operands are cotangents."""

    def rule(*args: Any) -> Any:
        kept = [None if _known_zero(g) else g for g in args[:cotangents]]
        if all(a is b for a, b in zip(kept, args)):
            return NO_MATCH
        return op(*kept, *args[cotangents:])

    return rule


for _op, _cotangents in (
    (recurrent_pull.rnn_pull, 3), (recurrent_pull.lstm_pull, 5), (recurrent_pull.gru_pull, 3)
):  # fmt: skip
    decomposition(_op, moves=True)(_without_zeros(_op, _cotangents))
