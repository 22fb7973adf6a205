"""``.. package:: chainrule.nn``: the public names of a package, each with its signature and its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

# Documented on the page of its own, or not for users of the package it is seen in.
_ELSEWHERE = {"Tensor", "Variable", "dtype", "module_getattr", "set_grad", "Argnums", "Tensors"}
_OWN_PAGE = ("chainrule.autograd.", "chainrule.fitting.", "chainrule.explainer.", "chainrule.compiler.")
_NOT_PUBLIC = ("chainrule._", "chainrule.errors", "chainrule.dispatch", "chainrule.ops")


def public(module: Any) -> list[str]:
    """The documented functions and classes of chainrule that a package offers, in alphabetical order."""
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    found = sorted(set(names) - _ELSEWHERE, key=str.lower)
    return [name for name in found if _documented(getattr(module, name), module.__name__)]


def _documented(obj: Any, package: str) -> bool:
    home = getattr(obj, "__module__", None) or ""
    if not (inspect.isclass(obj) or inspect.isroutine(obj)) or not home.startswith("chainrule."):
        return False
    if package == "chainrule" and home.startswith(_OWN_PAGE):
        return False
    return bool(inspect.getdoc(obj)) and not home.startswith(_NOT_PUBLIC)


def _skip(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Methods that scikit-learn adds to estimators for its metadata routing are documented there."""
    return True if re.fullmatch(r"set_\w+_request|get_metadata_routing", name) else None


class Package(SphinxDirective):
    """Arguments: the module, then some of its names if not all are meant."""

    required_arguments = 1
    optional_arguments = 1000

    def run(self) -> list[nodes.Node]:
        name, *chosen = self.arguments
        module = importlib.import_module(name)
        lines: list[str] = []
        if not chosen:
            lines += [".. py:module:: " + name, "   :no-index-entry:", "", *_paragraph(module), ""]
        for each in chosen or public(module):
            kind = "class" if inspect.isclass(getattr(module, each)) else "function"
            lines += [f".. auto{kind}:: {name}.{each}", *(["   :members:"] if kind == "class" else []), ""]
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, source=name), self.content_offset, holder)
        return holder.children


def _paragraph(module: Any) -> list[str]:
    """The docstring of a package, without its first sentence's end being lost to markup."""
    from docstrings import restructured

    return restructured((inspect.getdoc(module) or "").splitlines())


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("package", Package)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
