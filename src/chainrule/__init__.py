"""chainrule: a backpropagation engine with PyTorch's API."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ._memory import keep_freed_memory as _keep_freed_memory
from ._missing import module_getattr
from ._size import Size as Size
from .autograd.mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from .device import device as device
from .tensor import Tensor as Tensor
from . import return_types as return_types
from .functional import operators as _operators
from .functional.create import *
from .functional.fill import *
from .functional.ranges import *
from .functional.random import *
from .functional.dtypes import *
from .functional.convert import *
from .functional.movement import *
from .functional.broadcast import *
from .functional.viewing import *
from .functional.join import *
from .functional.rearrange import *
from .functional.restructure import *
from .functional.pad import *
from .functional.grid import *
from .functional.getitem import *
from .functional.index import *
from .functional.masked import *
from .functional.part import *
from .functional.scatter import *
from .functional.search import *
from .functional.product import *
from .functional.contraction import *
from .functional.norms import *
from .functional.systems import *
from .functional.decompositions import *
from .functional.matrices import *
from .functional.elementwise import *
from .functional.arithmetic import *
from .functional.compare import *
from .functional.select import *
from .functional.complex import *
from .functional.reduce import *
from .functional.moments import *
from .functional.extreme import *
from .functional.scan import *
from .functional.sort import *
from .functional.count import *
from .functional.softmax import *
from .functional.activation import (
    celu as celu,
    celu_ as celu_,
    hardshrink as hardshrink,
    prelu as prelu,
    relu as relu,
    relu_ as relu_,
    rrelu as rrelu,
    rrelu_ as rrelu_,
    selu as selu,
    selu_ as selu_,
    threshold as threshold,
    threshold_ as threshold_,
)
from .threads import (
    get_num_interop_threads as get_num_interop_threads,
    get_num_threads as get_num_threads,
    set_num_interop_threads as set_num_interop_threads,
    set_num_threads as set_num_threads,
)
from .types import (
    bfloat16 as bfloat16,
    bool_ as bool,
    complex64 as complex64,
    complex128 as complex128,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    promote_types as promote_types,
    uint8 as uint8,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
)
from .types import (
    DType as dtype,
    complex64 as cfloat,
    complex128 as cdouble,
    float16 as half,
    float32 as float,
    float64 as double,
    int16 as short,
    int32 as int,
    int64 as long,
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
