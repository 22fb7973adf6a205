"""A fit in words: the table of parameters, the quality of the fit, and what one should know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .lm import newton
from .search import NAMES

if TYPE_CHECKING:
    from .result import FormulaFit


def figure(x: float, digits: int = 6) -> str:
    """A number with so many digits; a dash for one that there is not."""
    return "–" if np.isnan(x) else f"{x:.{digits}g}"


def head(fit: FormulaFit) -> list[str]:
    """The head of the table of parameters."""
    return ["", "value", "std. error", "t", "p", f"{100 * fit.confidence:g} % interval"]


def rows(fit: FormulaFit) -> list[list[str]]:
    """A row for each parameter."""
    errors, intervals = fit.errors, fit.intervals
    with np.errstate(all="ignore"):
        t = {n: float(np.divide(fit.params[n], errors[n])) for n in fit.names}
    p = dict(zip(fit.names, fit.statistics.p_values(np.array([t[n] for n in fit.names])).tolist()))
    out = []
    for n, value in fit.params.items():
        if n not in fit.names:
            out.append([n, figure(value, 8), "held", "", "", ""])
        elif n in fit.statistics.at_bound:
            out.append([n, figure(value, 8), "at its bound", "", "", ""])
        elif np.isnan(errors[n]):
            out.append([n, figure(value, 8), "–", "", "", ""])
        else:
            low, high = intervals[n]
            pn = "<1e-16" if p[n] < 1e-16 else figure(p[n], 2)
            out.append(
                [n, figure(value, 8), figure(errors[n], 4), figure(t[n], 4), pn]
                + [f"{figure(low)} … {figure(high)}"]
            )
    return out


def quality(fit: FormulaFit) -> list[tuple[str, str]]:
    """Names and figures of the fit as a whole."""
    degrees = f"{fit.dof} degree{'s' * (fit.dof != 1)} of freedom"
    found = [
        ("R²", figure(fit.r2)),
        ("residual standard deviation", f"{figure(fit.sd)} ({degrees})"),
        ("residual sum of squares", figure(fit.rss, 8)),
    ]
    if fit.loss_name != "sum":
        found.append((f"loss ({fit.loss_name})", figure(fit.loss, 8)))
    return found


def quantiles(fit: FormulaFit) -> list[tuple[str, float]]:
    """The residuals in five numbers."""
    names = ("min", "25 %", "median", "75 %", "max")
    return list(zip(names, np.quantile(fit.residuals, [0, 0.25, 0.5, 0.75, 1]).tolist()))


def course(fit: FormulaFit) -> str:
    """How the search went, in a sentence."""
    unit = "step" if fit.optimizer in ("lm", "lbfgs") else "epoch"
    many = f"{fit.steps} {unit}{'s' * (fit.steps != 1)}"
    reason = "" if fit.stopped.startswith("after") else f": {fit.stopped}"
    return f"{NAMES[fit.optimizer]}, {many}{reason}. Start: {fit.start}."


def remarks(fit: FormulaFit) -> list[str]:
    """What one should know, the most important first."""
    s, out = fit.statistics, []
    if fit.stopped == "interrupted":
        out.append("The fit was interrupted: these are the parameters so far.")
    for name in fit.names:
        meant = [c for c in fit._data.unused if c.lower() == name.lower()]
        if meant:
            out.append(f"{name} is a parameter here; the column {meant[0]} is written with other letters.")
    if not fit._squares.model.columns:
        out.append(f"No column occurs in it but {fit.target}: it fits a constant. {_unused(fit)}")
    for group in s.confused:
        if len(group) == 1:
            out.append(f"{group[0]} has no influence on the fit: its value is arbitrary.")
        else:
            out.append(
                f"{_listed(group)} cannot be told apart by these data: other values of them fit as well. "
                "Hold one of them (--fix), or write the formula with one less."
            )
    for a, b, c in s.close()[:4]:
        out.append(f"{a} and {b} hang together (correlation {c:.7g}): the data hardly tell them apart.")
    for name in s.at_bound:
        out.append(f"{name} is held by its bound: the errors of the others take it as given.")
    if s.dof == 0:
        out.append("There are as many rows as parameters: how sure they are cannot be said.")
    if fit._exact:
        out.append("The residuals are near rounding; they were computed with twice the digits.")
    out += _unfinished(fit)
    if s.tss > 0 and s.rss > s.tss:
        out.append("The fit is worse than the mean of the target: try another start (--init).")
    return out


def _unused(fit: FormulaFit) -> str:
    unused = fit._data.unused
    return f"Other columns: {', '.join(unused[:10])}." if unused else "There are no other columns."


def _unfinished(fit: FormulaFit) -> list[str]:
    """Whether the minimum is still far, in standard errors."""
    out = []
    if fit.optimizer in ("lm", "lbfgs") and fit.stopped.startswith("after"):
        out.append(f"{fit.steps} steps were not enough: --epochs allows more.")
    told = ~np.isnan(fit.statistics.errors)
    if fit._squares.of.squares and told.any() and not fit._exact and fit.stopped != "interrupted":
        step = newton(fit._linear, np.zeros((len(told), len(told))), told)
        with np.errstate(all="ignore"):
            far = np.max(np.abs(step[told] / fit.statistics.errors[told]))
        if far > 0.1 and np.isfinite(far):
            out.append(
                f"The minimum is not reached: it lies about {far:.2g} standard errors away. "
                "The errors hold only there; --optimizer lm goes to it."
            )
    if fit.optimizer not in ("lm", "lbfgs") and fit.loss_name == "mae":
        out.append("mae has no curvature, and so no standard errors.")
    elif fit.loss_name == "mae":
        out.append("mae has no curvature: there are no standard errors.")
    return out


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def aligned(table: list[list[str]]) -> list[str]:
    """A table as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join(
            cell.ljust(w) if not i else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))
        ).rstrip()
        for row in table
    ]


def text(fit: FormulaFit) -> str:
    """The whole fit as text."""
    n = len(fit.residuals)
    lines = [f"{fit.written.strip()}   ({n:,} row{'s' * (n != 1)})", ""]
    lines += ["  " + line for line in aligned([head(fit), *rows(fit)])]
    lines.append("")
    names = quality(fit)
    width = max(len(name) for name, _ in names)
    lines += [f"  {name:<{width}}  {value}" for name, value in names]
    five: Any = ", ".join(f"{name} {figure(value, 4)}" for name, value in quantiles(fit))
    lines += [f"  {'residuals':<{width}}  {five}", "", course(fit)]
    lines += [f"Note: {remark}" for remark in remarks(fit)]
    return "\n".join(lines)
