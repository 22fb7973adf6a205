"""torch.nn.functional: the layers, losses and activations as functions."""

from ...functional.activation import (
    celu as celu,
)
from ...functional.activation import (
    celu_ as celu_,
)
from ...functional.activation import (
    elu as elu,
)
from ...functional.activation import (
    elu_ as elu_,
)
from ...functional.activation import (
    gelu as gelu,
)
from ...functional.activation import (
    glu as glu,
)
from ...functional.activation import (
    hardshrink as hardshrink,
)
from ...functional.activation import (
    hardsigmoid as hardsigmoid,
)
from ...functional.activation import (
    hardswish as hardswish,
)
from ...functional.activation import (
    hardtanh as hardtanh,
)
from ...functional.activation import (
    hardtanh_ as hardtanh_,
)
from ...functional.activation import (
    leaky_relu as leaky_relu,
)
from ...functional.activation import (
    leaky_relu_ as leaky_relu_,
)
from ...functional.activation import (
    logsigmoid as logsigmoid,
)
from ...functional.activation import (
    mish as mish,
)
from ...functional.activation import (
    prelu as prelu,
)
from ...functional.activation import (
    relu as relu,
)
from ...functional.activation import (
    relu6 as relu6,
)
from ...functional.activation import (
    relu_ as relu_,
)
from ...functional.activation import (
    rrelu as rrelu,
)
from ...functional.activation import (
    rrelu_ as rrelu_,
)
from ...functional.activation import (
    selu as selu,
)
from ...functional.activation import (
    selu_ as selu_,
)
from ...functional.activation import (
    sigmoid as sigmoid,
)
from ...functional.activation import (
    silu as silu,
)
from ...functional.activation import (
    softplus as softplus,
)
from ...functional.activation import (
    softshrink as softshrink,
)
from ...functional.activation import (
    softsign as softsign,
)
from ...functional.activation import (
    tanh as tanh,
)
from ...functional.activation import (
    tanhshrink as tanhshrink,
)
from ...functional.activation import (
    threshold as threshold,
)
from ...functional.activation import (
    threshold_ as threshold_,
)
from ...functional.embedding import embedding as embedding
from ...functional.embedding import embedding_bag as embedding_bag
from ...functional.norms import pdist as pdist
from ...functional.pad import pad as pad
from ...functional.search import one_hot as one_hot
from .adaptive import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
)
from .adaptive import (
    adaptive_avg_pool2d as adaptive_avg_pool2d,
)
from .adaptive import (
    adaptive_avg_pool3d as adaptive_avg_pool3d,
)
from .adaptive import (
    adaptive_max_pool1d as adaptive_max_pool1d,
)
from .adaptive import (
    adaptive_max_pool1d_with_indices as adaptive_max_pool1d_with_indices,
)
from .adaptive import (
    adaptive_max_pool2d as adaptive_max_pool2d,
)
from .adaptive import (
    adaptive_max_pool2d_with_indices as adaptive_max_pool2d_with_indices,
)
from .adaptive import (
    adaptive_max_pool3d as adaptive_max_pool3d,
)
from .adaptive import (
    adaptive_max_pool3d_with_indices as adaptive_max_pool3d_with_indices,
)
from .attention import (
    multi_head_attention_forward as multi_head_attention_forward,
)
from .attention import (
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from .classes import (
    cross_entropy as cross_entropy,
)
from .classes import (
    gumbel_softmax as gumbel_softmax,
)
from .classes import (
    log_softmax as log_softmax,
)
from .classes import (
    nll_loss as nll_loss,
)
from .classes import (
    softmax as softmax,
)
from .classes import (
    softmin as softmin,
)
from .conv import (
    conv1d as conv1d,
)
from .conv import (
    conv2d as conv2d,
)
from .conv import (
    conv3d as conv3d,
)
from .conv import (
    conv_tbc as conv_tbc,
)
from .conv import (
    conv_transpose1d as conv_transpose1d,
)
from .conv import (
    conv_transpose2d as conv_transpose2d,
)
from .conv import (
    conv_transpose3d as conv_transpose3d,
)
from .conv import (
    fold as fold,
)
from .conv import (
    unfold as unfold,
)
from .ctc import ctc_loss as ctc_loss
from .distance import (
    cosine_embedding_loss as cosine_embedding_loss,
)
from .distance import (
    cosine_similarity as cosine_similarity,
)
from .distance import (
    hinge_embedding_loss as hinge_embedding_loss,
)
from .distance import (
    margin_ranking_loss as margin_ranking_loss,
)
from .distance import (
    multi_margin_loss as multi_margin_loss,
)
from .distance import (
    multilabel_margin_loss as multilabel_margin_loss,
)
from .distance import (
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
)
from .distance import (
    pairwise_distance as pairwise_distance,
)
from .distance import (
    triplet_margin_loss as triplet_margin_loss,
)
from .distance import (
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from .dropout import (
    alpha_dropout as alpha_dropout,
)
from .dropout import (
    dropout as dropout,
)
from .dropout import (
    dropout1d as dropout1d,
)
from .dropout import (
    dropout2d as dropout2d,
)
from .dropout import (
    dropout3d as dropout3d,
)
from .dropout import (
    feature_alpha_dropout as feature_alpha_dropout,
)
from .fractional import (
    fractional_max_pool2d as fractional_max_pool2d,
)
from .fractional import (
    fractional_max_pool2d_with_indices as fractional_max_pool2d_with_indices,
)
from .fractional import (
    fractional_max_pool3d as fractional_max_pool3d,
)
from .fractional import (
    fractional_max_pool3d_with_indices as fractional_max_pool3d_with_indices,
)
from .linear import bilinear as bilinear
from .linear import linear as linear
from .loss import (
    binary_cross_entropy as binary_cross_entropy,
)
from .loss import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from .loss import (
    gaussian_nll_loss as gaussian_nll_loss,
)
from .loss import (
    huber_loss as huber_loss,
)
from .loss import (
    kl_div as kl_div,
)
from .loss import (
    l1_loss as l1_loss,
)
from .loss import (
    mse_loss as mse_loss,
)
from .loss import (
    poisson_nll_loss as poisson_nll_loss,
)
from .loss import (
    smooth_l1_loss as smooth_l1_loss,
)
from .loss import (
    soft_margin_loss as soft_margin_loss,
)
from .normalization import (
    batch_norm as batch_norm,
)
from .normalization import (
    group_norm as group_norm,
)
from .normalization import (
    instance_norm as instance_norm,
)
from .normalization import (
    layer_norm as layer_norm,
)
from .normalization import (
    local_response_norm as local_response_norm,
)
from .normalization import (
    normalize as normalize,
)
from .normalization import (
    rms_norm as rms_norm,
)
from .pooling import (
    avg_pool1d as avg_pool1d,
)
from .pooling import (
    avg_pool2d as avg_pool2d,
)
from .pooling import (
    avg_pool3d as avg_pool3d,
)
from .pooling import (
    lp_pool1d as lp_pool1d,
)
from .pooling import (
    lp_pool2d as lp_pool2d,
)
from .pooling import (
    lp_pool3d as lp_pool3d,
)
from .pooling import (
    max_pool1d as max_pool1d,
)
from .pooling import (
    max_pool1d_with_indices as max_pool1d_with_indices,
)
from .pooling import (
    max_pool2d as max_pool2d,
)
from .pooling import (
    max_pool2d_with_indices as max_pool2d_with_indices,
)
from .pooling import (
    max_pool3d as max_pool3d,
)
from .pooling import (
    max_pool3d_with_indices as max_pool3d_with_indices,
)
from .pooling import (
    max_unpool1d as max_unpool1d,
)
from .pooling import (
    max_unpool2d as max_unpool2d,
)
from .pooling import (
    max_unpool3d as max_unpool3d,
)
from .sampling import affine_grid as affine_grid
from .sampling import grid_sample as grid_sample
from .vision import (
    channel_shuffle as channel_shuffle,
)
from .vision import (
    interpolate as interpolate,
)
from .vision import (
    native_channel_shuffle as native_channel_shuffle,
)
from .vision import (
    pixel_shuffle as pixel_shuffle,
)
from .vision import (
    pixel_unshuffle as pixel_unshuffle,
)
from .vision import (
    upsample as upsample,
)
from .vision import (
    upsample_bilinear as upsample_bilinear,
)
from .vision import (
    upsample_nearest as upsample_nearest,
)
