"""Tools around training: `utils.data` feeds it."""

from . import data as data
from . import dlpack as dlpack

__all__ = ["data", "dlpack"]
