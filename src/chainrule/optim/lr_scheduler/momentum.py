"""What the cyclical policies share: momentum, or the first beta, moved against the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import LRScheduler, Rate, per_group

if TYPE_CHECKING:
    from ..optimizer import Optimizer


class MomentumScheduler(LRScheduler):
    """A scheduler that may cycle momentum between a lower and an upper boundary of each param group."""

    cycle_momentum: bool
    use_beta1: bool

    def _bound_momentum(
        self, optimizer: Optimizer, base_momentum: Any, max_momentum: Any, last_epoch: int
    ) -> tuple[list[Rate], list[Rate]]:
        """Record the boundaries in the param groups, start at the upper one; returns both lists."""
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled, but "
                f"{type(optimizer).__name__} has neither. Pass cycle_momentum=False."
            )
        self.use_beta1 = "betas" in optimizer.defaults
        lower = per_group("base_momentum", optimizer, base_momentum)
        upper = per_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for group, low, high in zip(optimizer.param_groups, lower, upper):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return lower, upper

    def _set_momentum(self, group: dict[str, Any], momentum: Rate) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum
