"""From programs to people: derivations, graphs and reports of gradients."""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """The package's name hides the function of that name: calling the package calls it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from .explanation import explain

        return explain(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
