"""torch.backends: switches of backends that are not here; they can be set and read, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._missing import module_getattr


class Backend:
    """A backend's namespace: it is never available; flags set on it are remembered."""

    enabled = False
    benchmark = False
    deterministic = False
    allow_tf32 = False

    def is_available(self) -> bool:
        """False."""
        return False

    is_built = is_available

    def version(self) -> Any:
        """None: the backend is not there."""
        return None


cudnn, mps, mkl, mkldnn, openmp, opt_einsum, cpu = (Backend() for _ in range(7))


class _Cuda(Backend):
    matmul = Backend()

    def enable_flash_sdp(self, enabled: bool) -> None:
        """Accepted and without effect."""

    enable_math_sdp = enable_mem_efficient_sdp = enable_flash_sdp


cuda = _Cuda()

if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
