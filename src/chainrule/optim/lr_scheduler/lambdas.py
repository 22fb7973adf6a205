"""Schedules given by a function of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .base import LRScheduler, Rate, callable_state, require_optimizer

if TYPE_CHECKING:
    from ..optimizer import Optimizer

Factor: TypeAlias = Callable[[int], float]


class _LambdaScheduler(LRScheduler):
    """Holds one factor function for each param group and knows how to save them."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        require_optimizer(optimizer)
        count = len(optimizer.param_groups)
        self.lr_lambdas: list[Factor]
        if not isinstance(lr_lambda, (list, tuple)):
            self.lr_lambdas = [lr_lambda] * count  # type: ignore[list-item]
        elif len(lr_lambda) != count:
            raise ValueError(
                f"Expected {count} lr_lambdas, but got {len(lr_lambda)}. "
                "Pass one function for all param groups or a list with one for each."
            )
        else:
            self.lr_lambdas = list(lr_lambda)
        for fn in self.lr_lambdas:
            if not callable(fn):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(fn).__name__}. "
                    "It is called with the epoch and returns the factor of the learning rate."
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's state; of ``lr_lambdas`` only the attributes of callable objects are saved."""
        return super().state_dict() | {"lr_lambdas": [callable_state(fn) for fn in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` returned, keeping this scheduler's functions."""
        saved = state_dict["lr_lambdas"]
        if len(saved) != len(self.lr_lambdas):
            raise ValueError(
                f"The state holds {len(saved)} lr_lambdas, but this {type(self).__name__} has "
                f"{len(self.lr_lambdas)}. Load it into a scheduler of an optimizer with as many param groups."
            )
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for fn, attributes in zip(self.lr_lambdas, saved):
            if attributes:
                fn.__dict__.update(attributes)


class LambdaLR(_LambdaScheduler):
    r"""Set each learning rate to its initial value times a function of the epoch.

    .. math:: \eta_t = \eta_0 \, f(t)

    Args:
        optimizer: the optimizer whose ``param_groups`` are scheduled.
        lr_lambda: :math:`f`, or a list with one function for each param group.
        last_epoch: the last epoch seen; -1 starts the schedule.

    Raises:
        ValueError: the list has another length than ``param_groups``.
        TypeError: an entry cannot be called.

    Example:
        >>> import chainrule as cr
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = cr.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.125]
    """

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        return [base_lr * fn(self.last_epoch) for fn, base_lr in zip(self.lr_lambdas, self.base_lrs)]


class MultiplicativeLR(_LambdaScheduler):
    r"""Multiply each learning rate, every epoch, by a function of the epoch.

    .. math:: \eta_t = \eta_{t-1} \, f(t)

    Args:
        optimizer: the optimizer whose ``param_groups`` are scheduled.
        lr_lambda: :math:`f`, or a list with one function for each param group.
        last_epoch: the last epoch seen; -1 starts the schedule.

    Raises:
        ValueError: the list has another length than ``param_groups``.
        TypeError: an entry cannot be called.

    Example:
        >>> import chainrule as cr
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = cr.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.125]
    """

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        if self._is_initial:
            return self._current()
        return [group["lr"] * fn(self.last_epoch) for group, fn in self._each_group(self.lr_lambdas)]
