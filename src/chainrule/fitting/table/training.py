"""One training run on prepared rows: the learning rate, the loop, and what the rows held out say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...random import Generator
from ...tensor import Tensor
from ..checkpoint import Checkpoint
from ..history import History
from ..loop import Loop
from ..progress import Progress
from ..state import RunState
from .columns import Array, Table
from .network import build, choose_rate, criterion_of, loss_of, optimizer_of, outputs_of, step_of
from .options import Options
from .prepare import Prepared
from .schema import Schema, Target

_MEASURED = 10_000  # rows on which a trial of a learning rate is measured


class Rows(NamedTuple):
    """Inputs and truth of some rows, and the truth as the loss takes it."""

    x: Array
    truth: Array
    y: Array


class Trained(NamedTuple):
    """What a run gives."""

    model: Any
    history: History
    lr: float
    rates: list[tuple[float, float]]
    stopped: str
    best_epoch: int


def rows_of(table: Table, found: Prepared) -> dict[str, Rows]:
    """The rows for training, validation and test, encoded."""
    parts = {}
    for name, rows in found.rows._asdict().items():
        truth = found.truth[rows]
        parts[name] = Rows(
            found.schema.encode(table, rows), truth, _as_loss_takes(truth, found.schema.target)
        )
    return parts


def _as_loss_takes(truth: Array, goal: Target) -> Array:
    if goal.task == "multiclass":
        return truth
    return ((truth - goal.mean) / goal.scale).astype(np.float32)[:, None]


def batch_size_of(rows: int) -> int:
    """Larger for more rows: a pass over few rows should still be some tens of steps."""
    return next((size for most, size in ((2_000, 32), (10_000, 64), (100_000, 128)) if rows < most), 256)


def train(
    schema: Schema, parts: Mapping[str, Rows], options: Options, progress: Progress,
    checkpoint: Checkpoint | None, resume: bool,
) -> Trained:  # fmt: skip
    """Train to the last epoch, until the validation loss has not fallen for `patience` epochs, or Ctrl-C."""
    goal, rows = schema.target, parts["train"]
    model = build(schema.width, goal.outputs, options.hidden, options.activation, options.dropout)
    optimizer = optimizer_of(model, options, options.lr or 1e-3)
    step = step_of(model, criterion_of(goal.task), optimizer)
    tensors = (Tensor._wrap(rows.x), Tensor._wrap(rows.y))
    size = options.batch_size or batch_size_of(len(rows.x))
    generator = Generator().manual_seed(options.seed)
    parameters = dict(model.named_parameters())
    rates: list[tuple[float, float]] = []
    lr = options.lr
    if lr is None:
        some = slice(0, _MEASURED)
        state = RunState(parameters, {}, optimizer, None, generator)
        measure = lambda: loss_of(outputs_of(model, rows.x[some]), rows.y[some], goal.task)
        lr, rates = choose_rate(step, tensors, size, state, measure)
        tried = ", ".join(f"{rate:g} → {reached:.4g}" for rate, reached in rates)
        progress.say(f"learning rate {lr:g}; loss after short trials: {tried}", lr=lr, rates=rates)
    for group in optimizer.param_groups:
        group["lr"] = lr
    watched = "val_loss" if len(parts["validation"].x) else None
    loop = Loop(
        step, tensors, epochs=options.epochs, batch_size=size, parameters=parameters, optimizer=optimizer,
        scheduler=_scheduler(optimizer, options, lr) if watched else None, generator=generator,
        evaluate=_evaluation(model, parts["validation"], goal) if watched else None, monitor=watched,
        patience=options.patience if watched else None, progress=progress, checkpoint=checkpoint,
        identity={"options": _identity(options), "target": goal.facts(), "columns": list(schema.known)},
        resume=resume,
    )  # fmt: skip
    history = loop.run()
    model.eval()
    return Trained(model, history, lr, rates, loop.stopped, loop.best_epoch or loop.epoch)


def _identity(options: Options) -> dict[str, Any]:
    """What must be equal to resume; a run may go on for more epochs than were asked for at first."""
    return {key: value for key, value in options.facts().items() if key != "epochs"}


def _scheduler(optimizer: Any, options: Options, lr: float) -> Any:
    """A third of the learning rate where the validation loss has not fallen for half of the patience."""
    from ...optim.lr_scheduler import ReduceLROnPlateau

    patience = max((options.patience or 20) // 3, 2)
    return ReduceLROnPlateau(optimizer, factor=0.3, patience=patience, threshold=1e-3, min_lr=lr / 300)


def _evaluation(model: Any, rows: Rows, goal: Target) -> Any:
    spread = float(np.square(rows.y - rows.y.mean()).mean()) if goal.task == "regression" else 1.0

    def evaluate() -> dict[str, float]:
        outputs = outputs_of(model, rows.x)
        loss = loss_of(outputs, rows.y, goal.task)
        if goal.task == "regression":
            return {"val_loss": loss, "val_r2": 1 - loss / spread if spread > 0 else float("nan")}
        right = (
            (outputs[:, 0] > 0) == rows.truth if goal.task == "binary" else outputs.argmax(1) == rows.truth
        )
        return {"val_loss": loss, "val_accuracy": float(right.mean())}

    return evaluate
