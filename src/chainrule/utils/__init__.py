"""Tools around training: `utils.data` feeds it."""

from typing import TYPE_CHECKING

from .._missing import module_getattr
from . import data as data
from . import dlpack as dlpack

__all__ = ["data", "dlpack"]

if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
