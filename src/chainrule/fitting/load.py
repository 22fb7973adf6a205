"""load_fit(): the model of a file, whatever kind of fit it came from."""

from __future__ import annotations

import os
from typing import Any

from .model_file import load_model

__all__ = ["load_fit"]


def load_fit(path: Any) -> Any:
    """The model that a fit saved: a FormulaModel or a TableModel.

    Raises InputError for a file that is not a whole model file of this version.
    """
    kind, arrays, facts = load_model(path, ["formula", "table"])
    if kind == "formula":
        from .formula.fit import model_from

        return model_from(arrays, facts)
    from .table.fit import model_from as table_from

    return table_from(arrays, facts, os.fspath(path))
