"""A Jupyter notebook run as a script: its code cells in order, in one namespace."""

from __future__ import annotations
import __future__

import ast
import json
import linecache
from contextlib import AbstractContextManager
from functools import reduce
from pathlib import Path
from types import CodeType
from typing import Any

from chainrule._shim import figures, magics

_FUTURE_FLAGS = reduce(
    int.__or__, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)


def read_cells(file: str) -> list[str]:
    """Return the sources of the notebook's code cells that are not empty (nbformat 3 and 4).

    Raises ValueError, in one line, for a file that is no notebook or is written in another language.
    """
    try:
        notebook = json.loads(Path(file).read_bytes().decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        why = f"{error.msg}: line {error.lineno} column {error.colno}"
        raise ValueError(f"{file!r} is not a notebook: expected JSON, but {why}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{file!r} is not a notebook: expected UTF-8, but {error}") from None
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise ValueError(f'{file!r} is not a notebook: expected JSON with "cells" (nbformat 3 or 4)')
    metadata = notebook.get("metadata", {})
    language = metadata.get("kernelspec", {}).get("language", "python")
    if language.lower() != "python":
        raise ValueError(f"{file!r} is a notebook in {language}; expected one in Python")
    sheets = notebook.get("worksheets", [notebook])
    cells = [cell for sheet in sheets for cell in sheet["cells"] if cell["cell_type"] == "code"]
    sources = (_text(cell.get("source", cell.get("input", ""))) for cell in cells)
    return [source for source in sources if source.strip()]


def run_cells(path: Path, cells: list[str], namespace: dict[str, Any]) -> None:
    """Run the cells in the namespace and print the value of each cell's last expression as IPython does.

    Cell n is known to tracebacks as the file ``<path>, cell n``, counted as Jupyter counts a fresh run.
    """
    namespace.update(magics.HELPERS)
    flags = 0
    for number, source in enumerate(cells, start=1):
        filename = f"{path}, cell {number}"
        lines = [f"{line}\n" for line in source.split("\n")]
        linecache.cache[filename] = (len(source), None, lines, filename)
        plain, context = magics.rewrite(source, f"cell {number}")
        flags |= _run_cell(plain, filename, namespace, flags, context)
        figures.show_open_figures()


def _run_cell(
    source: str, filename: str, namespace: dict[str, Any], flags: int, context: AbstractContextManager[Any]
) -> int:
    """Run one cell; return the flags of its ``from __future__`` imports, which hold for later cells."""
    tree: ast.Module = compile(source, filename, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    body: CodeType = compile(tree, filename, "exec", flags, dont_inherit=True)
    flags |= body.co_flags & _FUTURE_FLAGS
    with context:
        exec(body, namespace)
        if isinstance(last, ast.Expr):
            expression = ast.Expression(last.value)
            value = eval(compile(expression, filename, "eval", flags, dont_inherit=True), namespace)
            if value is not None and not _ends_in_semicolon(source, last):
                magics.display(value)
    return flags


def _ends_in_semicolon(source: str, last: ast.Expr) -> bool:
    """Tell whether `;` follows the last expression: in IPython it keeps the value from being printed."""
    line, column = last.end_lineno or 1, last.end_col_offset or 0
    rest = source.split("\n")[line - 1].encode()[column:].decode()
    return rest.lstrip(" \t)").startswith(";")


def _text(source: str | list[str]) -> str:
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n").replace("\r", "\n")
