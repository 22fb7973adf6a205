"""A convolution's bias, added by an equation of its own: it is fused with what follows."""

from __future__ import annotations

from typing import Any

from ...ops import conv
from ...ops.movement import reshape
from ...ops.record import Op
from ...program.passes.rewrite import NO_MATCH
from .registry import decomposition


def _apart(op: Op) -> None:
    @decomposition(op)
    def with_bias(x: Any, w: Any, b: Any, *attributes: Any) -> Any:
        if b is None:
            return NO_MATCH
        return op(x, w, None, *attributes) + reshape(b, (-1, *(1,) * (x.ndim - 2)))


for _op in (conv.conv, conv.conv_input):
    _apart(_op)
