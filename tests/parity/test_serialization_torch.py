"""Files that PyTorch wrote are read, files that we wrote are read by PyTorch with weights_only=True."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="compares with PyTorch")

import chainrule as cr  # noqa: E402
from chainrule.nn.parameter import Parameter  # noqa: E402
from chainrule.serialization import load, save  # noqa: E402
from chainrule.tensor import Tensor  # noqa: E402
from chainrule.types import DTYPES  # noqa: E402


def to_torch(obj, **options):
    f = io.BytesIO()
    save(obj, f)
    f.seek(0)
    return torch.load(f, weights_only=True, **options)


def from_torch(obj, weights_only=True, **options):
    f = io.BytesIO()
    torch.save(obj, f, **options)
    f.seek(0)
    return load(f, weights_only=weights_only)


def raw(t):
    """dtype, shape and bytes of a tensor of either library."""
    if isinstance(t, Tensor):
        return str(t.dtype), tuple(t.shape), np.asarray(t._array(), order="C").tobytes()
    flat = t.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format).reshape(-1)
    return str(t.dtype), tuple(t.shape), flat.view(torch.uint8).numpy().tobytes() if t.numel() else b""


shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


def filled(shape, dtype):
    n = int(np.prod(shape, dtype=int))
    return np.random.default_rng(n).integers(0, 100, n).reshape(shape).astype(dtype.np)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(DTYPES)), shapes, st.booleans())
def test_tensors_both_ways(name, shape, legacy):
    ours = Tensor._wrap(filled(shape, DTYPES[name]))
    theirs = to_torch(ours)
    assert raw(theirs) == raw(ours)
    if legacy and name in ("uint16", "uint32", "uint64"):
        legacy = False  # PyTorch's own old format has no storage for them
    back = from_torch(theirs, _use_new_zipfile_serialization=not legacy)
    assert raw(back) == raw(ours)


@st.composite
def views(draw):
    """A function from a tensor (4, 5, 6) of either library to a view of it."""
    steps = draw(st.lists(st.sampled_from(["transpose", "slice", "select", "expand", "flip0"]), max_size=3))
    start = draw(st.integers(0, 2))

    def apply(x):
        for step in steps:
            if step == "transpose" and x.ndim > 1:
                x = x.transpose(0, -1)
            elif step == "slice" and x.ndim:
                x = x[start::2]
            elif step == "select" and x.ndim > 1:
                x = x[:, start] if x.shape[1] > start else x
            elif step == "expand":
                x = x[None].expand(2, *x.shape)
        return x

    return apply


@settings(max_examples=80, deadline=None)
@given(views(), views())
def test_views_keep_geometry_and_sharing(first, second):
    values = np.arange(120, dtype=np.float32)
    ours = cr.tensor(values).reshape(4, 5, 6)
    theirs = torch.tensor(values).reshape(4, 5, 6)
    expected = [first(theirs), second(theirs)]
    got = to_torch([first(ours), second(ours)])
    back = from_torch(expected)
    for e, g, b in zip(expected, got, back):
        assert raw(e) == raw(g) == raw(b)
        assert e.stride() == g.stride() == b.stride() or 1 in e.shape or 0 in e.shape
        assert e.storage_offset() == g.storage_offset() or not e.numel()
    assert got[0].untyped_storage().data_ptr() == got[1].untyped_storage().data_ptr()
    if all(e.numel() for e in expected):
        back[0]._a[...] = -1
        expected[0].fill_(-1)
        assert raw(back[1]) == raw(expected[1])


def test_containers_both_ways():
    plain = {
        "n": [1, 2.5, None, True, "té", b"b", (1,), {2}, 1 + 2j, bytearray(b"q"), 10**30, -7],
        "o": OrderedDict([("k", [OrderedDict()])]),
    }
    ours = {
        **plain,
        "size": cr.tensor([[1.0, 2.0]]).shape,
        "dtype": cr.tensor(True).dtype,
        "device": cr.tensor(1).device,
    }
    theirs = to_torch(ours)
    assert {k: theirs[k] for k in plain} == plain
    assert theirs["size"] == torch.Size([1, 2]) and theirs["dtype"] is torch.bool
    assert theirs["device"] == torch.device("cpu")
    assert from_torch(theirs) == ours
    assert from_torch(theirs, weights_only=False) == ours


def test_parameters_attributes_and_layouts():
    ours = Parameter(cr.tensor([1.0, 2.0]), requires_grad=False)
    theirs = to_torch([ours, cr.tensor([1.0], requires_grad=True)])
    assert type(theirs[0]) is torch.nn.Parameter and not theirs[0].requires_grad and theirs[1].requires_grad
    marked = torch.nn.Parameter(torch.ones(2))
    marked.note = "n"
    tagged = torch.ones(1)
    tagged.tag = 3
    back = from_torch([marked, tagged, torch.strided])
    assert type(back[0]) is Parameter and back[0].note == "n" and back[1].tag == 3
    assert repr(back[2]) == "torch.strided" and to_torch(back[2]) is torch.strided
    z = torch.tensor([1 + 2j])
    assert from_torch(z.conj()).tolist() == [1 - 2j]
    assert from_torch(z.conj().imag).tolist() == [-2.0]


def trained(seed=0):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, amsgrad=True)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3])
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()
        scheduler.step()
    return model, optimizer, scheduler


def leaves(obj):
    if isinstance(obj, dict):
        return {k: leaves(v) for k, v in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [leaves(v) for v in obj]
    return raw(obj) if hasattr(obj, "dtype") and hasattr(obj, "shape") else obj


@pytest.mark.parametrize("legacy", [False, True])
def test_checkpoints_of_training_go_round(legacy):
    model, optimizer, scheduler = trained()
    checkpoint = {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
        "epoch": 3, "history": [0.5, 0.25],
    }  # fmt: skip
    ours = from_torch(checkpoint, _use_new_zipfile_serialization=not legacy)
    assert leaves(ours) == leaves(checkpoint)
    assert ours["model"]._metadata == model.state_dict()._metadata
    theirs = to_torch(ours)
    assert leaves(theirs) == leaves(checkpoint)
    fresh, other, third = trained(1)
    fresh.load_state_dict(theirs["model"])
    other.load_state_dict(theirs["optimizer"])
    third.load_state_dict(theirs["scheduler"])
    assert leaves(fresh.state_dict()) == leaves(model.state_dict())


def test_torch_maps_our_files(tmp_path):
    path = tmp_path / "a.pt"
    x = cr.tensor(np.arange(6.0))
    save([x, cr.tensor([True])], path)
    assert torch.load(path, mmap=True)[0].tolist() == x.tolist()
    torch.save([torch.arange(6.0), torch.ones(3)], path)
    assert load(path, mmap=True)[0].tolist() == x.tolist()


def test_safetensors_both_ways(tmp_path):
    from safetensors.torch import load_file, save_file

    path = str(tmp_path / "m.safetensors")
    state = {n: Tensor._wrap(filled((2, 3), d)) for n, d in DTYPES.items() if n != "complex128"}
    save(state, path)
    theirs = load_file(path)
    assert leaves(theirs) == leaves(state)
    save_file(theirs, path, metadata={"by": "torch"})
    back = load(path)
    assert leaves(dict(back)) == leaves(state) and back.metadata == {"by": "torch"}


class Local:
    pass


@pytest.mark.parametrize(
    "obj", [Local(), eval, np.float64(1), np.zeros(2)], ids=["object", "eval", "number", "array"]
)
def test_refusals_are_worded_alike(obj):
    f = io.BytesIO()
    torch.save(obj, f)
    texts = []
    for read in (torch.load, load):
        f.seek(0)
        with pytest.raises(pickle.UnpicklingError) as caught:
            read(f)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_cut_off_files_of_torch():
    f = io.BytesIO()
    torch.save({"a": torch.arange(50), "b": torch.ones(3)}, f, _use_new_zipfile_serialization=False)
    data = f.getvalue()
    for end in range(0, len(data), 16):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            load(io.BytesIO(data[:end]))


def test_whole_models_of_torch_become_ours():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    back = from_torch(model, weights_only=False)
    assert type(back).__module__.startswith("chainrule.nn")
    assert leaves(dict(back.state_dict())) == leaves(dict(model.state_dict()))
    x = np.ones((1, 3), np.float32)
    assert np.allclose(back(Tensor._wrap(x)).tolist(), model(torch.tensor(x)).tolist())


def test_whole_models_of_ours_come_back():
    from chainrule import nn

    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    f = io.BytesIO()
    save(model, f)
    f.seek(0)
    back = load(f, weights_only=False)
    assert leaves(dict(back.state_dict())) == leaves(dict(model.state_dict()))
    assert leaves(to_torch(model.state_dict())) == leaves(dict(model.state_dict()))
