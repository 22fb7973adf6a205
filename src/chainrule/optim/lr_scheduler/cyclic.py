"""The cyclical learning rate policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from .base import (
    Rate,
    callable_state,
    per_group,
    require_optimizer,
    set_group_value,
)
from .momentum import MomentumScheduler

if TYPE_CHECKING:
    from ..optimizer import Optimizer

# What the scale of a mode is a function of: the number of the cycle, from 1, or the number of the step.
_SCALE_MODES = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}


class CyclicLR(MomentumScheduler):
    r"""Move the learning rates up and down between two boundaries, and momentum against them.

    .. math:: \eta_t = \eta_{base} + (\eta_{\max} - \eta_{base}) \cdot \text{triangle}(t) \cdot \text{scale}

    with a triangle wave in [0, 1] and a scale of 1 (``"triangular"``), :math:`2^{1 - \text{cycle}}`
    (``"triangular2"``), :math:`\gamma^t` (``"exp_range"``) or ``scale_fn``. Step it after every batch
    (`Cyclical Learning Rates for Training Neural Networks <https://arxiv.org/abs/1506.01186>`_).

    Args:
        optimizer: the optimizer whose ``param_groups`` are scheduled.
        base_lr: the lower boundary, or a list with one for each param group.
        max_lr: the upper boundary, likewise.
        step_size_up: steps from the lower to the upper boundary.
        step_size_down: steps back; by default as many.
        mode: ``"triangular"``, ``"triangular2"`` or ``"exp_range"``; not used with ``scale_fn``.
        gamma: the base of the scale in mode ``"exp_range"``.
        scale_fn: a scale of one's own, with values in [0, 1].
        scale_mode: whether ``scale_fn`` takes the number of the ``"cycle"`` or of ``"iterations"``.
        cycle_momentum: whether to move ``momentum``, or the first of ``betas``, as well.
        base_momentum: the lower boundary of momentum, reached at ``max_lr``.
        max_momentum: the upper boundary of momentum, reached at ``base_lr``.
        last_epoch: the last batch seen; -1 starts the schedule.

    Raises:
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: ``mode`` is unknown, a list has another length than ``param_groups``, or the optimizer has
            no momentum to cycle.

    Example:
        >>> import chainrule as cr
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = cr.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.5, max_lr=1.5, step_size_up=2)
        >>> rates = []
        >>> for batch in range(5):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 1.0, 1.5, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs):
                set_group_value(group, "lr", lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)

        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in _SCALE_MODES and scale_fn is None:
            raise ValueError(
                f"mode is invalid and scale_fn is None: got mode {mode!r}, "
                f"expected one of {list(_SCALE_MODES)}."
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _SCALE_MODES[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._bound_momentum(
                optimizer, base_momentum, max_momentum, last_epoch
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor of the amplitude in cycle, or at step, ``x``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        if self.mode == "triangular2":
            return float(1 / (2.0 ** (x - 1)))
        return float(self.gamma**x)

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        triangle = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale_at = cycle if self.scale_mode == "cycle" else self.last_epoch

        if self.cycle_momentum:
            for group, (low, high) in self._each_group(list(zip(self.base_momentums, self.max_momentums))):
                self._set_momentum(group, high - (high - low) * triangle * self.scale_fn(scale_at))
        return [
            low + (high - low) * triangle * self.scale_fn(scale_at)
            for low, high in zip(self.base_lrs, self.max_lrs)
        ]

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's state; of ``scale_fn`` only the attributes of a callable object are saved."""
        custom = self._scale_fn_custom
        saved = None if custom is None else callable_state(custom)
        return super().state_dict() | {"_scale_fn_custom": saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` returned, keeping this scheduler's ``scale_fn``."""
        saved = state_dict["_scale_fn_custom"]
        super().load_state_dict(
            {key: value for key, value in state_dict.items() if key != "_scale_fn_custom"}
        )
        if saved:
            self._scale_fn_custom.__dict__.update(saved)
