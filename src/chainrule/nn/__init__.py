"""Neural networks: modules, their functions, initialisation and utilities, under PyTorch's names."""

from __future__ import annotations

from . import functional as functional
from . import init as init
from . import parameter as parameter
from . import utils as utils
from ._parameter_containers import ParameterDict as ParameterDict
from ._parameter_containers import ParameterList as ParameterList
from .container import ModuleDict as ModuleDict
from .container import ModuleList as ModuleList
from .container import Sequential as Sequential
from .linear import Bilinear as Bilinear
from .linear import Identity as Identity
from .linear import LazyLinear as LazyLinear
from .linear import Linear as Linear
from .module import Module as Module
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedBuffer as UninitializedBuffer
from .parameter import UninitializedParameter as UninitializedParameter
