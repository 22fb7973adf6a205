"""The training loop: epochs of a compiled step, with evaluation, early stopping and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..compiler.train import train
from ..tensor import Tensor
from .checkpoint import Checkpoint
from .history import History
from .problem import InputError, problem
from .progress import Progress

__all__ = ["Diverged", "Loop"]


class Diverged(InputError):
    """A loss that is not finite; `step`, `epoch`, `lr`, `grad_norm` say where, `works` is a rate that works."""

    def __init__(self, text: str, *, step: int, epoch: int, lr: float, grad_norm: float, works: float | None):
        super().__init__(text)
        self.step, self.epoch, self.lr, self.grad_norm, self.works = step, epoch, lr, grad_norm, works


class Loop:
    """Epochs of `step(*batch)` over tensors whose first dimension counts the samples."""

    def __init__(
        self,
        step: Callable[..., Any],
        tensors: Sequence[Tensor],
        *,
        epochs: int,
        batch_size: int,
        parameters: Mapping[str, Tensor],
        optimizer: Any,
        scheduler: Any = None,
        shuffle: bool = True,
        generator: Any = None,
        drop_last: bool = False,
        buffers: Mapping[str, Tensor] | None = None,
        evaluate: Callable[[], Mapping[str, float]] | None = None,
        monitor: str | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        grad_norm: Callable[[], float] | None = None,
        history: History | None = None,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
        identity: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self.step, self.tensors, self.epochs, self.batch_size = step, tuple(tensors), epochs, batch_size
        self.parameters, self.buffers = dict(parameters), dict(buffers or {})
        self.optimizer, self.scheduler = optimizer, scheduler
        self.shuffle, self.generator, self.drop_last = shuffle, generator, drop_last
        self.evaluate, self.grad_norm = evaluate, grad_norm
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.history = History() if history is None else history
        self.progress, self.checkpoint, self.resume = progress, checkpoint, resume
        self.identity = dict(identity or {})
        self.epoch, self.best_epoch, self.stopped = 0, 0, "epochs"
        self._best, self._kept = math.inf, self._values()

    def _values(self) -> dict[str, Any]:
        return {k: np.array(t._array()) for k, t in {**self.parameters, **self.buffers}.items()}

    def run(self) -> History:
        """Run to the last epoch or until patience ends; the history."""
        began = time.monotonic()
        try:
            while self.epoch < self.epochs:
                losses = train(
                    self.step, self.tensors, batch_size=self.batch_size, shuffle=self.shuffle,
                    generator=self.generator, drop_last=self.drop_last,
                )  # fmt: skip
                self.epoch += 1
                if self._after(losses, began):
                    self.stopped = "patience"
                    break
        except KeyboardInterrupt:
            self.stopped = "interrupted"
        if self.monitor is not None and self.best_epoch:
            for k, t in {**self.parameters, **self.buffers}.items():
                t._array()[...] = self._kept[k]
        return self.history

    def _after(self, losses: Tensor, began: float) -> bool:
        """Figures, scheduler, best; whether patience has ended."""
        lr = float(self.optimizer.param_groups[0]["lr"])
        figures = {"loss": float(losses.numpy().mean()), "lr": lr, "time": time.monotonic() - began}
        if not math.isfinite(figures["loss"]):
            step = len(self.history) * len(losses) + int(np.argmax(~np.isfinite(losses.numpy())))
            text = f"the loss is not finite at step {step} (epoch {self.epoch}, learning rate {lr:g})"
            raise Diverged(text, step=step, epoch=self.epoch, lr=lr, grad_norm=math.nan, works=None)
        if self.grad_norm is not None:
            figures["grad_norm"] = self.grad_norm()
        if self.evaluate is not None:
            figures.update(self.evaluate())
        self.history.add(self.epoch, **figures)
        if self.progress is not None:
            self.progress.update(self.epoch, figures)
        if self.scheduler is not None:
            self.scheduler.step()
        if self.monitor is None:
            return False
        if self.monitor not in figures:
            raise problem(f"nothing measures {self.monitor!r}", expected=", ".join(figures))
        if figures[self.monitor] < self._best - self.min_delta:
            self._best, self.best_epoch, self._kept = figures[self.monitor], self.epoch, self._values()
        return self.patience is not None and self.epoch - self.best_epoch >= self.patience
