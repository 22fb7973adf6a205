"""chainrule: a backpropagation engine with PyTorch's API."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from . import return_types as return_types
from ._memory import keep_freed_memory as _keep_freed_memory
from ._missing import module_getattr
from ._size import Size as Size
from .autograd.mode import (
    enable_grad as enable_grad,
)
from .autograd.mode import (
    inference_mode as inference_mode,
)
from .autograd.mode import (
    is_grad_enabled as is_grad_enabled,
)
from .autograd.mode import (
    is_inference_mode_enabled as is_inference_mode_enabled,
)
from .autograd.mode import (
    no_grad as no_grad,
)
from .autograd.mode import (
    set_grad_enabled as set_grad_enabled,
)
from .device import device as device
from .functional import operators as _operators
from .functional.activation import (
    celu as celu,
)
from .functional.activation import (
    celu_ as celu_,
)
from .functional.activation import (
    hardshrink as hardshrink,
)
from .functional.activation import (
    prelu as prelu,
)
from .functional.activation import (
    relu as relu,
)
from .functional.activation import (
    relu_ as relu_,
)
from .functional.activation import (
    rrelu as rrelu,
)
from .functional.activation import (
    rrelu_ as rrelu_,
)
from .functional.activation import (
    selu as selu,
)
from .functional.activation import (
    selu_ as selu_,
)
from .functional.activation import (
    threshold as threshold,
)
from .functional.activation import (
    threshold_ as threshold_,
)
from .functional.arithmetic import *
from .functional.broadcast import *
from .functional.compare import *
from .functional.complex import *
from .functional.contraction import *
from .functional.convert import *
from .functional.count import *
from .functional.create import *
from .functional.decompositions import *
from .functional.dtypes import *
from .functional.elementwise import *
from .functional.extreme import *
from .functional.fill import *
from .functional.getitem import *
from .functional.grid import *
from .functional.index import *
from .functional.join import *
from .functional.masked import *
from .functional.matrices import *
from .functional.moments import *
from .functional.movement import *
from .functional.norms import *
from .functional.pad import *
from .functional.part import *
from .functional.product import *
from .functional.random import *
from .functional.ranges import *
from .functional.rearrange import *
from .functional.reduce import *
from .functional.restructure import *
from .functional.scan import *
from .functional.scatter import *
from .functional.search import *
from .functional.select import *
from .functional.softmax import *
from .functional.sort import *
from .functional.systems import *
from .functional.viewing import *
from .tensor import Tensor as Tensor
from .threads import (
    get_num_interop_threads as get_num_interop_threads,
)
from .threads import (
    get_num_threads as get_num_threads,
)
from .threads import (
    set_num_interop_threads as set_num_interop_threads,
)
from .threads import (
    set_num_threads as set_num_threads,
)
from .types import (
    DType as dtype,
)
from .types import (
    bfloat16 as bfloat16,
)
from .types import (
    bool_ as bool,
)
from .types import (
    complex64 as cfloat,
)
from .types import (
    complex64 as complex64,
)
from .types import (
    complex128 as cdouble,
)
from .types import (
    complex128 as complex128,
)
from .types import (
    float16 as float16,
)
from .types import (
    float16 as half,
)
from .types import (
    float32 as float,
)
from .types import (
    float32 as float32,
)
from .types import (
    float64 as double,
)
from .types import (
    float64 as float64,
)
from .types import (
    int8 as int8,
)
from .types import (
    int16 as int16,
)
from .types import (
    int16 as short,
)
from .types import (
    int32 as int,
)
from .types import (
    int32 as int32,
)
from .types import (
    int64 as int64,
)
from .types import (
    int64 as long,
)
from .types import (
    promote_types as promote_types,
)
from .types import (
    uint8 as uint8,
)
from .types import (
    uint16 as uint16,
)
from .types import (
    uint32 as uint32,
)
from .types import (
    uint64 as uint64,
)

__version__ = "0.1.0"

# Infinities and NaN are values here, as in PyTorch; NumPy's own warnings stay on for the user's NumPy code.
_keep_freed_memory()
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"chainrule\.")

if not TYPE_CHECKING:
    _ELSEWHERE = {
        "save": "serialization", "load": "serialization", "set_printoptions": "_repr", "Generator": "random",
    }  # fmt: skip
    _missing_getattr = module_getattr(__name__)

    def __getattr__(name):
        """Sub-packages and their few top-level names on first use; else the error that names what is missing."""
        home = _ELSEWHERE.get(name)
        if home is not None:
            from importlib import import_module

            value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
            return value
        return _missing_getattr(name)
