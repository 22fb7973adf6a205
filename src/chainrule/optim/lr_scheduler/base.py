"""The scheduler that every other one extends, and what they share: reading and writing param groups."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from ..optimizer import Optimizer

# A float or a 0-dim Tensor; the formulas are written once for both.
Rate: TypeAlias = Any

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Call `scheduler.step()` without arguments. A call with an epoch uses the closed form of the schedule, "
    "where there is one, instead of the chainable form."
)
_STEP_REPLACED_WARNING = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
    "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`, "
    "or build the scheduler after replacing `step`."
)
_ORDER_WARNING = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order, "
    "`optimizer.step()` and then `lr_scheduler.step()`: otherwise the first value of the learning rate "
    "schedule is skipped."
)


def is_tensor(value: object) -> bool:
    """Whether a hyper-parameter is held in a tensor, which is written in place, rather than in a float."""
    return hasattr(value, "fill_")


def copied(value: Any) -> Any:
    """The value itself, or a clone where it is a tensor that someone else may write to."""
    return value.clone() if is_tensor(value) else value


def group_values(optimizer: Optimizer, key: str) -> list[Any]:
    """``group[key]`` of every param group, never aliasing a tensor in it."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_group_value(group: dict[str, Any], key: str, value: Rate) -> None:
    """Set ``group[key]``; a tensor that stands there keeps its identity and is filled."""
    if is_tensor(group[key]):
        group[key].fill_(value.item() if is_tensor(value) else value)
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each param group, from one value for all or from a list with one for each."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(count)]
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {count}. Pass one number for all groups or a list with one for each."
        )
    return [copied(item) for item in value]


def require_optimizer(optimizer: object) -> None:
    """Raise TypeError unless the argument is an Optimizer."""
    # Imported here: chainrule.optim imports the schedulers as well as the optimizers.
    from ..optimizer import Optimizer

    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{type(optimizer).__name__} is not an Optimizer. A scheduler needs the optimizer whose "
            "learning rates it sets, for example chainrule.optim.SGD(model.parameters(), lr=0.1)."
        )


def callable_state(fn: object) -> dict[str, Any] | None:
    """The attributes of a callable object; None for a function, which cannot be saved."""
    return None if isinstance(fn, FunctionType) else dict(getattr(fn, "__dict__", {}))


def _count_optimizer_steps(optimizer: Any) -> None:
    """Make ``optimizer.step`` leave a mark, so that a scheduler stepped first can warn."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    # A strong reference would close a cycle and keep the parameters alive until the collector runs.
    reference = weakref.ref(optimizer)
    bound = optimizer.step
    function: Callable[..., Any] = getattr(bound, "__func__", bound)
    is_method = function is not bound

    @wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        alive = reference()
        if alive is None:
            raise ReferenceError(
                "The optimizer of this step() no longer exists. Keep a reference to the optimizer, "
                "not only to its step method."
            )
        alive._opt_called = True
        return function(alive, *args, **kwargs) if is_method else function(*args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step


class LRScheduler:
    r"""Base of all learning rate schedulers: calls :meth:`get_lr` once a step and writes the result.

    A subclass computes the next rates in :meth:`get_lr`, as a rule from the current ``group["lr"]``, so that
    several schedulers may act on one optimizer. ``last_epoch=-1`` starts a schedule; any other value resumes
    one and needs ``group["initial_lr"]``.

    Raises:
        TypeError: ``optimizer`` is not an :class:`~chainrule.optim.Optimizer`.
        KeyError: ``last_epoch`` is not -1 and a group has no ``"initial_lr"``.

    Example:
        >>> import chainrule as cr
        >>> class Halving(cr.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [base_lr * 0.5**self.last_epoch for base_lr in self.base_lrs]
        >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Halving(optimizer)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    _get_lr_called_within_step: bool = False
    _is_initial: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    f"last_epoch >= 0 (got {last_epoch}). Load the optimizer's state_dict before building "
                    "the scheduler, or leave last_epoch at -1 to start a new schedule."
                )
        self.base_lrs: list[Rate] = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _count_optimizer_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything the scheduler holds, except the optimizer, as a dict."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` returned; the optimizer's state is loaded by itself."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Rate]:
        """The learning rates of the last step, one for each param group."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """Compute the next learning rates; called by :meth:`step` only, see :meth:`get_last_lr`."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define get_lr(). A scheduler returns there the next learning "
            "rate of every param group; use get_last_lr() for the current ones."
        )

    def step(self, epoch: int | None = None) -> None:
        """Move on by one epoch, after ``optimizer.step()``; a given ``epoch`` (deprecated) is jumped to."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(_STEP_REPLACED_WARNING, UserWarning, stacklevel=2)
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(_ORDER_WARNING, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            compute = self.get_lr
        else:
            self.last_epoch = epoch
            compute = getattr(self, "_get_closed_form_lr", self.get_lr)
        self._write_lr(compute)

    def _write_lr(self, compute: Callable[[], Sequence[Rate]]) -> None:
        self._get_lr_called_within_step = True
        try:
            rates = compute()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in self._each_group(rates):
            set_group_value(group, "lr", rate)
        self._last_lr: list[Rate] = group_values(self.optimizer, "lr")

    def _each_group(self, values: Sequence[Any]) -> Iterator[tuple[dict[str, Any], Any]]:
        """Pairs of param group and its value."""
        groups = self.optimizer.param_groups
        if len(groups) != len(values):
            raise ValueError(
                f"The optimizer has {len(groups)} param groups, but {type(self).__name__} holds values for "
                f"{len(values)}. Add param groups before building the scheduler."
            )
        return zip(groups, values)

    def _current(self) -> list[Rate]:
        """The learning rates as they stand."""
        return group_values(self.optimizer, "lr")

    def _scaled(self, factor: float) -> list[Rate]:
        """The learning rates as they stand, times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


class _LRScheduler(LRScheduler):
    """The former name of :class:`LRScheduler`, for code that still extends it."""
