"""Saving and loading in PyTorch's file format, without running what a file says."""

from typing import TYPE_CHECKING

from .._missing import module_getattr
from .api import DEFAULT_PROTOCOL as DEFAULT_PROTOCOL
from .api import load as load
from .api import save as save
from .safe_globals import add_safe_globals as add_safe_globals
from .safe_globals import clear_safe_globals as clear_safe_globals
from .safe_globals import get_safe_globals as get_safe_globals
from .safe_globals import safe_globals as safe_globals

__all__ = [
    "DEFAULT_PROTOCOL", "add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals",
    "save",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
