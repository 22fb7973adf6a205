"""The page of a fit, and its charts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import report
from ..charts import Chart, Heat, Picture
from . import words

if TYPE_CHECKING:
    from .result import FormulaFit


def pictures(fit: FormulaFit) -> list[Picture]:
    """Data and fit, the loss on its way, residuals, how often they occur, correlations."""
    label = fit.target
    column = fit._squares.model.columns
    found: list[Picture] = [_curve(fit) if len(column) == 1 else _predicted(fit)]
    if len(fit.history) > 1:
        epoch = "step" if fit.optimizer in ("lm", "lbfgs") else "epoch"
        chart = Chart("Loss on the way", epoch, f"loss ({fit.loss_name})", log_y=True)
        found.append(chart.line(fit.history["epoch"], fit.history["loss"]))
    residuals = Chart("Residuals", f"fitted {label}", "data - fitted", zero=True)
    found.append(residuals.points(fit.fitted, fit.residuals))
    found.append(Chart("Residuals, how often", "data - fitted", "rows").histogram(fit.residuals))
    if len(fit.names) > 1 and np.isfinite(fit.correlation).any() and len(fit.names) <= 12:
        names = fit.names
        found.append(Heat("Correlation of the estimates", names, names, fit.correlation, format="{:.2f}"))
    return found


def _curve(fit: FormulaFit) -> Chart:
    """The formula over its one column, with the interval in which a new row would lie."""
    (name,) = fit._squares.model.columns
    x = fit._squares.data[name]
    grid = np.linspace(x.min(), x.max(), 300)
    chart = Chart("Data and fit", name, fit.target)
    with np.errstate(all="ignore"):
        y, jacobian = fit._squares.model.jacobian(fit._squares.whole(fit._p), {name: grid})
    half = _half_width(fit, jacobian[:, fit._squares.free])
    if half is not None:
        chart.band(grid, y - half, y + half, f"{100 * fit.confidence:g} % of new rows")
    chart.points(x, fit._squares.target, "data", 1)
    return chart.line(grid, y, "fit")


def _half_width(fit: FormulaFit, jacobian: Any) -> Any:
    """Half the prediction interval t √(s² + g' C g), if all parameters have a covariance."""
    from scipy.special import stdtrit

    covariance = fit.covariance
    if fit.dof < 1 or not np.isfinite(covariance).all() or not fit._squares.of.squares:
        return None
    variance = fit.sd**2 + np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
    return stdtrit(fit.dof, 0.5 + fit.confidence / 2) * np.sqrt(np.maximum(variance, 0))


def _predicted(fit: FormulaFit) -> Chart:
    target = fit._squares.target
    chart = Chart("Data and fit", f"{fit.target} in the data", f"fitted {fit.target}", diagonal=True)
    return chart.points(target, fit.fitted)


def page(fit: FormulaFit) -> str:
    """The whole page as HTML."""
    rows = len(fit.residuals)
    facts = f"{fit._data.table.source} · {rows:,} rows · R² {words.figure(fit.r2)} · {words.course(fit)}"
    quality = [*words.quality(fit), *[(f"residuals, {n}", words.figure(v)) for n, v in words.quantiles(fit)]]
    sections = [
        ("Parameters", report.table(words.head(fit), words.rows(fit))),
        ("What to know", report.remarks(words.remarks(fit))),
        ("The fit", report.charts(pictures(fit)[:2])),
        ("Quality", report.table(["", ""], quality, words=True)),
        ("Residuals and correlations", report.charts(pictures(fit)[2:])),
        ("Derived gradients", derivation(fit)),
        ("How it was computed", _method(fit)),
    ]
    return report.page(fit.written.strip(), sections, facts=facts)


def derivation(fit: FormulaFit) -> str:
    """The gradient of one row's loss by each parameter, as formulas."""
    from ...explainer.pages import sides
    from ...explainer.report.mathml import math

    found = fit.gradients
    if found is None:
        return ""
    steps = [s for s in found.steps if s.kind == "forward"] + found.backward
    lines = "".join(
        f'<div class="eq">{math(" = ".join(filter(None, sides(found, s.symbol, s.formula))))}</div>'
        for s in steps
    )
    squares = fit._squares.of.squares
    what = "the loss L of one row" if squares else "the formula's value L in one row"
    text = (
        f"By the chain rule, {what} and its derivative by each parameter. The fit uses these for all rows at "
        "once: they are computed by backpropagation, not by differences."
    )
    return f"<p>{escape(text)}</p>{lines}"


def _method(fit: FormulaFit) -> str:
    s = fit.statistics
    text = (
        f"{words.course(fit)} Standard errors {s.method}; intervals by Student's t with {s.dof} degrees of "
        "freedom. All of it in float64" + (", the residuals with twice its digits." if fit._exact else ".")
    )
    return report.paragraph(text)
