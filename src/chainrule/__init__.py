"""chainrule: a backpropagation engine with PyTorch's API."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

# Several names to a line: one each would make this table six hundred lines long.
# fmt: off
# isort: off
from . import return_types as return_types
from ._memory import keep_freed_memory as _keep_freed_memory
from ._missing import module_getattr
from .functional import operators as _operators  # noqa: F401  (attach methods)
from .autograd.native import CHOICE as _eager, native as _native
from .autograd.mode import (
    enable_grad as enable_grad, inference_mode as inference_mode, is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled, no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from .device import device as device
from .functional.activation import (
    celu as celu, celu_ as celu_, hardshrink as hardshrink, prelu as prelu, relu as relu, relu_ as relu_,
    rrelu as rrelu, rrelu_ as rrelu_, selu as selu, selu_ as selu_, threshold as threshold,
    threshold_ as threshold_,
)
from .functional.arithmetic import (
    add as add, addcdiv as addcdiv, addcmul as addcmul, div as div, divide as divide,
    float_power as float_power, floor_divide as floor_divide, fmod as fmod, gcd as gcd, gcd_ as gcd_,
    hypot as hypot, lcm as lcm, lcm_ as lcm_, ldexp as ldexp, ldexp_ as ldexp_, lerp as lerp, mul as mul,
    multiply as multiply, neg as neg, neg_ as neg_, negative as negative, negative_ as negative_,
    positive as positive, pow as pow, reciprocal as reciprocal, reciprocal_ as reciprocal_,
    remainder as remainder, rsqrt as rsqrt, rsqrt_ as rsqrt_, rsub as rsub, sqrt as sqrt, sqrt_ as sqrt_,
    square as square, square_ as square_, sub as sub, subtract as subtract, true_divide as true_divide,
)
from .functional.broadcast import (
    atleast_1d as atleast_1d, atleast_2d as atleast_2d, atleast_3d as atleast_3d,
    broadcast_shapes as broadcast_shapes, broadcast_tensors as broadcast_tensors,
    broadcast_to as broadcast_to,
)
from .functional.compare import (
    allclose as allclose, bitwise_and as bitwise_and, bitwise_left_shift as bitwise_left_shift,
    bitwise_not as bitwise_not, bitwise_or as bitwise_or, bitwise_right_shift as bitwise_right_shift,
    bitwise_xor as bitwise_xor, eq as eq, equal as equal, ge as ge, greater as greater,
    greater_equal as greater_equal, gt as gt, isclose as isclose, isfinite as isfinite, isinf as isinf,
    isnan as isnan, isneginf as isneginf, isposinf as isposinf, isreal as isreal, le as le, less as less,
    less_equal as less_equal, logical_and as logical_and, logical_not as logical_not,
    logical_or as logical_or, logical_xor as logical_xor, lt as lt, ne as ne, not_equal as not_equal,
)
from .functional.complex import (
    angle as angle, complex as complex, conj as conj, conj_physical as conj_physical,
    conj_physical_ as conj_physical_, imag as imag, is_complex as is_complex, is_conj as is_conj,
    is_neg as is_neg, polar as polar, real as real, resolve_conj as resolve_conj, resolve_neg as resolve_neg,
    sgn as sgn, view_as_complex as view_as_complex, view_as_real as view_as_real,
)
from .functional.contraction import (
    chain_matmul as chain_matmul, cross as cross, einsum as einsum, inner as inner, kron as kron,
    tensordot as tensordot, trace as trace,
)
from .functional.convert import (
    can_cast as can_cast, channels_last as channels_last, channels_last_3d as channels_last_3d,
    contiguous_format as contiguous_format, is_floating_point as is_floating_point, is_nonzero as is_nonzero,
    is_same_size as is_same_size, is_storage as is_storage, is_tensor as is_tensor, layout as layout,
    memory_format as memory_format, numel as numel, preserve_format as preserve_format,
    promote_types as promote_types, result_type as result_type, strided as strided,
)
from .functional.count import (
    bincount as bincount, histc as histc, histogram as histogram, histogramdd as histogramdd,
    unique as unique, unique_consecutive as unique_consecutive,
)
from .functional.create import (
    as_tensor as as_tensor, asarray as asarray, from_dlpack as from_dlpack, from_numpy as from_numpy,
    frombuffer as frombuffer, tensor as tensor, to_dlpack as to_dlpack,
)
from .functional.decompositions import (
    cholesky as cholesky, geqrf as geqrf, orgqr as orgqr, ormqr as ormqr, pinverse as pinverse, qr as qr,
    svd as svd,
)
from .functional.dtypes import (
    BFloat16Tensor as BFloat16Tensor, BoolTensor as BoolTensor, ByteTensor as ByteTensor,
    CharTensor as CharTensor, ComplexDoubleTensor as ComplexDoubleTensor,
    ComplexFloatTensor as ComplexFloatTensor, DoubleTensor as DoubleTensor, FloatTensor as FloatTensor,
    HalfTensor as HalfTensor, IntTensor as IntTensor, LongTensor as LongTensor, ShortTensor as ShortTensor,
    Size as Size, UInt16Tensor as UInt16Tensor, UInt32Tensor as UInt32Tensor, UInt64Tensor as UInt64Tensor,
    e as e, finfo as finfo, get_default_device as get_default_device, get_default_dtype as get_default_dtype,
    iinfo as iinfo, inf as inf, nan as nan, newaxis as newaxis, pi as pi,
    set_default_device as set_default_device, set_default_dtype as set_default_dtype,
    set_default_tensor_type as set_default_tensor_type, typename as typename,
)
from .functional.elementwise import (
    abs as abs, abs_ as abs_, absolute as absolute, acos as acos, acos_ as acos_, acosh as acosh,
    acosh_ as acosh_, arccos as arccos, arccos_ as arccos_, arccosh as arccosh, arccosh_ as arccosh_,
    arcsin as arcsin, arcsin_ as arcsin_, arcsinh as arcsinh, arcsinh_ as arcsinh_, arctan as arctan,
    arctan2 as arctan2, arctan_ as arctan_, arctanh as arctanh, arctanh_ as arctanh_, asin as asin,
    asin_ as asin_, asinh as asinh, asinh_ as asinh_, atan as atan, atan2 as atan2, atan_ as atan_,
    atanh as atanh, atanh_ as atanh_, ceil as ceil, ceil_ as ceil_, copysign as copysign, cos as cos,
    cos_ as cos_, cosh as cosh, cosh_ as cosh_, deg2rad as deg2rad, deg2rad_ as deg2rad_, digamma as digamma,
    erf as erf, erf_ as erf_, erfc as erfc, erfc_ as erfc_, erfinv as erfinv, exp as exp, exp2 as exp2,
    exp2_ as exp2_, exp_ as exp_, expm1 as expm1, expm1_ as expm1_, fix as fix, fix_ as fix_, floor as floor,
    floor_ as floor_, frac as frac, frac_ as frac_, frexp as frexp, heaviside as heaviside, i0 as i0,
    i0_ as i0_, igamma as igamma, igammac as igammac, lgamma as lgamma, log as log, log10 as log10,
    log10_ as log10_, log1p as log1p, log1p_ as log1p_, log2 as log2, log2_ as log2_, log_ as log_,
    logaddexp as logaddexp, logaddexp2 as logaddexp2, logit as logit, logit_ as logit_, mvlgamma as mvlgamma,
    nextafter as nextafter, polygamma as polygamma, rad2deg as rad2deg, rad2deg_ as rad2deg_, round as round,
    round_ as round_, sigmoid as sigmoid, sigmoid_ as sigmoid_, sign as sign, signbit as signbit, sin as sin,
    sin_ as sin_, sinc as sinc, sinc_ as sinc_, sinh as sinh, sinh_ as sinh_, tan as tan, tan_ as tan_,
    tanh as tanh, tanh_ as tanh_, trunc as trunc, trunc_ as trunc_, xlogy as xlogy, xlogy_ as xlogy_,
)
from .functional.extreme import (
    amax as amax, amin as amin, aminmax as aminmax, argmax as argmax, argmin as argmin, max as max,
    min as min,
)
from .functional.fill import (
    empty as empty, empty_like as empty_like, empty_permuted as empty_permuted,
    empty_strided as empty_strided, eye as eye, fill as fill, fill_ as fill_, full as full,
    full_like as full_like, ones as ones, ones_like as ones_like, scalar_tensor as scalar_tensor,
    zero as zero, zero_ as zero_, zeros as zeros, zeros_like as zeros_like,
)
from .functional.grid import (
    cartesian_prod as cartesian_prod, combinations as combinations, meshgrid as meshgrid,
)
from .functional.index import (
    index_add as index_add, index_copy as index_copy, index_fill as index_fill, index_put as index_put,
    index_select as index_select, put as put, take as take,
)
from .functional.join import (
    block_diag as block_diag, cat as cat, chunk as chunk, column_stack as column_stack, concat as concat,
    concatenate as concatenate, dsplit as dsplit, dstack as dstack, hsplit as hsplit, hstack as hstack,
    narrow as narrow, narrow_copy as narrow_copy, row_stack as row_stack, select as select, split as split,
    split_with_sizes as split_with_sizes, stack as stack, tensor_split as tensor_split, unbind as unbind,
    unsafe_chunk as unsafe_chunk, unsafe_split as unsafe_split,
    unsafe_split_with_sizes as unsafe_split_with_sizes, vsplit as vsplit, vstack as vstack,
)
from .functional.masked import (
    masked_fill as masked_fill, masked_scatter as masked_scatter, masked_select as masked_select,
)
from .functional.matrices import (
    corrcoef as corrcoef, cov as cov, matrix_exp as matrix_exp, matrix_power as matrix_power,
    vander as vander,
)
from .functional.moments import std as std, std_mean as std_mean, var as var, var_mean as var_mean
from .functional.movement import (
    adjoint as adjoint, flatten as flatten, moveaxis as moveaxis, movedim as movedim, permute as permute,
    ravel as ravel, reshape as reshape, squeeze as squeeze, swapaxes as swapaxes, swapdims as swapdims,
    t as t, transpose as transpose, unflatten as unflatten, unsqueeze as unsqueeze,
)
from .functional.norms import cdist as cdist, dist as dist, norm as norm, pdist as pdist, renorm as renorm
from .functional.pad import constant_pad_nd as constant_pad_nd
from .functional.part import (
    diagonal_scatter as diagonal_scatter, select_scatter as select_scatter, slice_scatter as slice_scatter,
)
from .functional.product import (
    addbmm as addbmm, addmm as addmm, addmv as addmv, addr as addr, baddbmm as baddbmm, bmm as bmm,
    dot as dot, ger as ger, matmul as matmul, mm as mm, mv as mv, outer as outer, vdot as vdot,
)
from .functional.random import (
    Generator as Generator, bernoulli as bernoulli, default_generator as default_generator,
    fork_rng as fork_rng, get_rng_state as get_rng_state, initial_seed as initial_seed,
    manual_seed as manual_seed, multinomial as multinomial, normal as normal, poisson as poisson,
    rand as rand, rand_like as rand_like, randint as randint, randint_like as randint_like, randn as randn,
    randn_like as randn_like, randperm as randperm, seed as seed, set_rng_state as set_rng_state,
)
from .functional.ranges import arange as arange, linspace as linspace, logspace as logspace, range as range
from .functional.rearrange import (
    as_strided as as_strided, as_strided_scatter as as_strided_scatter, clone as clone, diag as diag,
    diag_embed as diag_embed, diagflat as diagflat, diagonal as diagonal, flip as flip, fliplr as fliplr,
    flipud as flipud, repeat_interleave as repeat_interleave, roll as roll, rot90 as rot90, tile as tile,
    tril as tril, tril_indices as tril_indices, triu as triu, triu_indices as triu_indices,
)
from .functional.reduce import (
    all as all, any as any, count_nonzero as count_nonzero, logsumexp as logsumexp, mean as mean,
    nanmean as nanmean, nansum as nansum, prod as prod, sum as sum,
)
from .functional.restructure import (
    alias_copy as alias_copy, as_strided_copy as as_strided_copy, chunk_copy as chunk_copy,
    diagonal_copy as diagonal_copy, expand_copy as expand_copy, permute_copy as permute_copy,
    select_copy as select_copy, split_copy as split_copy, split_with_sizes_copy as split_with_sizes_copy,
    squeeze_copy as squeeze_copy, t_copy as t_copy, transpose_copy as transpose_copy,
    unbind_copy as unbind_copy, unfold_copy as unfold_copy, unsqueeze_copy as unsqueeze_copy,
    view_copy as view_copy,
)
from .functional.scan import (
    cummax as cummax, cummin as cummin, cumprod as cumprod, cumsum as cumsum,
    cumulative_trapezoid as cumulative_trapezoid, diff as diff, gradient as gradient,
    logcumsumexp as logcumsumexp, trapezoid as trapezoid, trapz as trapz,
)
from .functional.scatter import (
    gather as gather, index_reduce as index_reduce, scatter as scatter, scatter_add as scatter_add,
    scatter_reduce as scatter_reduce, take_along_dim as take_along_dim,
)
from .functional.search import (
    argwhere as argwhere, bucketize as bucketize, isin as isin, nonzero as nonzero,
    searchsorted as searchsorted, unravel_index as unravel_index,
)
from .functional.select import (
    clamp as clamp, clamp_ as clamp_, clamp_max as clamp_max, clamp_max_ as clamp_max_,
    clamp_min as clamp_min, clamp_min_ as clamp_min_, clip as clip, clip_ as clip_, fmax as fmax,
    fmin as fmin, maximum as maximum, minimum as minimum, nan_to_num as nan_to_num,
    nan_to_num_ as nan_to_num_, where as where,
)
from .functional.softmax import log_softmax as log_softmax, softmax as softmax
from .functional.sort import (
    argsort as argsort, kthvalue as kthvalue, median as median, mode as mode, msort as msort,
    nanmedian as nanmedian, nanquantile as nanquantile, quantile as quantile, sort as sort, topk as topk,
)
from .functional.systems import (
    cholesky_inverse as cholesky_inverse, cholesky_solve as cholesky_solve, det as det, inverse as inverse,
    logdet as logdet, lu_solve as lu_solve, lu_unpack as lu_unpack, slogdet as slogdet,
    triangular_solve as triangular_solve,
)
from .functional.viewing import detach as detach
from .tensor import Tensor as Tensor
from .threads import (
    get_num_interop_threads as get_num_interop_threads, get_num_threads as get_num_threads,
    set_num_interop_threads as set_num_interop_threads, set_num_threads as set_num_threads,
)
from .types import (
    DType as _DType, bfloat16 as bfloat16, bool_ as _bool, complex128 as complex128, complex64 as complex64,
    float16 as float16, float32 as float32, float64 as float64, int16 as int16, int32 as int32,
    int64 as int64, int8 as int8, uint16 as uint16, uint32 as uint32, uint64 as uint64, uint8 as uint8,
)
# isort: on
# fmt: on

dtype = _DType
bool = _bool
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128

__version__ = "0.1.0"

# Infinities and NaN are values here, as in PyTorch; NumPy's own warnings stay on for the user's NumPy code.
_keep_freed_memory()
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"chainrule\.")

if TYPE_CHECKING:
    from . import accelerator as accelerator
    from . import amp as amp
    from . import autograd as autograd
    from . import backends as backends
    from . import cuda as cuda
    from . import distributions as distributions
    from . import func as func
    from . import linalg as linalg
    from . import nn as nn
    from . import optim as optim
    from . import random as random
    from . import special as special
    from . import utils as utils
    from ._repr import set_printoptions as set_printoptions
    from .amp import autocast as autocast
    from .compiler.step import compile as compile
    from .compiler.train import train as train
    from .determinism import (
        are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    )
    from .determinism import (
        get_float32_matmul_precision as get_float32_matmul_precision,
    )
    from .determinism import (
        is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
    )
    from .determinism import (
        set_float32_matmul_precision as set_float32_matmul_precision,
    )
    from .determinism import (
        use_deterministic_algorithms as use_deterministic_algorithms,
    )
    from .explainer.derive import derive as derive
    from .explainer.explanation import explain as explain
    from .explainer.record import record as record
    from .fitting.formula.fit import fit as fit
    from .fitting.history import History as History
    from .fitting.load import load_fit as load_fit
    from .fitting.table.fit import fit_table as fit_table
    from .serialization import load as load
    from .serialization import save as save
else:
    _NETWORK = (
        "adaptive_avg_pool1d", "adaptive_max_pool1d", "alpha_dropout", "avg_pool1d", "batch_norm", "bilinear",
        "binary_cross_entropy_with_logits", "celu", "celu_", "channel_shuffle", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss",
        "cosine_similarity", "ctc_loss", "dropout", "embedding", "embedding_bag", "feature_alpha_dropout",
        "group_norm", "hinge_embedding_loss", "instance_norm", "kl_div", "layer_norm", "margin_ranking_loss",
        "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d", "pairwise_distance",
        "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss", "prelu", "relu", "relu_", "rms_norm", "rrelu",
        "selu", "selu_", "threshold", "threshold_", "triplet_margin_loss",
    )  # fmt: skip
    _SETTINGS = (
        "are_deterministic_algorithms_enabled", "get_float32_matmul_precision",
        "is_deterministic_algorithms_warn_only_enabled", "set_float32_matmul_precision",
        "use_deterministic_algorithms",
    )  # fmt: skip
    _ELSEWHERE = {
        "autocast": ".amp",
        "compile": ".compiler.step",
        "train": ".compiler.train",
        "derive": ".explainer.derive",
        "explain": ".explainer.explanation",
        "record": ".explainer.record",
        "fit": ".fitting.formula.fit",
        "fit_table": ".fitting.table.fit",
        "load_fit": ".fitting.load",
        "History": ".fitting.history",
        **dict.fromkeys(_SETTINGS, ".determinism"),
        "save": ".serialization",
        "load": ".serialization",
        "set_printoptions": "._repr",
        "vmap": ".func",
        **dict.fromkeys(_NETWORK, ".nn.functional"),
    }
    __getattr__ = module_getattr(__name__, _ELSEWHERE)


def _begin_native_eager() -> None:
    from .compiler.eager.install import begin

    begin(everything=_eager == "native")


_native.begin = _begin_native_eager
if _eager == "native":
    _begin_native_eager()
