"""load_fit(): the model of a file, whatever kind of fit it came from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .model_file import load_model

if TYPE_CHECKING:
    from .formula.result import FormulaModel
    from .table.model import TableModel

__all__ = ["load_fit"]


def load_fit(path: Any) -> FormulaModel | TableModel:
    """The model that a fit saved: a FormulaModel of `fit`, or a TableModel of `fit_table`.

    Raises InputError for a file that is not a whole model file of this version.

    >>> import chainrule as cr
    >>> fitted = cr.fit("y = a*x + b", {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 3.1, 4.9, 7.0]})
    >>> fitted.save("line.safetensors")
    >>> cr.load_fit("line.safetensors").predict({"x": [1.0]}).round(3)
    array([3.01])
    """
    kind, arrays, facts = load_model(path, ["formula", "table"])
    if kind == "formula":
        from .formula.result import model_from

        return model_from(arrays, facts)
    from .table.model import model_from as table_from

    return table_from(arrays, facts, os.fspath(path))
