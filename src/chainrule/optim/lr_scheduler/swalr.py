"""The schedule of stochastic weight averaging: down to a constant learning rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from .base import LRScheduler, Rate, per_group, require_optimizer

if TYPE_CHECKING:
    from ..optimizer import Optimizer


class SWALR(LRScheduler):
    r"""Anneal the learning rates to the constant one of stochastic weight averaging.

    .. math:: \eta_t = \alpha_t \, \eta_{swa} + (1 - \alpha_t) \, \eta_0, \quad
        \alpha_t = \tfrac12 (1 - \cos(\pi t / T)) \text{ or } t / T, \quad T = \text{anneal\_epochs}

    (`Averaging Weights Leads to Wider Optima <https://arxiv.org/abs/1803.05407>`_).

    Args:
        optimizer: the optimizer whose ``param_groups`` are scheduled.
        swa_lr: the final learning rate, or a list with one for each param group.
        anneal_epochs: the epochs until it is reached, at least 0.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: the last epoch seen; -1 starts the schedule.

    Raises:
        ValueError: an argument is not of the stated kind.

    Example:
        >>> import chainrule as cr
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = cr.optim.swa_utils.SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}. "
                "Give the whole number of epochs until the learning rate is swa_lr."
            )
        require_optimizer(optimizer)
        for group, rate in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """The weight of ``swa_lr`` when the fraction ``t`` of the annealing has passed."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def _weight(self, step: int) -> float:
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._weight(step - 1), self._weight(step)
        return [
            group["swa_lr"] * now + _start(group, before) * (1 - now) for group in self.optimizer.param_groups
        ]


def _start(group: dict[str, Any], weight: float) -> Rate:
    """The rate that annealing set out from, given the current one and the weight of ``swa_lr`` in it."""
    if weight == 1:
        return group["swa_lr"]
    return (group["lr"] - weight * group["swa_lr"]) / (1 - weight)
