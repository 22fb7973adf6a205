"""Anomaly mode: a NaN gradient is an error that names the forward line it comes from."""

from __future__ import annotations

from typing import Any

from .tape import mode


class detect_anomaly:
    """Inside, backward() stops at the first operation that returns a NaN gradient and names its forward line.

    >>> import chainrule as cr
    >>> with cr.autograd.detect_anomaly():
    ...     pass
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self.before = (mode.anomaly, mode.check_nan)
        mode.anomaly, mode.check_nan = True, self.check_nan

    def __exit__(self, *exc: Any) -> None:
        mode.anomaly, mode.check_nan = self.before


class set_detect_anomaly:
    """Switch anomaly mode on or off, at once; as a context manager, until the block ends."""

    def __init__(self, mode_: bool = True, check_nan: bool = True, **kwargs: bool) -> None:
        self.before = (mode.anomaly, mode.check_nan)
        mode.anomaly, mode.check_nan = bool(kwargs.get("mode", mode_)), check_nan

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: Any) -> None:
        mode.anomaly, mode.check_nan = self.before


def is_anomaly_enabled() -> bool:
    """Whether backward() is looking for NaN gradients."""
    return mode.anomaly
