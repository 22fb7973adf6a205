"""torch.accelerator: none here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._missing import module_getattr


def is_available() -> bool:
    """False: chainrule computes on the CPU."""
    return False


def current_accelerator(check_available: bool = False) -> Any:
    """None: there is no accelerator."""
    return None


def device_count() -> int:
    """0."""
    return 0


if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
