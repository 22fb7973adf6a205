"""The words for a name that PyTorch has and chainrule lacks, and the module hook that says them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import PathFinder
from opcode import opmap
from types import FrameType, ModuleType
from typing import Any

_IMPORT_FROM = opmap["IMPORT_FROM"]


def module_getattr(module_name: str, elsewhere: Mapping[str, str] | None = None) -> Callable[[str], Any]:
    """Return a PEP 562 ``__getattr__`` for the module of that name.

    It fetches the names of ``elsewhere`` from the modules given there (relative to this package), imports a
    submodule on first use, as ``torch.optim.lr_scheduler`` works after ``import torch`` alone, and otherwise
    raises AttributeError (ImportError for ``from module import name``) that names what was asked for and the
    nearest names the module has.

    >>> get = module_getattr("chainrule")
    >>> get("there_is_no_such_name")
    Traceback (most recent call last):
    AttributeError: torch.there_is_no_such_name is not in chainrule yet: dir(torch) lists the names it has
    """

    def __getattr__(name: str) -> Any:
        if name.startswith("__"):  # Python's own probes (hasattr, copy, inspect) want the ordinary answer
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        if elsewhere is not None and name in elsewhere:
            value = getattr(importlib.import_module(elsewhere[name], module_name), name)
            setattr(sys.modules[module_name], name, value)
            return value
        submodule = None if name.startswith("_") else _submodule(module_name, name)
        if submodule is None:
            raise missing_name(module_name, name, sys._getframe(1))
        return submodule

    return __getattr__


def missing_name(module_name: str, name: str, asker: FrameType) -> ImportError | AttributeError:
    """Return the error for a missing name: ImportError where the asker runs ``from module import``."""
    message = explain(module_name, name)
    if asker.f_lasti >= 0 and asker.f_code.co_code[asker.f_lasti] == _IMPORT_FROM:
        return ImportError(message, name=module_name)
    return AttributeError(message, name=name, obj=None)  # obj=None: Python adds no second "Did you mean"


def explain(module_name: str, name: str) -> str:
    """Return the sentence that says the name is missing and lists the nearest names of the module."""
    from difflib import get_close_matches  # here: an error may wait for it, every start may not

    public = torch_name(module_name)
    near = [] if name.startswith("_") else get_close_matches(name, _names(module_name), n=3, cutoff=0.7)
    if near:
        advice = "did you mean " + " or ".join(f"{public}.{each}" for each in near) + "?"
    else:
        advice = f"dir({public}) lists the names it has"
    return f"{public}.{name} is not in chainrule yet: {advice}"


def torch_name(module_name: str) -> str:
    """Return the name that a PyTorch script knows a chainrule module by."""
    return "torch" + module_name.removeprefix("chainrule")


def _names(module_name: str) -> list[str]:
    import pkgutil

    module = sys.modules.get(module_name) or sys.modules.get(torch_name(module_name), ModuleType(module_name))
    submodules = (each.name for each in pkgutil.iter_modules(getattr(module, "__path__", [])))
    return sorted({each for each in (*dir(module), *submodules) if not each.startswith("_")})


def _submodule(module_name: str, name: str) -> ModuleType | None:
    path = getattr(sys.modules.get(module_name), "__path__", None)
    if path is None:
        return None
    full_name = f"{module_name}.{name}"
    spec = PathFinder.find_spec(full_name, path)
    if spec is None or spec.origin is None:  # no origin: a folder without code
        return None
    return importlib.import_module(full_name)
