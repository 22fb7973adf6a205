"""The 1cycle learning rate policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypedDict

from .base import Rate, per_group, require_optimizer
from .momentum import MomentumScheduler

if TYPE_CHECKING:
    from ..optimizer import Optimizer


class _Phase(TypedDict):
    """A stretch of the schedule; the names are keys of a param group."""

    end_step: float
    start_lr: str
    end_lr: str
    start_momentum: str
    end_momentum: str


def _phase(end_step: float, lr: tuple[str, str], momentum: tuple[str, str]) -> _Phase:
    return {
        "end_step": end_step,
        "start_lr": lr[0],
        "end_lr": lr[1],
        "start_momentum": momentum[0],
        "end_momentum": momentum[1],
    }


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[_Phase]:
    down, up = ("max_momentum", "base_momentum"), ("base_momentum", "max_momentum")
    rise = _phase(float(pct_start * total_steps) - 1, ("initial_lr", "max_lr"), down)
    if not three_phase:
        return [rise, _phase(total_steps - 1, ("max_lr", "min_lr"), up)]
    return [
        rise,
        _phase(float(2 * pct_start * total_steps) - 2, ("max_lr", "initial_lr"), up),
        _phase(total_steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum")),
    ]


def _steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """The length of the schedule, given as such or as epochs times steps."""
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError(
                "You must define either total_steps OR (epochs AND steps_per_epoch), "
                f"but got epochs={epochs} and steps_per_epoch={steps_per_epoch}."
            )
        return _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)
    return _positive("total_steps", total_steps)


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value


class OneCycleLR(MomentumScheduler):
    r"""Raise the learning rates to a maximum, then lower them far below the start, in one cycle.

    From ``max_lr / div_factor`` over ``pct_start`` of the steps to ``max_lr``, then down to
    ``max_lr / (div_factor * final_div_factor)``, along

    .. math:: \eta = \eta_{end} + \tfrac12 (\eta_{start} - \eta_{end}) (1 + \cos(\pi p)), \quad 0 \le p \le 1

    in each phase, or along a line. Step it after every batch
    (`Super-Convergence <https://arxiv.org/abs/1708.07120>`_).

    Args:
        optimizer: the optimizer whose ``param_groups`` are scheduled.
        max_lr: the largest learning rate, or a list with one for each param group.
        total_steps: the steps of the whole cycle, or
        epochs, steps_per_epoch: its factors.
        pct_start: the fraction of the steps in which the learning rate rises, a float.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: whether to move ``momentum``, or the first of ``betas``, against the learning rate.
        base_momentum: the lower boundary of momentum, reached at ``max_lr``.
        max_momentum: the upper boundary of momentum, at the start and the end.
        div_factor: ``max_lr`` over the initial learning rate.
        final_div_factor: the initial over the final learning rate.
        three_phase: whether to come down to the initial rate first, as steeply as it rose.
        last_epoch: the last batch seen; -1 starts the schedule.

    Raises:
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: an argument is not of the stated kind, the optimizer has no momentum to cycle, or
            :meth:`step` is called more than ``total_steps`` times.

    Example:
        >>> import chainrule as cr
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = cr.optim.lr_scheduler.OneCycleLR(
        ...     optimizer, max_lr=1.0, total_steps=6, pct_start=0.5, anneal_strategy="linear", div_factor=4.0
        ... )
        >>> rates = []
        >>> for batch in range(3):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.25, 0.625, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy

        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, max_lrs):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._bound_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _anneal_func(self, start: Rate, end: Rate, pct: float) -> Rate:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * pct) + 1)
        return (end - start) * pct + start

    def _locate(self, step: int) -> tuple[_Phase, float]:
        """The phase that a step falls into, and the fraction of it that has passed."""
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        length = phase["end_step"] - start
        # A phase of one step only, such as pct_start=0.1 of 10 steps, is over at once.
        return phase, (step - start) / length if length else 1.0

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is {self.total_steps}. "
                "Give OneCycleLR a total_steps of epochs times batches per epoch, and step it once a batch."
            )
        phase, passed = self._locate(step)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._anneal_func(group[phase["start_lr"]], group[phase["end_lr"]], passed))
            if self.cycle_momentum:
                self._set_momentum(
                    group,
                    self._anneal_func(group[phase["start_momentum"]], group[phase["end_momentum"]], passed),
                )
        return rates
