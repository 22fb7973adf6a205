"""torch.cuda for programs that ask: there is no CUDA device here, and the answers say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._missing import module_getattr
from ..device import require_cpu


def is_available() -> bool:
    """False: chainrule computes on the CPU."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no CUDA device."""
    return False


def manual_seed(seed: int) -> None:
    """Accepted and without effect, as in PyTorch without CUDA."""


def manual_seed_all(seed: int) -> None:
    """Accepted and without effect, as in PyTorch without CUDA."""


def empty_cache() -> None:
    """Nothing to empty."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing to reset."""


def set_device(device: Any) -> None:
    """Fails with PyTorch's words: there is no CUDA device."""
    require_cpu("cuda")


def current_device() -> int:
    """Fails with PyTorch's words: there is no CUDA device."""
    require_cpu("cuda")
    return 0


def get_device_name(device: Any = None) -> str:
    """Fails with PyTorch's words: there is no CUDA device."""
    require_cpu("cuda")
    return ""


def synchronize(device: Any = None) -> None:
    """Fails with PyTorch's words: there is no CUDA device."""
    require_cpu("cuda")


if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
