"""torch's switches for reproducible and for exact arithmetic: every operation here is both already."""

from __future__ import annotations

_PRECISIONS = ("highest", "high", "medium")


class _Settings:
    """What the program last asked for; reported back, and nothing to do."""

    deterministic = False
    warn_only = False
    precision = "highest"


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same results in every run, which chainrule always gives.

    >>> import chainrule as cr
    >>> cr.use_deterministic_algorithms(False)
    """
    _Settings.deterministic, _Settings.warn_only = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether use_deterministic_algorithms(True) was called last."""
    return _Settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether use_deterministic_algorithms() was last called with warn_only=True."""
    return _Settings.warn_only


def set_float32_matmul_precision(precision: str) -> None:
    """Allow matrix products of lower precision; they stay in full float32.

    Raises RuntimeError for anything but "highest", "high" and "medium".

    >>> import chainrule as cr
    >>> cr.set_float32_matmul_precision("highest")
    """
    if precision not in _PRECISIONS:
        raise RuntimeError(
            f"{precision!r} is not a precision of float32 matrix products: expected one of "
            f"{', '.join(_PRECISIONS)}"
        )
    _Settings.precision = precision


def get_float32_matmul_precision() -> str:
    """The precision last set: "highest" at first."""
    return _Settings.precision
