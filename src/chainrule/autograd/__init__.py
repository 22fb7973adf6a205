"""Automatic differentiation: the tape, reverse mode, custom functions, checks.

The names are loaded on first use: Tensor needs the tape of this package, and most of the rest needs Tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._missing import module_getattr

if TYPE_CHECKING:
    from . import function as function
    from . import functional as functional
    from . import graph as graph
    from .anomaly import (
        detect_anomaly as detect_anomaly,
    )
    from .anomaly import (
        is_anomaly_enabled as is_anomaly_enabled,
    )
    from .anomaly import (
        set_detect_anomaly as set_detect_anomaly,
    )
    from .check import gradcheck as gradcheck
    from .check import gradgradcheck as gradgradcheck
    from .engine import backward as backward
    from .engine import grad as grad
    from .function import Function as Function
    from .mode import (
        enable_grad as enable_grad,
    )
    from .mode import (
        inference_mode as inference_mode,
    )
    from .mode import (
        no_grad as no_grad,
    )
    from .mode import (
        set_grad_enabled as set_grad_enabled,
    )
    from .variable import Variable as Variable
else:
    _HOMES = {
        "backward": ".engine", "grad": ".engine", "Function": ".function", "Variable": ".variable",
        "detect_anomaly": ".anomaly", "set_detect_anomaly": ".anomaly", "is_anomaly_enabled": ".anomaly",
        "gradcheck": ".check", "gradgradcheck": ".check", "no_grad": ".mode", "enable_grad": ".mode",
        "set_grad_enabled": ".mode", "inference_mode": ".mode",
    }  # fmt: skip
    __getattr__ = module_getattr(__name__, _HOMES)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})
