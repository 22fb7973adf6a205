"""Averages of a model's weights over training: equally weighted (SWA) and exponential (EMA)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, TypeAlias

from ..autograd.mode import no_grad
from ..functional.create import tensor
from ..nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Module
from ..tensor import Tensor
from ..types import int64
from .lr_scheduler.swalr import SWALR as SWALR

AverageFn: TypeAlias = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverageFn: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _interpolates(values: Sequence[Tensor]) -> bool:
    """Whether lerp takes these tensors, which share a dtype: it does not take integers."""
    return values[0].is_floating_point() or values[0].is_complex()


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverageFn:
    r"""A function that updates a list of exponential moving averages in place.

    .. math:: a \leftarrow \text{decay} \cdot a + (1 - \text{decay}) \cdot p

    Raises:
        ValueError: ``decay`` is outside [0, 1].

    Example:
        >>> import chainrule as cr
        >>> average = [cr.tensor([0.0])]
        >>> cr.optim.swa_utils.get_ema_multi_avg_fn(0.5)(average, [cr.tensor([1.0])], 1)
        >>> average
        [tensor([0.5000])]
    """
    _check_decay(decay)

    def ema_update(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for a, p in zip(averaged, current, strict=True):
                if _interpolates(averaged):
                    a.lerp_(p, 1 - decay)
                else:
                    a.copy_(a * decay + p * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverageFn:
    r"""A function that updates a list of equally weighted averages of :math:`n` models in place.

    .. math:: a \leftarrow a + (p - a) / (n + 1)

    Example:
        >>> import chainrule as cr
        >>> average = [cr.tensor([0.0])]
        >>> cr.optim.swa_utils.get_swa_multi_avg_fn()(average, [cr.tensor([1.0])], 3)
        >>> average
        [tensor([0.2500])]
    """

    def swa_update(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        with no_grad():
            weight = float(1 / (num_averaged + 1))
            for a, p in zip(averaged, current, strict=True):
                if _interpolates(averaged):
                    a.lerp_(p, weight)
                else:
                    a.copy_(a + (p - a) * weight)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> AverageFn:
    r"""A function that returns the next exponential moving average of one parameter.

    .. math:: \text{decay} \cdot a + (1 - \text{decay}) \cdot p

    Raises:
        ValueError: ``decay`` is outside [0, 1].

    Example:
        >>> import chainrule as cr
        >>> cr.optim.swa_utils.get_ema_avg_fn(0.5)(cr.tensor([0.0]), cr.tensor([1.0]), 1)
        tensor([0.5000])
    """
    _check_decay(decay)

    def ema_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> AverageFn:
    r"""A function that returns the next equally weighted average of one parameter, :math:`n` models before.

    .. math:: a + (p - a) / (n + 1)

    Example:
        >>> import chainrule as cr
        >>> cr.optim.swa_utils.get_swa_avg_fn()(cr.tensor([0.0]), cr.tensor([1.0]), 3)
        tensor([0.2500])
    """

    def swa_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return averaged + (current - averaged) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    r"""A copy of a model that holds the average of its parameters at all :meth:`update_parameters`.

    Args:
        model: the model to copy; it is trained, the copy is not.
        device: where the copy lives; by default where the model does.
        avg_fn: the next average from the average, the parameter and the number of models averaged so far;
            by default the equally weighted one of :func:`get_swa_avg_fn`.
        multi_avg_fn: the same for lists of parameters of one dtype, in place.
        use_buffers: whether to average buffers too; otherwise they are copied from the model.

    Raises:
        AssertionError: both ``avg_fn`` and ``multi_avg_fn`` are given.

    Example:
        >>> import chainrule as cr
        >>> model = cr.nn.Linear(1, 1, bias=False)
        >>> averaged = cr.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = cr.nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged.module.weight.item()
        3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageFn | None = None,
        multi_avg_fn: MultiAverageFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError(
                "Only one of avg_fn and multi_avg_fn should be provided, but got both. Leave one out."
            )
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's forward pass."""
        return self.module(*args, **kwargs)

    def _averaged_tensors(self, model: Module) -> list[Tensor]:
        return list(chain(model.parameters(), model.buffers() if self.use_buffers else ()))

    def update_parameters(self, model: Module) -> None:
        """Take the model's present parameters into the average; the first call copies them."""
        averaged, current = self._averaged_tensors(self.module), self._averaged_tensors(model)
        if len(averaged) != len(current):
            raise ValueError(
                f"The averaged model has {len(averaged)} tensors to average, but the given model has "
                f"{len(current)}. Pass the model that this AveragedModel was built from."
            )
        with no_grad():
            if self.n_averaged == 0:
                for a, p in zip(averaged, current):
                    a.copy_(p)
            elif self.multi_avg_fn is not None:
                self._update_lists(averaged, current, self.multi_avg_fn)
            else:
                avg_fn = self.avg_fn or get_swa_avg_fn()
                for a, p in zip(averaged, current):
                    a.copy_(avg_fn(a.detach(), p.detach(), self.n_averaged))
            if not self.use_buffers:
                for a, p in zip(self.module.buffers(), model.buffers(), strict=True):
                    a.copy_(p)
            self.n_averaged.add_(1)

    def _update_lists(self, averaged: list[Tensor], current: list[Tensor], update: MultiAverageFn) -> None:
        by_dtype: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
        for a, p in zip(averaged, current):
            lists = by_dtype.setdefault(a.dtype, ([], []))
            lists[0].append(a.detach())
            lists[1].append(p.detach())
        for lists in by_dtype.values():
            update(*lists, self.n_averaged)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalisations anew, in one pass over the data.

    Averaged weights need this: the statistics they were averaged with belong to other weights.

    Args:
        loader: batches; of a list or tuple the first element is the model's input.
        model: the model, which is left in the mode (training or not) that it had.
        device: where to move the inputs first.

    Example:
        >>> import chainrule as cr
        >>> model = cr.nn.BatchNorm1d(1)
        >>> cr.optim.swa_utils.update_bn([cr.tensor([[1.0], [3.0]])], model)
        >>> model.running_mean
        tensor([2.])
    """
    kinds = (BatchNorm1d, BatchNorm2d, BatchNorm3d)
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, kinds)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        # Without a momentum the statistics are the plain mean over all batches.
        module.momentum = None
    with no_grad():
        for batch in loader:
            inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(inputs if device is None else inputs.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)
