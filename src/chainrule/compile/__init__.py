"""From a program to machine code: schedule, kernels, LLVM IR, run time."""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from .step import compile

        return compile(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
