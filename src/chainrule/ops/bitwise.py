"""Bits of integers and bools."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..types import FLOAT, Shape
from .record import Bad, Op, Rule, Spec, broadcast_shape, elementwise

_WHY = "defined on integers and bools"


def _refuse_floats(name: str, *specs: Any) -> Shape:
    for a in specs:
        if isinstance(a, float) or (isinstance(a, Spec) and a.dtype.category >= FLOAT):
            kind = a.dtype.name if isinstance(a, Spec) else "float"
            raise RuntimeError(
                f'"{name}_cpu" not implemented for \'{_CPU_NAMES.get(kind, kind)}\': bits belong to integers and bools; '
                "convert with .long() or .bool() first"
            )
    return broadcast_shape(*specs)


_CPU_NAMES = {
    "float32": "Float", "float64": "Double", "float": "Float", "float16": "Half", "bfloat16": "BFloat16",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip


def _bits(name: str, forward: Rule, tex: str, lower: str, nargs: int = 2) -> Op:
    floats = tuple(np.array([1.0]) for _ in range(nargs))
    return elementwise(
        name, forward, nargs=nargs, shape=lambda *specs: _refuse_floats(name, *specs), tex=tex, lower=lower, nondiff=_WHY,
        bad=[Bad(lambda: floats, RuntimeError, "not implemented for")],
    )  # fmt: skip


bitwise_and = _bits("bitwise_and", operator.and_, r"{0} \mathbin{{\&}} {1}", "and")
bitwise_or = _bits("bitwise_or", operator.or_, r"{0} \mathbin{{|}} {1}", "or")
bitwise_xor = _bits("bitwise_xor", operator.xor, r"{0} \oplus {1}", "xor")
bitwise_not = _bits("bitwise_not", operator.invert, r"\mathord{{\sim}} {0}", "not", nargs=1)
bitwise_left_shift = _bits("bitwise_left_shift", np.left_shift, r"{0} \ll {1}", "shl")
bitwise_right_shift = _bits("bitwise_right_shift", np.right_shift, r"{0} \gg {1}", "ashr")
