"""Choosing between values: where, minimum, maximum, clamp."""

from __future__ import annotations

from typing import Any

import numpy as np

from .record import elementwise

where = elementwise(
    "where", np.where, (None, lambda y, c, a, b: c, lambda y, c, a, b: c == 0), nargs=3, promote=(1, 2),
    tex=r"[{0}]\,{1} + [\lnot {0}]\,{2}", lower="select", domain=((-1.0, 1.0), (-3.0, 3.0), (-3.0, 3.0)),
)  # fmt: skip
