"""fit_table(): from a table to a trained network, in one call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ...random import fork_rng, manual_seed
from ..checkpoint import Checkpoint
from ..history import History
from ..problem import problem
from ..progress import Mode, Progress
from .columns import Array, nearest
from .importance import permutation_importance
from .metrics import classification, confusion, regression
from .model import TableModel, model_from
from .network import outputs_of, proba_of
from .options import Options, checked
from .prepare import prepare
from .read import read_table
from .schema import Schema, Target
from .training import Rows, Trained, rows_of, train

__all__ = ["TableFit", "fit_table", "model_from"]


class TableFit(TableModel):
    """A trained network with all that its training told.

    history     loss, val_loss and a metric of every epoch
    metrics     on the rows held out: R², RMSE, MAE, or accuracy, log loss, area under the ROC curve …
    baseline    the same figures for the mean, or the most frequent class
    importance  by how much the loss grows if a column's values are shuffled: {column: (mean, deviation)}
    rates       the learning rates that were tried, with the loss that each reached
    remarks     what was left out, and what was decided
    stopped     "epochs", "patience" or "interrupted"
    """

    history: History
    metrics: dict[str, float]
    baseline: dict[str, float]
    importance: dict[str, tuple[float, float]]
    rates: list[tuple[float, float]]
    remarks: list[str]
    rows: dict[str, int]
    options: Options
    lr: float
    stopped: str
    best_epoch: int
    held_out: str  # which rows the metrics are of: "test", "validation" or "train"
    truth: Array
    held_outputs: Array

    def __str__(self) -> str:
        from .summary import text

        return text(self)

    def _repr_html_(self) -> str:
        from ..report import fragment
        from .summary import page

        return fragment(page(self), "fit_table")

    def confusion(self) -> Array:
        """How often each class (row) was taken for which (column), on the rows held out."""
        goal = self.schema.target
        self.needs_classes()
        return confusion(self.truth, proba_of(self.held_outputs, goal.task).argmax(1), len(goal.classes))

    def report(self, path: Any = None) -> str | None:
        """Write the page of the run, one HTML file; without a path, return it."""
        from ..atomic import write_file
        from .summary import page

        if path is None:
            return page(self)
        write_file(path, page(self))
        return None

    def plot(self, ax: Any = None) -> Any:
        """Draw the predictions against the truth, or the confusion matrix, with matplotlib; the axes."""
        from .summary import pictures

        return pictures(self)[0].draw(ax)


def fit_table(
    data: Any, target: str, *, drop: Collection[str] = (), categories: Collection[str] = (),
    checkpoint: Checkpoint | Any = None, every: float = 30.0, resume: bool = False,
    progress: Progress | Mode = "quiet", delimiter: str | None = None, decimal: str | None = None,
    **options: Any,
) -> TableFit:  # fmt: skip
    """Train a network that predicts one column of a table from the others.

    data     a CSV, TSV, Parquet, .npy or .npz file, a DataFrame, a dict of columns, or an array
    target   the column to predict: texts and whole numbers of few values are classes, others numbers
    progress quiet, auto, rich, plain, json, or a Progress
    checkpoint, every, resume  the file to go on from, how often it is written, whether this run goes on
    options  task, hidden, activation, optimizer, lr, epochs, batch_size, weight_decay, dropout, patience,
             test_size, validation_size, seed: see `Options`

    Missing numbers become the column's median, and one more input says so; categories become an input per
    level; numbers are standardised by the rows for training. The learning rate is chosen by short trials, the
    best epoch by the validation rows; the metrics are of the test rows, which nothing else has seen.
    Networks, loops and losses are those of `nn`, `optim` and `compile`.

    Raises InputError for a table or a target that cannot be learned from, and for options that make no sense.

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 200)
    >>> found = fit_table({"x": x, "y": 3 * x + 1}, "y", hidden=(8,), epochs=50)
    >>> found.metrics["r2"] > 0.9
    True
    """
    chosen = _options(options)
    if target in drop:
        raise problem("the target cannot be left out", came=f"drop {target!r}", fix="take it off the list")
    if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
        checkpoint = Checkpoint(checkpoint, every)
    reading = {"skip": drop, "categories": categories, "delimiter": delimiter, "decimal": decimal}
    if isinstance(progress, Progress):
        return _trained(data, reading, target, chosen, progress, checkpoint, resume)
    with Progress(progress, title="train", total=chosen.epochs) as shown:
        return _trained(data, reading, target, chosen, shown, checkpoint, resume)


def _trained(
    data: Any, reading: Mapping[str, Any], target: str, options: Options, progress: Progress,
    checkpoint: Checkpoint | None, resume: bool,
) -> TableFit:  # fmt: skip
    table = read_table(data, **reading)
    found = prepare(table, target, options)
    remarks = [*table.remarks, *found.remarks]
    for remark in remarks:
        progress.say(remark)
    parts = rows_of(table, found)
    facts = {"data": table.source, "rows": table.rows, "columns": len(table.columns)}
    del table  # what is learned from is in `parts`
    with fork_rng():
        manual_seed(options.seed)
        trained = train(found.schema, parts, options, progress, checkpoint, resume)
    return _measured(found.schema, parts, options, trained, remarks, facts)


def _options(given: dict[str, Any]) -> Options:
    known = {f.name for f in fields(Options)}
    for name in given:
        if name not in known:
            alike = nearest(name, sorted(known))
            raise TypeError(
                f"fit_table() has no option {name!r}" + (f"; did you mean {alike[0]!r}?" if alike else "")
            )
    if "hidden" in given:
        given["hidden"] = (given["hidden"],) if isinstance(given["hidden"], int) else tuple(given["hidden"])
    return checked(Options(**given))


def _measured(
    schema: Schema, parts: Mapping[str, Rows], options: Options, trained: Trained, remarks: list[str],
    facts: dict[str, Any],
) -> TableFit:  # fmt: skip
    """The fit with its figures on the rows held out."""
    held_out = next(name for name in ("test", "validation", "train") if len(parts[name].x))
    rows = parts[held_out]
    network = {"hidden": list(options.hidden), "activation": options.activation, "dropout": options.dropout}
    found = TableFit(trained.model, schema, network, facts)
    found.held_outputs, found.truth = outputs_of(trained.model, rows.x), rows.truth
    found.metrics = found.figures(found.truth, found.held_outputs)
    found.baseline = _baseline(schema.target, parts["train"].truth, rows.truth)
    found.importance = permutation_importance(trained.model, schema, rows.x, rows.y, options.seed)
    found.history, found.lr, found.rates = trained.history, trained.lr, trained.rates
    found.stopped, found.best_epoch = trained.stopped, trained.best_epoch
    found.remarks, found.options, found.held_out = remarks, options, held_out
    found.rows = {name: len(part.x) for name, part in parts.items()}
    found.facts |= {
        "options": options.facts(),
        "lr": trained.lr,
        "split": found.rows,
        "measured_on": held_out,
        "metrics": {k: v if np.isfinite(v) else None for k, v in found.metrics.items()},
    }
    return found


def _baseline(goal: Target, train: Array, truth: Array) -> dict[str, float]:
    """The figures of predicting the mean of the rows for training, or the frequencies of their classes."""
    if goal.task == "regression":
        return regression(truth, np.full(len(truth), train.mean()))
    share = np.bincount(train, minlength=len(goal.classes)) / len(train)
    return classification(truth, np.tile(share, (len(truth), 1)))
