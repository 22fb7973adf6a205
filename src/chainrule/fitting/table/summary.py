"""What a training run has come to, as text for a terminal and as a page with charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import report
from ..charts import Bars, Chart, Heat, Picture
from .network import proba_of

if TYPE_CHECKING:
    from .fit import TableFit

_NAMES = {
    "r2": "R²", "rmse": "RMSE", "mae": "mean absolute error", "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy", "log_loss": "log loss", "roc_auc": "ROC AUC",
}  # fmt: skip
_SHOWN = 12  # columns, classes
_PARTS = {"train": "training", "validation": "validation", "test": "test"}
_HELD_OUT = {"test": "rows held out", "validation": "validation rows", "train": "rows for training"}


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4f}".replace("-0.0000", "0.0000")


def _figures(fit: TableFit) -> list[tuple[str, str, str]]:
    return [(_NAMES[k], _number(fit.metrics[k]), _number(fit.baseline[k])) for k in fit.metrics]


def _facts(fit: TableFit) -> list[tuple[str, str]]:
    goal, options = fit.schema.target, fit.options
    widths = [fit.schema.width, *options.hidden, goal.outputs]
    weights = sum(p.numel() for p in fit.model.parameters())
    what = f"classes {', '.join(goal.classes[:_SHOWN])}" + (" …" if goal.classes[_SHOWN:] else "")
    epochs = len(fit.history)
    why = {
        "patience": f", stopped after {epochs}: no better for {options.patience} epochs",
        "interrupted": f", interrupted after {epochs}",
    }.get(fit.stopped, f" of {epochs}")
    return [
        ("target", f"{goal.name} ({'a number' if goal.task == 'regression' else what})"),
        ("rows", ", ".join(f"{count:,} for {_PARTS[part]}" for part, count in fit.rows.items())),
        ("network", f"{' → '.join(map(str, widths))}, {options.activation}, {weights:,} parameters"),
        ("training", f"{options.optimizer}, learning rate {fit.lr:g}{' (chosen)' if fit.rates else ''}"),
        ("best epoch", f"{fit.best_epoch}{why}"),
    ]


def _guess(fit: TableFit) -> str:
    """What the network is compared with."""
    return "mean" if fit.schema.target.task == "regression" else "class shares"


def text(fit: TableFit) -> str:
    """The run on a screen of text."""
    out = [f"{name:<11} {value}" for name, value in _facts(fit)]
    rows = _figures(fit)
    wide = max(len(name) for name, *_ in rows)
    out += [
        "",
        f"On the {fit.rows[fit.held_out]:,} {_HELD_OUT[fit.held_out]}, against predicting the {_guess(fit)}:",
    ]
    out += [f"  {name:<{wide}}  {value:>10}  {guess:>10}" for name, value, guess in rows]
    columns = list(fit.importance.items())
    out += ["", "Columns by importance (growth of the loss if a column is shuffled):"]
    wide = max(len(name) for name, _ in columns[:_SHOWN])
    out += [
        f"  {name:<{wide}}  {mean:>8.4f} ± {deviation:.4f}" for name, (mean, deviation) in columns[:_SHOWN]
    ]
    if columns[_SHOWN:]:
        out.append(f"  and {len(columns) - _SHOWN} more")
    return "\n".join(out)


def _loss_chart(fit: TableFit) -> Chart:
    history = fit.history
    chart = Chart("Loss", "epoch", "loss", log_y=True).line(history["epoch"], history["loss"], "training")
    if "val_loss" in history.names:
        chart.line(history["epoch"], history["val_loss"], "validation", colour=1)
        chart.note = f"best epoch: {fit.best_epoch}"
    return chart


def pictures(fit: TableFit) -> list[Picture]:
    """The charts of a run: predictions against the truth, importances, losses, and the rates tried."""
    most = list(fit.importance.items())[:_SHOWN]
    values, errors = [m for _, (m, _) in most], np.array([d for _, (_, d) in most])
    found = _predictions(fit)
    found.append(
        Bars("Importance of the columns", [n for n, _ in most], values, "growth of the loss", errors)
    )
    if len(fit.history):
        found.append(_loss_chart(fit))
    tried = [(rate, reached) for rate, reached in fit.rates if np.isfinite(reached)]
    if tried:
        rates, reached = [list(c) for c in zip(*tried)]
        chart = Chart("Learning rates tried", "learning rate", "loss after the trial", log_x=True, log_y=True)
        found.append(chart.line(rates, reached).points(rates, reached))
    return found


def _predictions(fit: TableFit) -> list[Picture]:
    """How the predictions compare with the truth; nothing for very many classes."""
    goal = fit.schema.target
    if goal.task == "regression":
        predicted = fit.decided(fit.held_outputs)
        chart = Chart("Predictions", f"{goal.name}, true", f"{goal.name}, predicted", diagonal=True)
        errors = Chart("Errors", "predicted − true", "rows").histogram(predicted - fit.truth)
        return [chart.points(fit.truth, predicted), errors]
    if len(goal.classes) > 2 * _SHOWN:
        return []
    names = [c if len(c) < 14 else c[:13] + "…" for c in goal.classes]
    found: list[Picture] = [Heat("Confusion", names, names, fit.confusion(), "predicted", "true")]
    return [*found, _roc_chart(fit)] if goal.task == "binary" else found


def _roc_chart(fit: TableFit) -> Chart:
    score = proba_of(fit.held_outputs, "binary")[:, 1]
    order = np.argsort(-score, kind="stable")
    true = fit.truth[order] == 1
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # of equal scores
    hits, alarms = np.cumsum(true)[last], np.cumsum(~true)[last]
    chart = Chart("ROC curve", "false positive rate", "true positive rate", diagonal=True)
    return chart.line(np.append(0, alarms / max(alarms[-1], 1)), np.append(0, hits / max(hits[-1], 1)))


def page(fit: TableFit) -> str:
    """The run as one HTML file."""
    head = f"{fit.rows[fit.held_out]:,} {_HELD_OUT[fit.held_out]}"
    goal = fit.schema.target
    importance: list[list[Any]] = [[n, f"{m:.4f}", f"{d:.4f}"] for n, (m, d) in fit.importance.items()]
    sections = [
        (
            "Result",
            report.table(["", "network", f"predicting the {_guess(fit)}"], _figures(fit))
            + report.paragraph(f"On the {head}."),
        ),
        ("Charts", report.charts(pictures(fit))),
        ("Training", report.table(["", ""], _facts(fit), words=True) + report.remarks(fit.remarks)),
        ("Columns", report.table(["column", "growth of the loss if shuffled", "±"], importance[:200])),
    ]
    return report.page(f"Predicting {goal.name}", sections, facts=str(fit.facts["data"]))
