"""Bits of integers and bools."""

from __future__ import annotations

import operator

import numpy as np

from .record import Op, Rule, elementwise

_WHY = "defined on integers and bools"


def _bits(name: str, forward: Rule, tex: str, lower: str, nargs: int = 2) -> Op:
    return elementwise(name, forward, nargs=nargs, tex=tex, lower=lower, refuses="fc", nondiff=_WHY)


bitwise_and = _bits("bitwise_and", operator.and_, r"{0} \mathbin{{\&}} {1}", "a & b")
bitwise_or = _bits("bitwise_or", operator.or_, r"{0} \mathbin{{|}} {1}", "a | b")
bitwise_xor = _bits("bitwise_xor", operator.xor, r"{0} \oplus {1}", "a ^ b")
bitwise_not = _bits("bitwise_not", operator.invert, r"\mathord{{\sim}} {0}", "~a", nargs=1)
bitwise_left_shift = _bits("bitwise_left_shift", np.left_shift, r"{0} \ll {1}", "shift_left(a, b)")
bitwise_right_shift = _bits("bitwise_right_shift", np.right_shift, r"{0} \gg {1}", "shift_right(a, b)")
