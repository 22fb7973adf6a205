"""save and load: what comes back, what is refused, what a failure leaves behind."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

import chainrule as cr
from chainrule._size import Size
from chainrule.device import device
from chainrule.nn.parameter import Parameter
from chainrule.serialization import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    load,
    safe_globals,
    save,
)
from chainrule.serialization.archive import ArchiveWriter
from chainrule.tensor import Tensor
from chainrule.types import DTYPES, bool_, float32


def again(obj, **options):
    f = io.BytesIO()
    save(obj, f)
    f.seek(0)
    return load(f, **options)


def archive(pickled, storages=()):
    """A checkpoint file made by hand."""
    f = io.BytesIO()
    with ArchiveWriter(f) as writer:
        writer.write_all(pickled, [np.asarray(s) for s in storages])
    f.seek(0)
    return f


@pytest.fixture(autouse=True)
def nothing_trusted():
    clear_safe_globals()
    yield
    clear_safe_globals()


# ----- what comes back


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
def test_every_dtype_and_shape(dtype, shape):
    a = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype.np)
    back = again(Tensor._wrap(a))
    assert back.dtype is dtype and back.shape == shape
    assert back._array().tobytes() == a.tobytes()


def test_containers_numbers_and_names():
    obj = {
        "list": [
            1,
            2.5,
            None,
            True,
            "text",
            b"bytes",
            10**40,
            (1, (2,)),
            {3, 4},
            frozenset(),
            1 + 2j,
            bytearray(b"q"),
        ],
        "ordered": OrderedDict(a=1),
        "counter": Counter("aab"),
        "size": Size([2, 3]),
        "dtypes": [float32, bool_],
        "device": [device("cpu"), device("cuda", 1)],
        3: {"deep": {"deeper": []}},
    }
    with safe_globals([frozenset]):
        back = again(obj)
    assert back == obj
    assert type(back["ordered"]) is OrderedDict and type(back["size"]) is Size
    assert back["dtypes"][1] is bool_


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_is_read_safely(protocol):
    f = io.BytesIO()
    obj = {"a": cr.tensor([1.0]), "b": [1, -5, 70000, 2**40, "é" * 300, b"x" * 300, bytearray(b"y"), {1}]}
    save(obj, f, pickle_protocol=protocol)
    f.seek(0)
    back = load(f)
    assert back["a"].tolist() == [1.0] and back["b"] == obj["b"]


def test_views_share_their_storage_before_and_after():
    x = cr.tensor(np.arange(12.0).reshape(3, 4))
    back = again([x, x.t(), x[1:, ::2], x])
    assert back[0] is back[3]
    assert back[1].tolist() == x.t().tolist() and back[2].tolist() == x[1:, ::2].tolist()
    back[0]._a[1, 0] = 99
    assert back[1]._a[0, 1] == 99 and back[2]._a[0, 0] == 99
    f = io.BytesIO()
    save([x, x.t(), x[1:, ::2]], f)
    names = zipfile.ZipFile(f).namelist()
    assert sum(name.startswith("archive/data/") for name in names) == 1


def test_memory_that_is_no_plain_storage_is_copied():
    a = np.arange(6.0)
    swapped = np.arange(3, dtype=">i4")
    packed = np.zeros(4, [("a", "i1"), ("b", "f4")])["b"]
    for array in (a[::-1], swapped, packed, np.asfortranarray(np.arange(6.0).reshape(2, 3))):
        back = again(Tensor._wrap(array))
        assert back.tolist() == array.tolist()


def test_one_memory_as_two_dtypes_is_refused():
    a = np.zeros(4, np.float32)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        save([Tensor._wrap(a), Tensor._wrap(a.view(np.int32))], io.BytesIO())


def test_gradients_parameters_subclasses_and_attributes():
    leaf = again(cr.tensor([1.0], requires_grad=True))
    assert leaf.requires_grad and leaf.is_leaf
    parameter = Parameter(cr.tensor([1.0, 2.0]), requires_grad=False)
    parameter.note = "mine"
    back = again(parameter)
    assert type(back) is Parameter and not back.requires_grad and back.note == "mine"
    x = cr.tensor([1.0])
    x.tag = [1]
    x.grad = cr.tensor([5.0])
    back = again(x)
    assert back.tag == [1] and back.grad is None
    with safe_globals([Marked]):
        assert type(again(Marked._wrap(np.zeros(2)))) is Marked
    assert again(cr.tensor([2.0], requires_grad=True) * 3).tolist() == [6.0]


class Marked(Tensor):
    pass


class Config:
    def __init__(self, width):
        self.width = width


def test_user_classes_need_trust():
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[.*Config\]\)"):
        again(Config(3))
    add_safe_globals([Config])
    assert get_safe_globals() == [Config]
    assert again(Config(3)).width == 3
    clear_safe_globals()
    with safe_globals([Config]):
        assert again(Config(4)).width == 4
    assert get_safe_globals() == []
    assert again(Config(5), weights_only=False).width == 5


def test_trusted_names_are_checked():
    add_safe_globals([(Config, "elsewhere.Config")])
    assert load(archive(b"\x80\x02celsewhere\nConfig\n.")) is Config
    add_safe_globals([(Config, 1)])
    with pytest.raises(TypeError, match="second item"):
        again(1)
    clear_safe_globals()
    add_safe_globals([(Config, "a", "b")])
    with pytest.raises(ValueError, match="tuple of length 2"):
        again(1)


def test_numpy_scalars_only_if_trusted():
    value = np.float64(2.5)
    with pytest.raises(pickle.UnpicklingError, match="numpy"):
        again(value)
    with safe_globals([np._core.multiarray.scalar, np.dtype, np.dtypes.Float64DType]):
        assert again(value) == 2.5


# ----- where to and where from


def test_paths_and_file_objects(tmp_path):
    x = cr.tensor([1.0])
    for f in (tmp_path / "a.pt", str(tmp_path / "b.pt")):
        save(x, f)
        assert load(f).item() == load(str(f)).item() == 1.0
    with open(tmp_path / "c.pt", "w+b") as f:
        save(x, f)
        f.seek(0)
        assert load(f).item() == 1.0
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.pt")
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        save(x, tmp_path / "none" / "a.pt")
    with pytest.raises(AttributeError, match="'write' attribute"):
        save(x, 3)
    with pytest.raises(AttributeError, match="seekable"):
        load(3)
    with pytest.raises(ValueError, match="leave the argument out"):
        save(x, io.BytesIO(), _use_new_zipfile_serialization=False)


def test_entries_are_stored_and_aligned(tmp_path):
    path = tmp_path / "a.pt"
    save([cr.tensor(np.arange(n)) for n in (1, 3, 100)], path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as z:
        names = z.namelist()
        head = ["data.pkl", ".format_version", ".storage_alignment", "byteorder"]
        assert names == [f"archive/{n}" for n in (*head, "data/0", "data/1", "data/2", "version")]
        for info in z.infolist():
            start = info.header_offset + 30 + sum(np.frombuffer(data, "<u2", 2, info.header_offset + 26))
            assert info.compress_type == zipfile.ZIP_STORED and start % 64 == 0


def test_large_entries_stay_aligned(monkeypatch):
    monkeypatch.setattr("chainrule.serialization.archive._LARGE", 16)
    f = io.BytesIO()
    save(cr.tensor(np.arange(64)), f)
    data = f.getvalue()
    info = zipfile.ZipFile(f).getinfo("archive/data/0")
    start = info.header_offset + 30 + sum(np.frombuffer(data, "<u2", 2, info.header_offset + 26))
    assert start % 64 == 0 and np.frombuffer(data, "<i8", 64, start).tolist() == list(range(64))


def test_the_same_object_makes_the_same_bytes():
    first, second = io.BytesIO(), io.BytesIO()
    for f in (first, second):
        save({"a": cr.tensor([1.0, 2.0])}, f)
    assert first.getvalue() == second.getvalue()


def test_mmap(tmp_path):
    path = tmp_path / "a.pt"
    save(cr.tensor([1.0, 2.0]), path)
    x = load(path, mmap=True)
    x._a[0] = 7
    assert x.tolist() == [7.0, 2.0] and load(path).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="must be a file path"):
        load(io.BytesIO(path.read_bytes()), mmap=True)
    path.write_bytes(b"no archive")
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        load(path, mmap=True)


def test_map_location():
    x = cr.tensor([1.0])
    seen = []
    for where in (
        "cpu",
        b"cpu",
        device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, location: seen.append(location),
    ):
        assert again(x, map_location=where).item() == 1.0
    assert seen == ["cpu"]
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        again(x, map_location="cuda")


def test_cuda_storages_come_to_the_cpu():
    f = io.BytesIO()
    save(cr.tensor([1.0, 2.0]), f)
    pickled = (
        zipfile.ZipFile(f)
        .read("archive/data.pkl")
        .replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    )
    assert load(archive(pickled, [np.array([1, 2], np.float32)])).tolist() == [1.0, 2.0]


def test_files_of_big_endian_machines():
    f = io.BytesIO()
    save(cr.tensor([1.0, 2.0]), f)
    pickled = zipfile.ZipFile(f).read("archive/data.pkl")
    swapped = io.BytesIO()
    with zipfile.ZipFile(swapped, "w") as z:
        z.writestr("m/data.pkl", pickled)
        z.writestr("m/byteorder", "big")
        z.writestr("m/data/0", np.array([1, 2], ">f4").tobytes())
    swapped.seek(0)
    assert load(swapped).tolist() == [1.0, 2.0]


def test_the_environment_can_force_the_choice(monkeypatch):
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        again(1, pickle_module=pickle, weights_only=True)
    assert again(Config(1), pickle_module=pickle).width == 1
    with pytest.warns(UserWarning, match="pickle_load_args"):
        again(1, encoding="utf-8")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.warns(UserWarning, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        assert again(Config(2)).width == 2
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="Only one of"):
        again(1)
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    with pytest.raises(pickle.UnpicklingError):
        again(Config(2), weights_only=False)


# ----- whole modules, and names of PyTorch's without a counterpart


def test_whole_modules_need_trust():
    from chainrule.nn.module import Module

    made = Module()
    made.register_parameter("w", Parameter(cr.tensor([1.0, 2.0])))
    with pytest.raises(pickle.UnpicklingError, match="chainrule.nn"):
        again(made)
    back = again(made, weights_only=False)
    assert type(back) is Module and back.w.tolist() == [1.0, 2.0] and back.w.requires_grad


def test_a_global_without_counterpart_is_named():
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.fx\._nothing.Graph of PyTorch"):
        load(archive(b"ctorch.fx._nothing\nGraph\n."), weights_only=False)


def test_a_parameter_used_twice_stays_one():
    tied = Parameter(cr.tensor([1.0]))
    back = again({"a": tied, "b": tied})
    assert back["a"] is back["b"]
