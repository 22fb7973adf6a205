"""A loss that runs away: where it did, and a learning rate with which it does not."""

from __future__ import annotations

import math
import time

import numpy as np

from ..errors import message
from .batches import Array, Batches
from .problem import InputError
from .state import RunState, State

__all__ = ["Diverged", "diverged", "first_bad", "rate_that_works"]

_GROWTH = 1e8  # a loss that has grown so much will not come back
_SMALL = 1e-12  # … from a first loss of at least this
_STEPS = 1000  # of a trial, at most
_SECONDS = 5.0  # for all trials together


class Diverged(InputError):
    """A loss that is not finite, or has grown a hundred million times.

    `step` (from 1 on), `epoch`, `lr`, `loss` and `grad_norm` (of the step before; NaN if not known) say
    where, `works` is a learning rate that was tried and works, or None.
    """

    def __init__(
        self,
        text: str,
        *,
        step: int,
        epoch: int,
        lr: float,
        loss: float,
        grad_norm: float,
        works: float | None,
    ) -> None:
        super().__init__(text)
        self.step, self.epoch, self.lr, self.loss = step, epoch, lr, loss
        self.grad_norm, self.works = grad_norm, works


def first_bad(losses: Array, first: float) -> int | None:
    """Where a loss is not finite or has run away from the run's first loss."""
    limit = _GROWTH * max(abs(first), _SMALL) if math.isfinite(first) else math.inf
    bad = ~(losses <= limit) | ~np.isfinite(losses)
    return int(np.argmax(bad)) if bad.any() else None


def diverged(
    step: int, epoch: int, lr: float, loss: float, norm: float, works: float | None, at_start: bool
) -> Diverged:
    """The error, worded."""
    value = f"{loss:.4g}" if math.isfinite(loss) else "not finite"
    if at_start:
        text = message(
            f"the loss is {value} at the start, before any update",
            expected="a finite loss",
            fix="give other start values, or look for extreme values in the data",
        )
        return Diverged(text, step=step, epoch=epoch, lr=lr, loss=loss, grad_norm=norm, works=None)
    gradient = f", gradient norm {norm:.4g} in the step before" if math.isfinite(norm) else ""
    fix = (
        f"set the learning rate to {works:g}: tried from the start point, the loss falls with it"
        if works is not None
        else "scale the data, or give other start values: no learning rate that was tried helps"
    )
    text = message(
        f"the loss diverges: it is {value} at step {step} (epoch {epoch})",
        came=f"learning rate {lr:g}{gradient}",
        fix=fix,
    )
    return Diverged(text, step=step, epoch=epoch, lr=lr, loss=loss, grad_norm=norm, works=works)


def rate_that_works(batches: Batches, state: RunState, start: State, steps: int) -> float | None:
    """A learning rate with which the loss falls from the start point: the best of a row of smaller ones.

    The row is lr/2, lr/4, … (two digits each), in larger strides after ten; it ends behind the first that
    works and is better than the next. A trial is twice the steps that it took to diverge, and 100 at least.
    The state is left changed.
    """
    groups = state.optimizer.param_groups
    rates = [float(g.get("initial_lr", g["lr"])) for g in start["optimizer"]["param_groups"]]
    count = min(max(2 * steps, 100), _STEPS)
    deadline = time.monotonic() + _SECONDS
    best, found = math.inf, None
    for halvings in (*range(1, 11), *range(14, 120, 4)):
        rate = float(f"{rates[0] / 2.0**halvings:.1e}")
        if rate == 0 or time.monotonic() > deadline:
            break
        state.start_over(start)
        for group, own in zip(groups, rates):
            group["lr"] = own * (rate / rates[0])
        reached = _reached(batches, state, count, deadline)
        if found is not None and reached >= best:
            break
        if reached < math.inf:
            best, found = reached, rate
    return found


def _reached(batches: Batches, state: RunState, count: int, deadline: float) -> float:
    """The loss after so many steps: the median of the last tenth; infinity if it has not fallen."""
    losses: list[Array] = []
    done, chunk = 0, 10
    while done < count and (done < 10 or time.monotonic() < deadline):
        at = done % batches.count
        if at == 0:
            batches.draw()
        stop = min(at + chunk, at + count - done, batches.count)
        part = batches.run(at, stop, state)
        losses.append(part)
        if first_bad(part, float(losses[0][0])) is not None:
            return math.inf
        done, chunk = done + stop - at, 2 * chunk
    everything = np.concatenate(losses).astype(np.float64)
    last = float(np.median(everything[-max(len(everything) // 10, 1) :]))
    return last if last < everything[0] else math.inf
