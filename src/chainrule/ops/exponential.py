"""The exponential and logarithm families."""

from __future__ import annotations

import numpy as np

from .record import ATOM, POW, elementwise

exp = elementwise("exp", np.exp, lambda y, a: y, tex="e^{{{0}}}", prec=POW, lower="exp", floats=True)
log = elementwise("log", np.log, lambda y, a: 1 / a, tex=r"\ln({0})", prec=ATOM, lower="log", domain=(0.2, 3.0), floats=True,
                  singular="a = 0: -inf, derivative inf")
