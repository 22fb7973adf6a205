"""What a fit leaves: FormulaModel, which predicts and can be kept, and FormulaFit, with its statistics."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ...explainer.formula_text import plain_name
from ..charts import Picture, axes, png
from ..history import History
from ..model_file import save_model
from ..problem import problem
from ..table.read import read_table
from ..table.sources import source_of
from .data import Data
from .lm import Found
from .model import Model
from .reading import Parts, read
from .search import NAMES, Run
from .squares import Squares, refined
from .starts import Start
from .statistics import Statistics, statistics

Array = np.ndarray[Any, Any]
_ROUNDED = 1e-9  # residuals below this part of the target are computed in twice the precision


class FormulaModel:
    """A formula with values for its parameters.

    >>> model = FormulaModel("y = w*x", ["x", "y"], {"w": 2.0})
    >>> model.predict({"x": [1.0, 2.5]})
    array([2., 5.])
    """

    def __init__(self, formula: str, columns: list[str], params: Mapping[str, float]) -> None:
        self.formula, self.columns, self.params = formula, columns, dict(params)
        self._parts = read(formula, columns)
        if list(params) != self._parts.parameters:
            raise problem(
                "the parameters are not those of the formula",
                came=", ".join(params),
                expected=", ".join(self._parts.parameters),
            )

    @property
    def target(self) -> str:
        """The left side, which is predicted."""
        return self._parts.target

    @property
    def needed(self) -> list[str]:
        """The columns that a prediction needs."""
        return list(Model(self._parts).columns)

    def predict(self, data: Any) -> Array:
        """The left side's value for each row of a file, dict, DataFrame or array; nan where a column is.

        Raises InputError for a column that the formula needs and the data lack.
        """
        model, names = Model(self._parts), list(source_of(data).names)
        missing = [n for n in model.columns if n not in names]
        if missing:
            raise problem(
                f"the formula needs the column {missing[0]!r}, which the data do not have",
                came=", ".join(names),
                expected=", ".join(model.columns),
            )
        table = read_table(data, only=model.columns or names[:1])
        columns = {n: np.asarray(table.numbers(n), np.float64) for n in model.columns}
        columns[""] = np.zeros(table.rows)
        with np.errstate(all="ignore"):
            return model.values(np.array(list(self.params.values())), columns)

    def save(self, path: Any) -> None:
        """Write a model file (safetensors, no code in it) for `load_fit` and `chainrule predict`."""
        facts = {"formula": self.formula, "columns": self.columns, "parameters": list(self.params)}
        save_model(path, "formula", {"values": np.array(list(self.params.values()), float)}, facts)

    def __repr__(self) -> str:
        values = ", ".join(f"{n} = {v:.6g}" for n, v in self.params.items())
        return f"<FormulaModel {self.formula} with {values}>"


def model_from(arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> FormulaModel:
    """The model of a file; InputError if what it says does not fit together."""
    formula, columns, names = (facts.get(k) for k in ("formula", "columns", "parameters"))
    values = arrays.get("values")
    good = isinstance(formula, str) and len(formula) <= 100_000
    for texts in (columns, names):
        good = good and isinstance(texts, list) and all(isinstance(t, str) for t in texts)
    numbers = np.array([]) if values is None else values
    good = good and numbers.dtype == np.float64 and numbers.shape == (len(names or ()),)
    if not good or not np.isfinite(numbers).all():
        raise problem(
            "a model file does not fit together",
            expected="a formula, its columns, and a finite value for each parameter",
        )
    return FormulaModel(str(formula), list(columns or ()), dict(zip(names or (), numbers.tolist())))


class FormulaFit(FormulaModel):
    """A fitted formula: print it, or ask for `.plot()`, `.report(path)`, `.predict(data)`, `.save(path)`.

    params, errors, intervals  by parameter: value, standard error, (low, high); held ones have error 0
    covariance, correlation    of the estimated parameters, in the order of `names`
    r2, rss, sd, dof           1 - rss/tss, Σ(f - y)², √(rss/dof), rows - estimated parameters
    fitted, residuals          f and y - f for each row
    hessian                    of the loss that was minimised, exactly, by the estimated parameters
    history                    loss and gradient norm of each step
    start, stopped, remarks    where it began, why it ended, and what one should know
    """

    def __init__(
        self, data: Data, squares: Squares, found: Found, began: Start, run: Run, lower: Array,
        upper: Array, confidence: float,
    ) -> None:  # fmt: skip
        p, residuals, self._exact = found.p, None, False
        rms = np.sqrt(np.mean(squares.residuals(p) ** 2))
        bound = (p <= lower) | (p >= upper)
        if rms < _ROUNDED * np.max(np.abs(squares.target)) and squares.of.squares and not bound.any():
            better = refined(squares, p)
            if better is not None:
                p, residuals, self._exact = *better, True
        whole = squares.whole(p)
        parts: Parts = data.parts
        text = f"{parts.left.written[slice(*parts.left.part or (0, None))].strip()} = {parts.right.show()}"
        super().__init__(text, list(data.columns), dict(zip(parts.parameters, whole.tolist())))
        self.written, self._data, self._squares, self._run = data.written, data, squares, run
        self.names, self.history, self.confidence = squares.names, run.history, confidence
        self.start = began.words if run.resume is False else "from the checkpoint"
        self.stopped, self.steps = found.reason or f"after {found.steps} steps", found.steps
        self._linear, self._p = squares.linear(p), p
        self.statistics: Statistics = statistics(squares, p, self._linear, lower, upper, residuals)
        beyond = squares.residuals(p) if residuals is None else residuals  # f - y, as in the loss
        self.fitted, self.residuals = squares.target + beyond, -beyond
        self.optimizer, self.loss_name = run.optimizer, squares.of.name

    # ----- figures

    @property
    def errors(self) -> dict[str, float]:
        """Standard errors; nan where there are none, 0 for held parameters."""
        found = dict(zip(self.names, self.statistics.errors.tolist()))
        return {n: found.get(n, 0.0) for n in self.params}

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Confidence intervals by Student's t."""
        half = dict(zip(self.names, self.statistics.half_width(self.confidence).tolist()))
        return {n: (v - half.get(n, 0.0), v + half.get(n, 0.0)) for n, v in self.params.items()}

    @property
    def covariance(self) -> Array:
        """Of the estimated parameters."""
        return self.statistics.covariance

    @property
    def correlation(self) -> Array:
        """Of the estimated parameters."""
        return self.statistics.correlation

    @property
    def r2(self) -> float:
        """1 - rss/tss."""
        return self.statistics.r2

    @property
    def rss(self) -> float:
        """Σ(f - y)²."""
        return self.statistics.rss

    @property
    def sd(self) -> float:
        """The residual standard deviation √(rss/dof)."""
        return self.statistics.sd

    @property
    def dof(self) -> int:
        """Rows less estimated parameters."""
        return self.statistics.dof

    @property
    def loss(self) -> float:
        """The loss at the end, as it was asked for."""
        of, rows = self._squares.of, len(self.residuals)
        return of.shown(self.rss if of.squares else of.sum(self.residuals), rows)

    @property
    def squares(self) -> bool:
        """Whether the loss is the sum of squares, up to a factor."""
        return self._squares.of.squares

    @cached_property
    def hessian(self) -> Array:
        """The exact Hessian of the loss by the estimated parameters."""
        return self._squares.of.shown(1.0, len(self.residuals)) * 2 * self._squares.hessian(self._p)

    @cached_property
    def gradients(self) -> Any:
        """The derivation of the loss of one row by each parameter: an `Explanation`, or None."""
        from ...explainer.derive import derive

        right, left = self._parts.right.show(), self._parts.left.show()
        text = f"({right} - ({left}))**2" if self.squares else right
        text = f"({text})/2" if self.loss_name == "half-sum" else text
        known = {*self.columns, *self.params}
        names = {e.id for e in ast.walk(ast.parse(text)) if isinstance(e, ast.Name)}
        scalars = {n: () for n in names if plain_name(n) in known}
        try:
            return derive(text, [n for n in self.names if n in map(plain_name, names)], shapes=scalars)
        except (ValueError, RuntimeError):  # no finite value near ordinary points, so it cannot be checked
            return None

    @property
    def remarks(self) -> list[str]:
        """What one should know: parameters that the data do not settle, an end that is no minimum."""
        from .words import remarks

        return remarks(self)

    # ----- to look at

    def __str__(self) -> str:
        from .words import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from ..report import fragment
        from .page import page

        return fragment(page(self), f"Fit of {self.written}")

    def charts(self) -> list[Picture]:
        """The fit, the residuals and the way of the loss, as charts."""
        from .page import pictures

        return pictures(self)

    def plot(self, ax: Any = None) -> Any:
        """Data and fit on matplotlib axes, new ones by default; returns them."""
        return self.charts()[0].draw(axes() if ax is None else ax)

    def png(self) -> bytes:
        """All charts as one PNG file."""
        return png(self.charts())

    def report(self, path: Any = None) -> str | None:
        """The page of the fit, written to `path`; without one, its HTML."""
        from ..atomic import write_file
        from .page import page

        if path is None:
            return page(self)
        write_file(path, page(self))
        return None


__all__ = ["NAMES", "FormulaFit", "FormulaModel", "History", "model_from"]
