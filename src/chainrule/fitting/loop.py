"""The training loop: epochs of a compiled step, with evaluation, early stopping and checkpoints."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..random import Generator
from ..tensor import Tensor
from .batches import Array, Batches
from .checkpoint import Checkpoint
from .divergence import Diverged, diverged, first_bad, rate_that_works
from .history import History
from .identity import identity_of, same_run
from .interrupts import Interrupts
from .problem import InputError, problem
from .progress import Progress
from .replay import Replay
from .state import RunState, State

__all__ = ["Diverged", "Loop"]

_PIECE = 0.2  # seconds of steps between two looks at the clock and the keyboard


class Loop:
    """Epochs of `step(*batch)` over tensors whose first dimension counts the samples.

    step        a compiled training step that returns its loss (a plain function does, slowly)
    parameters  what it learns, by name; `buffers` is what else it changes, such as running means
    evaluate    called after each epoch; its figures (val_loss, accuracy …) go to the history
    monitor     the figure that shall be small: the best epoch's parameters are kept, and put back at the end
    patience    stop after so many epochs in which `monitor` has not fallen by more than `min_delta`
    grad_norm   called after each epoch for the history
    checkpoint  saved when due and at the end; with `resume` the run goes on from it, to the same parameters,
                bit for bit, as if it had never stopped
    identity    what must be equal to resume, besides the shapes, the data and the kind of optimizer

    Afterwards `epoch`, `best_epoch`, `history` say what was done, `stopped` why it ended: "epochs",
    "patience" or "interrupted" (Ctrl-C: a second one does not wait for the end of a step).

    Raises Diverged for a loss that runs away, InputError for a checkpoint of another run.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.0, 1.0, 2.0, 3.0])
    >>> w = cr.tensor(0.0, requires_grad=True)
    >>> optimizer = cr.optim.SGD([w], lr=0.05)
    >>> @cr.compile
    ... def step(x, y):
    ...     optimizer.zero_grad()
    ...     loss = ((w * x - y) ** 2).mean()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> loop = Loop(step, (x, 2 * x), epochs=30, batch_size=4, parameters={"w": w}, optimizer=optimizer)
    >>> history = loop.run()
    >>> round(w.item(), 4), len(history), loop.stopped
    (2.0, 30, 'epochs')
    """

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
        generator: Generator | None = None,
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
        self.epochs, self.batches = epochs, Batches(step, tensors, batch_size, shuffle, drop_last, generator)
        self.state = RunState(parameters, buffers or {}, optimizer, scheduler, generator)
        self._replay = Replay(self.batches, self.state)
        self.evaluate, self.grad_norm = evaluate, grad_norm
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.history = History() if history is None else history
        self.progress, self.checkpoint, self.resume = progress, checkpoint, resume
        self.identity = identity_of(self.batches, self.state, identity or {})
        self.epoch, self.best_epoch, self.stopped = 0, 0, "epochs"
        self._best, self._kept = math.inf, State()
        self._batch = 0  # batches of this epoch that are done,
        self._losses: list[Array] = []  # … their losses,
        self._drawn: State = {}  # … and the generators before its order was drawn
        self._first = math.nan  # the loss of the first step
        self._before, self._began, self._rate = 0.0, 0.0, 0.0

    def run(self) -> History:
        """Run to the last epoch, until patience ends or Ctrl-C; the history.

        With `monitor` the parameters are those of the best epoch, else those of the last whole step.
        """
        self._resume()
        self._began = time.monotonic()
        self._start = self.state.copy()
        self.stopped = "epochs"
        if self.checkpoint is not None and not self.resume:
            self.checkpoint.save(self._state(None))  # a folder that refuses it is better known now than later
        try:
            with Interrupts() as interrupts:
                self._run(interrupts)
        except KeyboardInterrupt:
            self.stopped = "interrupted"  # the place is not known: the last checkpoint stays
        self._put_back_best()
        return self.history

    def _run(self, interrupts: Interrupts) -> None:
        while self.epoch < self.epochs and not self._patience_ended():
            self._epoch(interrupts)
            if interrupts.wanted:
                break
        if interrupts.wanted:
            self.stopped = "interrupted"
        elif self._patience_ended():
            self.stopped = "patience"
        if self.checkpoint is not None:
            self.checkpoint.save(self._state(self.stopped))

    # ----- one epoch

    def _epoch(self, interrupts: Interrupts) -> None:
        """The rest of the epoch, in pieces; figures at its end."""
        count = self.batches.count
        if not self._batch:
            self._drawn = {} if self.checkpoint is None else self.state.draws()
            self.batches.draw()
            self._losses = []
        while self._batch < count:
            now = time.monotonic()
            stop = min(self._batch + self._piece(), count)
            self._replay.note(self._batch, stop)
            losses = self.batches.run(self._batch, stop, self.state)
            self._pace(stop - self._batch, time.monotonic() - now)
            if math.isnan(self._first):
                self._first = float(losses[0])
            bad = first_bad(losses, self._first)
            if bad is not None:
                self._diverged(self._batch + bad, float(losses[bad]))
            self._losses.append(losses)
            self._batch = stop
            if stop < count:
                self._within(stop / count)
                if interrupts.wanted:
                    return
        self._end_of_epoch()
        self._save_if_due()

    def _within(self, part: float) -> None:
        if self.progress is not None:
            self.progress.within(self.epoch + 1, part)
        self._save_if_due()

    def _piece(self) -> int:
        """How many steps to make before the clock and the keyboard are looked at again."""
        return max(int(self._rate * _PIECE), 1)

    def _pace(self, steps: int, seconds: float) -> None:
        """Steps a second, growing at most eightfold: the first ones also made the code."""
        rate = steps / max(seconds, 1e-6)
        self._rate = min(rate, 8 * self._rate) if self._rate else rate

    def _end_of_epoch(self) -> None:
        """Figures, best, scheduler."""
        lr = float(self.state.optimizer.param_groups[0]["lr"])
        losses = np.concatenate(self._losses).astype(np.float64)
        loss = float(np.average(losses, weights=self.batches.sizes(0, len(losses))))
        self.epoch, self._batch, self._losses = self.epoch + 1, 0, []
        figures = {"loss": loss, "lr": lr}
        if self.grad_norm is not None:
            figures["grad_norm"] = float(self.grad_norm())
        if self.evaluate is not None:
            figures.update({name: float(value) for name, value in self.evaluate().items()})
        figures["time"] = self._before + time.monotonic() - self._began
        self.history.add(self.epoch, **figures)
        self._look_at(figures)
        self._schedule(figures)
        if self.progress is not None:
            self.progress.update(self.epoch, figures)

    def _look_at(self, figures: Mapping[str, float]) -> None:
        """Keep the values if this epoch is the best so far."""
        if self.monitor is None:
            return
        if self.monitor not in figures:
            raise problem(
                "nothing measures the figure that is to be monitored",
                came=repr(self.monitor),
                expected=", ".join(figures),
            )
        if figures[self.monitor] < self._best - self.min_delta or not self.best_epoch:
            value = figures[self.monitor]
            self._best = value if math.isfinite(value) else math.inf
            self.best_epoch, self._kept = self.epoch, self.state.values()

    def _schedule(self, figures: Mapping[str, float]) -> None:
        scheduler = self.state.scheduler
        if scheduler is None:
            return
        if "metrics" in inspect.signature(scheduler.step).parameters:  # ReduceLROnPlateau
            scheduler.step(figures[self.monitor or ("val_loss" if "val_loss" in figures else "loss")])
        else:
            scheduler.step()

    def _patience_ended(self) -> bool:
        if self.patience is None or self.monitor is None or self._batch:
            return False
        return self.epoch - self.best_epoch >= max(self.patience, 1)

    def _put_back_best(self) -> None:
        if self.best_epoch:
            self.state.set_values(self._kept)

    # ----- divergence

    def _diverged(self, bad: int, loss: float) -> None:
        """Find out more, leave the best parameters so far (or those of the start), and raise Diverged."""
        step = self.epoch * self.batches.count + bad + 1
        lr = float(self.state.optimizer.param_groups[0]["lr"])
        at_start = step == 1 or not math.isfinite(self._first)
        norm, works = math.nan, None
        if not at_start:
            norm = self._replay.gradient_norm(bad)
            works = rate_that_works(self.batches, self.state, self._start, step)
        self.state.start_over(self._start)
        self._put_back_best()
        if self.checkpoint is not None:
            self.checkpoint.save(self._state("diverged"))
        raise diverged(step, self.epoch + 1, lr, loss, norm, works, at_start)

    # ----- checkpoints

    def _save_if_due(self) -> None:
        if self.checkpoint is not None and self.checkpoint.due():
            self.checkpoint.save(self._state(None))

    def _state(self, stopped: str | None) -> State:
        """Everything that a resumed run must know."""
        return {
            "identity": self.identity,
            "stopped": stopped,
            "epoch": self.epoch,
            "batch": self._batch,
            "losses": np.concatenate(self._losses) if self._losses else None,
            "drawn": self._drawn,
            "first": self._first,
            "best": {"epoch": self.best_epoch, "value": self._best, "values": self._kept},
            "time": self._before + time.monotonic() - self._began,
            "history": self.history.state(),
            "run": self.state.copy(),
        }

    def _resume(self) -> None:
        """Take up the checkpoint, or see that none would be lost."""
        if self.checkpoint is None:
            return
        if not self.resume:
            self.checkpoint.refuse_unfinished()
            return
        saved, path = self.checkpoint.load(), self.checkpoint.path
        same_run(saved.get("identity"), self.identity, path)
        if saved.get("stopped") == "diverged":
            raise problem(
                f"{path} is the checkpoint of a run that diverged: it would diverge again",
                fix="start anew with a smaller learning rate",
                file=path,
            )
        try:
            self._take_up(saved)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            if isinstance(error, InputError):
                raise
            raise problem(
                f"{path} is damaged: the run cannot go on from it",
                came=f"{type(error).__name__}: {error}",
                fix="start anew with another file",
                file=path,
            ) from None

    def _take_up(self, saved: State) -> None:
        """Go to where the saved run was; ValueError and the like for a state that is none."""
        epoch, batch, losses, best = (saved[key] for key in ("epoch", "batch", "losses", "best"))
        history = History.from_state(saved["history"])
        if not (type(epoch) is type(batch) is int and epoch >= 0 and 0 <= batch < self.batches.count):
            raise ValueError(f"epoch {epoch!r}, batch {batch!r}")
        if batch and (losses.dtype.kind != "f" or losses.shape != (batch,)):
            raise ValueError("losses of another number of batches")
        self.state.check(saved["run"], "the checkpoint")
        if batch:
            self._drawn = saved["drawn"]
            self.state.set_draws(self._drawn)
            self.batches.draw()
            self._losses = [losses]
        self.state.restore(saved["run"])
        self._first, self._before = float(saved["first"]), float(saved["time"])
        self.best_epoch, self._best, self._kept = int(best["epoch"]), float(best["value"]), best["values"]
        self.epoch, self._batch = epoch, batch
        self.history.rows[:] = history.rows
