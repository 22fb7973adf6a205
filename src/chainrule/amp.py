"""torch.amp: no mixed precision here; the contexts keep float32 and the scaler passes values through."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .device import require_cpu


class autocast:
    """Accepted for `enabled=False`, or for a device that is not there; float32 stays float32.

    Raises RuntimeError where the program asks for lower precision on the CPU, which would change its numbers.
    """

    def __init__(
        self,
        device_type: str = "cuda",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if device_type == "cpu" and enabled:
            raise RuntimeError(
                "autocast on the CPU is not in chainrule yet: it would compute in bfloat16. Pass "
                "enabled=False to compute in the tensors' own dtype."
            )

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return decorated


class GradScaler:
    """Loss scaling, which only half precision needs: off (`enabled` is False), everything passes through."""

    def __init__(self, device: str = "cuda", *args: Any, enabled: bool = True, **kwargs: Any) -> None:
        require_cpu("cpu")
        self._enabled = False

    def is_enabled(self) -> bool:
        """False."""
        return False

    def scale(self, outputs: Any) -> Any:
        """The outputs themselves."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing was scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step()."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """The scale stays 1."""

    def get_scale(self) -> float:
        """1.0."""
        return 1.0

    def state_dict(self) -> dict[str, Any]:
        """Empty: there is no state."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Accepted; there is no state."""
