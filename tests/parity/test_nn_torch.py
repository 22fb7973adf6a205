"""Modules against PyTorch's: printed form, state dicts, error texts, initialisation, hooks and results."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import chainrule as cr
import chainrule.nn as cnn
from chainrule import random

torch = pytest.importorskip("torch", reason="compares with PyTorch's own modules")
tnn = torch.nn

MODULES = [
    "Identity(1, 2, c=3)", "Linear(3, 4)", "Linear(3, 4, bias=False)", "Bilinear(2, 3, 4)",
    "modules.linear.NonDynamicallyQuantizableLinear(2, 2)",
    "Conv1d(2, 4, 3, padding='same')", "Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2, bias=False)",
    "Conv3d(1, 2, 3, dilation=2, padding_mode='circular', padding=1)", "Conv2d(3, 3, 2, padding='valid')",
    "ConvTranspose1d(2, 4, 3, output_padding=1, stride=2)", "ConvTranspose2d(4, 2, 3, groups=2)",
    "ConvTranspose3d(1, 2, 2, dilation=(1, 2, 1))",
    "BatchNorm1d(4)", "BatchNorm2d(4, momentum=None, affine=False)", "BatchNorm3d(2, "
    "track_running_stats=False)",
    "BatchNorm1d(3, bias=False)", "SyncBatchNorm(3)", "InstanceNorm1d(3)", "InstanceNorm2d(3, affine=True)",
    "InstanceNorm3d(3, track_running_stats=True)", "LayerNorm(4)", "LayerNorm([2, 3], bias=False)",
    "LayerNorm(2, elementwise_affine=False)", "GroupNorm(2, 4)", "GroupNorm(2, 4, "
    "affine=False)", "RMSNorm(3)",
    "LocalResponseNorm(2)", "CrossMapLRN2d(3)",
    "Embedding(5, 3)", "Embedding(5, 3, padding_idx=-1, max_norm=1.0, norm_type=1.0, sparse=True)",
    "EmbeddingBag(5, 3)", "EmbeddingBag(5, 3, mode='sum', padding_idx=2, max_norm=2.0, "
    "scale_grad_by_freq=True)",
    "ReLU()", "ReLU(inplace=True)", "ReLU6()", "RReLU(0.1, 0.3)", "Hardtanh(-2, 2, "
    "True)", "Sigmoid()", "Tanh()",
    "Hardsigmoid()", "Hardswish(True)", "SiLU()", "Mish()", "ELU(2.0)", "CELU(0.5, True)", "SELU()", "GLU()",
    "GELU()", "GELU('tanh')", "Hardshrink()", "Softshrink(1)", "LeakyReLU()", "LeakyReLU(0.2, "
    "True)", "LogSigmoid()",
    "Softplus(2)", "PReLU()", "PReLU(3, 0.1)", "Softsign()", "Tanhshrink()", "Threshold(1, 2)", "Softmin(1)",
    "Softmax()", "Softmax(dim=-1)", "LogSoftmax(0)", "Softmax2d()",
    "MultiheadAttention(4, 2)", "MultiheadAttention(4, 2, bias=False)",
    "MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True)",
    "Dropout()", "Dropout(0.1, True)", "Dropout1d()", "Dropout2d()", "Dropout3d()", "AlphaDropout()",
    "FeatureAlphaDropout(0.3)", "Flatten()", "Unflatten(1, (2, 3))", "Fold((4, 5), 2)", "Unfold((2, 3), "
    "stride=2)",
    "PixelShuffle(2)", "PixelUnshuffle(3)", "ChannelShuffle(2)", "Upsample(scale_factor=2)",
    "Upsample((3, 4), mode='bilinear')", "UpsamplingNearest2d(3)", "UpsamplingBilinear2d(scale_factor=(2, "
    "3))",
    "MaxPool1d(2)", "MaxPool2d((2, 3), stride=1, padding=1, ceil_mode=True)", "MaxPool3d(2, dilation=2)",
    "MaxUnpool1d(2)", "MaxUnpool2d(2, 1)", "MaxUnpool3d(2)", "AvgPool1d(2)", "AvgPool2d(2, "
    "padding=1)", "AvgPool3d(3)",
    "FractionalMaxPool2d(2, output_size=3)", "FractionalMaxPool3d(2, output_ratio=0.5)", "LPPool1d(2, 3)",
    "LPPool2d(1, 2)", "LPPool3d(2, 2, stride=1)", "AdaptiveMaxPool1d(2)", "AdaptiveMaxPool2d((2, None))",
    "AdaptiveMaxPool3d(1)", "AdaptiveAvgPool1d(1)", "AdaptiveAvgPool2d((3, 4))", "AdaptiveAvgPool3d(2)",
    "CircularPad1d(1)", "CircularPad2d((1, 2, 3, 4))", "CircularPad3d(1)", "ConstantPad1d(1, 2.5)",
    "ConstantPad2d(1, 0)", "ConstantPad3d(1, "
    "3)", "ReflectionPad1d(2)", "ReflectionPad2d(1)", "ReflectionPad3d(1)",
    "ReplicationPad1d((1, "
    "2))", "ReplicationPad2d(1)", "ReplicationPad3d(1)", "ZeroPad1d(1)", "ZeroPad2d((1, 2, 1, 2))",
    "ZeroPad3d(1)", "PairwiseDistance()", "CosineSimilarity()",
    "RNN(3, 4)", "RNN(3, 4, 2, 'relu', batch_first=True)", "LSTM(3, 4)", "LSTM(3, 4, 2, bidirectional=True)",
    "LSTM(3, 4, proj_size=2, num_layers=2, dropout=0.5)", "GRU(3, 4, bias=False)", "GRU(3, 4, "
    "bidirectional=True)",
    "RNNCell(3, 4)", "RNNCell(3, 4, nonlinearity='relu')", "LSTMCell(3, 4, bias=False)", "GRUCell(3, 4)",
    "TransformerEncoderLayer(4, 2, 8)", "TransformerDecoderLayer(4, 2, 8, activation='gelu', "
    "norm_first=True)",
    "TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2)",
    "TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 2, nn.LayerNorm(4))",
    "Transformer(4, 2, 1, 1, 8, batch_first=True)", "AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5])",
    "Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 1)))", "Sequential()",
    "ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Sequential(nn.ReLU())])",
    "ModuleDict({'a': nn.Linear(1, 2), 'b': nn.Tanh()})",
    "CrossEntropyLoss()", "CrossEntropyLoss(label_smoothing=0.1, "
    "reduction='sum')", "MSELoss()", "L1Loss()", "NLLLoss()",
    "BCELoss()", "BCEWithLogitsLoss()", "KLDivLoss()", "HuberLoss()", "SmoothL1Loss()", "CTCLoss()",
    "TripletMarginLoss()", "TripletMarginWithDistanceLoss()", "CosineEmbeddingLoss()", "MarginRankingLoss()",
    "HingeEmbeddingLoss()", "MultiMarginLoss()", "MultiLabelMarginLoss()", "MultiLabelSoftMarginLoss()",
    "SoftMarginLoss()", "PoissonNLLLoss()", "GaussianNLLLoss()",
    "LazyLinear(3)", "LazyConv2d(3, 2, stride=2)", "LazyConvTranspose1d(2, 3)", "LazyBatchNorm1d()",
    "LazyInstanceNorm2d(affine=True)",
]  # fmt: skip


def make(nn, text):
    cls = text.replace("modules.linear.", "") if nn is cnn else text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(f"nn.{cls}", {"nn": nn})


def both(text, seed=0):
    torch.manual_seed(seed)
    random.manual_seed(seed)
    return make(cnn, text), make(tnn, text)


def array(t):
    return t.detach().numpy()


@pytest.mark.parametrize("text", MODULES)
def test_module_prints_and_starts_as_pytorchs(text):
    ours, theirs = both(text)
    assert repr(ours) == repr(theirs)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert dict(state._metadata) == dict(expected._metadata)
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    if "Lazy" in text:
        return
    for key, value in expected.items():
        np.testing.assert_array_equal(array(state[key]), array(value), err_msg=key, strict=True)
    assert random.get_rng_state().tolist() == torch.get_rng_state().tolist()


@pytest.mark.parametrize("text", MODULES)
def test_module_survives_deepcopy_and_pickle(text):
    ours, _ = both(text)
    assert repr(copy.deepcopy(ours)) == repr(pickle.loads(pickle.dumps(ours))) == repr(ours)


INVALID = [
    "Conv2d(3, 4, 2, groups=2)", "Conv2d(4, 3, 2, groups=2)", "Conv2d(4, 4, 2, groups=0)",
    "Conv2d(1, 1, 2, padding='same', stride=2)", "ConvTranspose2d(1, 1, 2, "
    "padding_mode='reflect')", "Dropout(2)",
    "Embedding(3, 2, padding_idx=5)", "Embedding(3, 2, padding_idx=-4)", "GroupNorm(3, 4)", "Hardtanh(1, 0)",
    "HuberLoss(delta='x')", "MultiMarginLoss(p=3)", "TripletMarginLoss(margin=0)", "MultiheadAttention(5, 2)",
    "MultiheadAttention(0, 2)", "LSTM(3, 0)", "LSTM('x', 2)", "LSTM(3, 4, proj_size=5)", "GRU(3, 4, "
    "proj_size=2)",
    "RNN(3, 4, nonlinearity='sin')", "LSTM(3, 4, dropout=2)", "LSTM(3, 4, bias=1)", "LSTM(3, 4, 0)",
    "Unflatten(1, [2.5])", "Unflatten(1, 3)", "FractionalMaxPool2d(2)", "FractionalMaxPool2d(2, 1, 0.5)",
    "FractionalMaxPool3d(2, output_ratio=2)", "FractionalMaxPool3d(0, 1)", "AdaptiveLogSoftmaxWithLoss(4, "
    "5, [])",
    "AdaptiveLogSoftmaxWithLoss(4, 5, [3, 2])", "TransformerEncoderLayer(4, 2, activation='x')",
    "Bilinear(0, 1, 1)", "Sequential(nn.ReLU())[2]", "Sequential(3)", "ModuleDict({'forward': nn.ReLU()})",
    "ModuleDict({'a.b': nn.ReLU()})", "ParameterList(3)", "Linear(1, 1).missing", "Linear(1, "
    "1).get_submodule('a')",
]  # fmt: skip


@pytest.mark.parametrize("text", INVALID)
def test_refusals_have_pytorchs_type_and_text(text):
    with pytest.raises(Exception) as expected:  # noqa: B017
        make(tnn, text)
    with pytest.raises(expected.type) as caught:
        make(cnn, text)
    assert str(caught.value) == str(expected.value)


def nets():
    made = []
    for nn in (cnn, tnn):

        class Net(nn.Module):
            def __init__(self, nn=nn):
                super().__init__()
                self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
                self.head = nn.Linear(4, 2)

        made.append(Net())
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda state, tensor: None,
        lambda state, tensor: state.pop("head.bias"),
        lambda state, tensor: state.update({"head.other": tensor([1.0]), "new": tensor([1.0])}),
        lambda state, tensor: state.update(
            {"head.weight": tensor([[1.0]]), "body.1.running_mean": tensor([1.0])}
        ),
        lambda state, tensor: state.update({"head.bias": 3}),
        lambda state, tensor: (state.clear(), state.update({"a.b.c": tensor([1.0])})),
    ],
)
def test_load_state_dict_reports_in_pytorchs_words(change):
    told = []
    for net, tensor in zip(nets(), (cr.tensor, torch.tensor)):
        state = net.state_dict()
        change(state, tensor)
        try:
            told.append(repr(net.load_state_dict(state)))
        except RuntimeError as error:
            told.append(str(error))
        told.append(repr(net.load_state_dict({"head.bias": tensor([1.0, 2.0])}, strict=False)))
    assert told[:2] == told[2:]


def hook_order(nn, tensor):
    seen = []
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    for name, m in (("net", net), ("linear", net[0]), ("tanh", net[1])):
        for kind in ("a", "b"):
            m.register_forward_pre_hook(
                lambda m, a, n=name, k=kind: seen.append((n, k, "pre")), prepend=kind == "b"
            )
            m.register_forward_hook(
                lambda m, a, o, n=name, k=kind: seen.append((n, k, "post")), prepend=kind == "b"
            )
            m.register_full_backward_pre_hook(
                lambda m, g, n=name, k=kind: seen.append((n, k, "back", len(g)))
            )
            m.register_full_backward_hook(
                lambda m, i, o, n=name, k=kind: seen.append((n, k, "grad", [x is None for x in i]))
            )
    net(tensor([[1.0, 2.0]], requires_grad=True)).sum().backward()
    return seen


def test_hooks_run_in_pytorchs_order():
    assert hook_order(cnn, cr.tensor) == hook_order(tnn, torch.tensor)


CALLS = [
    ("RNN(3, 4, 2)", (5, 2, 3)), ("RNN(3, 4, nonlinearity='relu', batch_first=True)", (5, 2, 3)),
    ("LSTM(3, 4, 2, bidirectional=True)", (5, 2, 3)), ("LSTM(3, 4, proj_size=2, bidirectional=True)", (5, 3)),
    ("GRU(3, 4, 2, batch_first=True, bidirectional=True)", (2, 5, 3)), ("GRU(3, 4, bias=False)", (5, 3)),
    ("LSTMCell(3, 4)", (2, 3)), ("GRUCell(3, 4)", (3,)), ("LSTM(3, 4, 2, dropout=0.5)", (4, 2, 3)),
    ("TransformerEncoderLayer(4, 2, 8)", (3, 2, 4)),
]  # fmt: skip


def flat(out):
    return [t for part in out for t in flat(part)] if isinstance(out, (tuple, list)) else [out]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("text", "shape"), CALLS)
def test_results_and_gradients(text, shape):
    ours, theirs = both(text)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    x, y = cr.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    torch.manual_seed(1)
    random.manual_seed(1)
    got, expected = flat(ours(x)), flat(theirs(y))
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        np.testing.assert_allclose(array(a), array(b), rtol=2e-5, atol=2e-6)
    sum((t * t).sum() for t in got).backward()
    sum((t * t).sum() for t in expected).backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-4, atol=1e-5)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_cross_map_lrn(size):
    ours, theirs = both(f"CrossMapLRN2d({size}, alpha=0.1)")
    x = np.random.default_rng(0).normal(size=(2, 6, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(array(ours(cr.tensor(x))), array(theirs(torch.tensor(x))), rtol=1e-6)


@pytest.mark.parametrize("text", ["LSTM(3, 4, 2, bidirectional=True)", "GRU(3, 4)", "RNN(3, 4, 2)"])
@pytest.mark.parametrize("lengths", [[4, 3, 1], [2, 4, 3]])
def test_packed_sequences(text, lengths):
    ours, theirs = both(text)
    values = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    told = []
    for net, nn, x in ((ours, cnn, cr.tensor(values)), (theirs, tnn, torch.tensor(values))):
        x.requires_grad_()
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        out, state = net(packed)
        padded, counts = nn.utils.rnn.pad_packed_sequence(out, total_length=5, padding_value=7.0)
        (padded * padded).sum().backward()
        told.append(
            [array(t) for t in (packed.data, packed.batch_sizes, padded, counts, *flat(state), x.grad)]
        )
    for a, b in zip(*told):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "fill",
    [
        "uniform_(t, -1, 2)", "normal_(t, 1, 2)", "constant_(t, "
        "3)", "ones_(t)", "zeros_(t)", "xavier_uniform_(t, 2)",
        "xavier_normal_(t)", "kaiming_uniform_(t, 1, 'fan_out')", "kaiming_normal_(t, nonlinearity='relu')",
        "trunc_normal_(t)", "trunc_normal_(t, 0, 1, -0.5, 0.1)", "trunc_normal_(t, 0, 1, 1.5, "
        "3)", "sparse_(t, 0.3)",
        "eye_(t)",
    ],
)  # fmt: skip
def test_initialisations_draw_pytorchs_numbers(fill):
    told = []
    for nn, t in ((cnn, cr.tensor(np.zeros((6, 9), np.float32))), (tnn, torch.zeros(6, 9))):
        torch.manual_seed(3)
        random.manual_seed(3)
        told.append(array(eval(f"nn.init.{fill}", {"nn": nn, "t": t})))
    np.testing.assert_array_equal(told[0], told[1], strict=True)


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (4, 2, 3)])
def test_orthogonal(shape):
    torch.manual_seed(0)
    random.manual_seed(0)
    got = cnn.init.orthogonal_(cr.tensor(np.zeros(shape, np.float32)), 2.0)
    expected = tnn.init.orthogonal_(torch.zeros(shape), 2.0)
    np.testing.assert_allclose(array(got), array(expected), atol=1e-5)


@pytest.mark.parametrize(("shape", "groups"), [((4, 2, 3), 1), ((4, 2, 3, 2), 2), ((2, 2, 3, 3, 3), 1)])
def test_dirac(shape, groups):
    got = cnn.init.dirac_(cr.tensor(np.zeros(shape)), groups)
    np.testing.assert_array_equal(array(got), array(tnn.init.dirac_(torch.zeros(shape), groups)))


@pytest.mark.parametrize("norm", [1.0, 2.0, float("inf")])
def test_clip_grad_norm(norm):
    told = []
    for net, tensor, nn in zip(nets(), (cr.tensor, torch.tensor), (cnn, tnn)):
        for i, p in enumerate(net.parameters()):
            p.grad = tensor(np.full(tuple(p.shape), i + 0.5, np.float32))
        total = nn.utils.clip_grad_norm_(net.parameters(), 1.5, norm)
        nn.utils.clip_grad_value_(net.parameters(), 0.2)
        told.append([float(total), *[p.grad.numpy() for p in net.parameters()]])
    for a, b in zip(*told):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("text", ["Linear(3, 2)", "Conv2d(2, 4, 2)"])
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(text, dim):
    told = []
    for net, nn, tensor in zip(both(text), (cnn, tnn), (cr.tensor, torch.tensor)):
        net = nn.utils.parametrizations.weight_norm(net, dim=dim)
        x = np.random.default_rng(0).normal(size=(2, 3) if text.startswith("L") else (1, 2, 3, 3))
        out = net(tensor(x.astype(np.float32)))
        (out * out).sum().backward()
        grads = [p.grad.numpy() for p in net.parameters()]
        told.append((repr(net), {k: array(v) for k, v in net.state_dict().items()}, array(out), grads))
    (printed, state, out, grads), expected = told
    assert printed == expected[0] and list(state) == list(expected[1])
    np.testing.assert_allclose(out, expected[2], rtol=1e-5, atol=1e-6)
    for a, b in zip(grads, expected[3]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
