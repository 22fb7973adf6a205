"""Decompositions: the mathematician's operations in terms of those that kernels are emitted for.

Each is a function of the traced language, registered for a record; `decompose` rewrites a program with them.
"""

from . import convolution as convolution
from . import indexing as indexing
from . import loss as loss
from . import movement as movement
from . import nn as nn
from . import pooling as pooling
from . import products as products
from . import recurrent as recurrent
from . import reduce as reduce
from . import resample as resample
from . import windows as windows
from .registry import decompose as decompose
from .registry import decomposition as decomposition
from .registry import is_core as is_core
