"""Schedulers made of schedulers: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .base import LRScheduler, group_values, set_group_value
from .plateau import ReduceLROnPlateau

if TYPE_CHECKING:
    from ..optimizer import Optimizer


class _CompositeScheduler(LRScheduler):
    """Holds several schedulers of one optimizer and saves their states with its own."""

    _schedulers: Sequence[LRScheduler]

    def _check_not_empty(self, schedulers: Sequence[LRScheduler], purpose: str = "") -> None:
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler{purpose}, but got no scheduler."
            )

    def _check_members(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer) -> None:
        name = type(self).__name__
        for i, scheduler in enumerate(schedulers):
            _check_has_optimizer(name, i, scheduler)
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs "
                    f"to be specified when calling `step`, but got one at index {i} in the given schedulers "
                    "sequence. Step it by itself, with the metric."
                )
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(scheduler).__name__} at index {i} has {scheduler.optimizer}, which is different "
                    f"from {type(optimizer).__name__}. Build every scheduler on one optimizer."
                )

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's state, with the states of its members under ``"_schedulers"``."""
        return super().state_dict() | {"_schedulers": [member.state_dict() for member in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` returned, members included."""
        states = state_dict["_schedulers"]
        if len(states) != len(self._schedulers):
            raise ValueError(
                f"The state holds {len(states)} schedulers, but this {type(self).__name__} has "
                f"{len(self._schedulers)}. Load it into one that was built alike."
            )
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for member, state in zip(self._schedulers, states):
            member.load_state_dict(state)


def _check_has_optimizer(name: str, index: int, scheduler: object) -> None:
    if not hasattr(scheduler, "optimizer"):
        raise TypeError(
            f"{name} at index {index} should have `optimizer` as its attribute, "
            f"but got {type(scheduler).__name__}. Pass learning rate schedulers."
        )


class SequentialLR(_CompositeScheduler):
    r"""Run schedulers one after the other, changing at the milestones.

    Scheduler :math:`i` is stepped while :math:`m_{i-1} \le t < m_i`, and starts at its own epoch 0.

    Args:
        optimizer: the optimizer of all the schedulers.
        schedulers: the schedulers, in order.
        milestones: the epochs of change, increasing, one fewer than schedulers.
        last_epoch: the last epoch seen; -1 starts the schedule.

    Raises:
        ValueError: there is no scheduler, one belongs to another optimizer or is a ``ReduceLROnPlateau``, or
            the number of milestones does not fit.
        TypeError: a member is not a scheduler.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
        >>> warmup = ConstantLR(optimizer, factor=0.5, total_iters=10)
        >>> decay = ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = SequentialLR(optimizer, [warmup, decay], milestones=[2])
        >>> rates = []
        >>> for epoch in range(5):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 0.5, 1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        self._check_not_empty(schedulers)
        self._check_members(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number "
                f"of milestone points, but got number of schedulers {len(schedulers)} and the number of "
                f"milestones to be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer

        # Every member has written its first rate when it was built: start from the initial rates again.
        for group in optimizer.param_groups:
            set_group_value(group, "lr", group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: LRScheduler | None = None) -> None:
        """Take back, in every scheduler below, the step that its construction made."""
        scheduler = self if sched is None else sched
        if isinstance(scheduler, _CompositeScheduler):
            for member in scheduler._schedulers:
                self.recursive_undo(member)
        elif hasattr(scheduler, "last_epoch"):
            scheduler.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Step the scheduler whose turn it is, after ``optimizer.step()``."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_CompositeScheduler):
    r"""Step several schedulers at once, each acting on the rate that the one before has left.

    Args:
        schedulers: the schedulers, in order.
        optimizer: the optimizer of all of them; by default that of the first.

    Raises:
        ValueError: there is no scheduler, or one belongs to another optimizer or is a ``ReduceLROnPlateau``.
        TypeError: a member is not a scheduler.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
        >>> warmup = ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> decay = ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = ChainedScheduler([warmup, decay])
        >>> rates = []
        >>> for epoch in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._check_not_empty(schedulers, " to be chained")
        if optimizer is None:
            _check_has_optimizer(type(self).__name__, 0, schedulers[0])
            optimizer = schedulers[0].optimizer
        self._check_members(schedulers, optimizer)
        self._schedulers = schedulers
        self.optimizer = optimizer
        self._last_lr = group_values(optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Step every member in order, after ``optimizer.step()``."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = group_values(self.optimizer, "lr")
