"""save and load: what comes back, what is refused, what a failure leaves behind."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict

import ml_dtypes
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


# ----- safetensors


def test_safetensors(tmp_path):
    path = tmp_path / "m.safetensors"
    state = OrderedDict(w=cr.tensor(np.arange(6.0).reshape(2, 3)).t(), b=cr.tensor([True]), s=cr.tensor(1.5))
    state["h"] = Tensor._wrap(np.array([1.5], ml_dtypes.bfloat16))
    state._metadata = OrderedDict({"": {"version": 1}})
    save(state, path)
    back = load(path)
    assert {k: v.tolist() for k, v in back.items()} == {k: v.tolist() for k, v in state.items()}
    assert back["h"].dtype is state["h"].dtype and back["s"].shape == ()
    assert back._metadata == state._metadata and back.metadata == {"format": "pt"}
    back["w"]._a[0, 0] = 5
    back.metadata["epoch"] = "3"
    save(back, path)
    assert load(path).metadata == {"format": "pt", "epoch": "3"}


@pytest.mark.parametrize(
    "obj, text",
    [
        ([1], "came:     list"),
        ({"a": {"b": 1}}, "'a' -> dict"),
        ({1: cr.tensor([1.0])}, "1 -> Tensor"),
        ({"z": Tensor._wrap(np.zeros(1, complex))}, "cannot hold torch.complex128"),
    ],
)
def test_safetensors_hold_flat_dicts_of_tensors_only(tmp_path, obj, text):
    path = tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match=text):
        save(obj, path)
    assert not path.exists()


def test_damaged_safetensors(tmp_path):
    path = tmp_path / "m.safetensors"
    save({"a": cr.tensor([1.0])}, path)
    data = path.read_bytes()
    for n in (0, 4, 20, len(data) - 1):
        path.write_bytes(data[:n])
        with pytest.raises(RuntimeError, match="not a whole safetensors file"):
            load(path)


# ----- failures while saving


class Refuses:
    def __reduce__(self):
        raise RuntimeError("not this one")


def fails(*args):
    raise OSError("disk full")


@pytest.mark.parametrize("broken", ["os.fsync", "os.replace", "object"])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch, broken, name):
    path = tmp_path / name
    save({"a": cr.tensor([1.0])}, path)
    old = path.read_bytes()
    obj = {"a": cr.tensor([2.0])}
    if broken == "object":
        obj["b"] = Refuses()
    else:
        monkeypatch.setattr(broken, fails)
    with pytest.raises((OSError, RuntimeError, ValueError)):
        save(obj, path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [name]


def test_a_save_through_a_link_keeps_link_and_mode(tmp_path):
    target = tmp_path / "target.pt"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link = tmp_path / "link.pt"
    link.symlink_to(target)
    save(cr.tensor([1.0]), link)
    assert link.is_symlink() and load(target).item() == 1.0
    assert target.stat().st_mode & 0o777 == 0o640


def test_devices_are_written_to_not_replaced():
    save(cr.tensor([1.0]), os.devnull)
    assert not os.path.isfile(os.devnull)


# ----- damaged and foreign files

DAMAGE = (RuntimeError, pickle.UnpicklingError)


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_file_cut_off_anywhere_is_an_error(weights_only):
    f = io.BytesIO()
    save({"a": cr.tensor(np.arange(100.0)), "b": [cr.tensor([1])] * 3}, f)
    data = f.getvalue()
    for end in range(0, len(data), 64):
        with pytest.raises(DAMAGE):
            load(io.BytesIO(data[:end]), weights_only=weights_only)


def test_a_changed_byte_of_the_data_is_noticed():
    f = io.BytesIO()
    save(cr.tensor(np.arange(100.0)), f)
    data = bytearray(f.getvalue())
    data[zipfile.ZipFile(f).getinfo("archive/data/0").header_offset + 200] ^= 1
    with pytest.raises(RuntimeError, match="Bad CRC-32"):
        load(io.BytesIO(data))


def test_no_single_changed_byte_crashes():
    f = io.BytesIO()
    save({"a": cr.tensor([1.0, 2.0]), "b": Parameter(cr.tensor([3.0])), "c": OrderedDict(x=(1, "y"))}, f)
    pickled = zipfile.ZipFile(f).read("archive/data.pkl")
    storages = [np.zeros(2, np.float32), np.zeros(1, np.float32)]
    rng = np.random.default_rng(0)
    for position in range(len(pickled)):
        changed = bytearray(pickled)
        changed[position] ^= int(rng.integers(1, 256))
        try:
            load(archive(bytes(changed), storages))
        except DAMAGE:
            pass


@pytest.mark.parametrize(
    "data", [b"", b"hello world\n", b"PK\x03\x04", b"\x89PNG\r\n", b"{}", bytes(100), b"\x80\x02."]
)
def test_foreign_files(data):
    with pytest.raises(DAMAGE):
        load(io.BytesIO(data))


def test_an_empty_file_is_also_the_eof_that_torch_raises():
    with pytest.raises(EOFError, match="Ran out of input"):
        load(io.BytesIO())


def test_archives_that_are_no_checkpoints():
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        z.writestr("a/b.txt", "hello")
    with pytest.raises(RuntimeError, match="failed locating file data.pkl"):
        load(io.BytesIO(f.getvalue()))
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a/data.pkl", bytes(10**6))
    with pytest.raises(RuntimeError, match="it is compressed"):
        load(io.BytesIO(f.getvalue()))
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        z.writestr("a/constants.pkl", "")
        z.writestr("a/data.pkl", "")
    with pytest.raises(RuntimeError, match="TorchScript"):
        load(io.BytesIO(f.getvalue()))
    tar = io.BytesIO(bytes(257) + b"ustar" + bytes(300))
    with pytest.raises(RuntimeError, match=r"\.tar format"):
        load(tar)


# ----- hostile files: nothing runs, nothing grows


def tensor_pickle(key="0", count=2, offset=0, size=(2,), stride=(1,), kind="FloatStorage"):
    """The pickle of a tensor with any geometry."""

    class Plain(pickle._Pickler):
        def persistent_id(self, obj):
            return obj.pid if isinstance(obj, Stored) else None

        def save_global(self, obj, name=None):
            self.write(
                b"c"
                + {Stored.v2: b"torch._utils\n_rebuild_tensor_v2\n"}.get(
                    obj, b"torch\n" + kind.encode() + b"\n"
                )
            )

        dispatch = pickle._Pickler.dispatch.copy()
        dispatch[type(lambda: 0)] = save_global
        dispatch[type] = save_global

    class Stored:
        def v2(*args):
            return args

        pid = ("storage", int, key, "cpu", count)

    class Whole:
        def __reduce__(self):
            return Stored.v2, (Stored(), offset, size, stride, False, None)

    f = io.BytesIO()
    Plain(f, 2).dump(Whole())
    return f.getvalue()


def test_the_tensor_made_by_hand_loads():
    assert load(archive(tensor_pickle(), [np.array([1, 2], np.float32)])).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "geometry",
    [
        {"size": (3,)},
        {"offset": 1},
        {"offset": -1},
        {"stride": (2,)},
        {"stride": (-1,)},
        {"size": (2, 2), "stride": (1,)},
        {"size": (10**12,)},
        {"size": (2**62, 2**62), "stride": (1, 1)},
        {"size": ("a",)},
        {"size": (1.0,)},
        {"size": None},
        {"size": (1,) * 100, "stride": (1,) * 100},
        {"count": 10**15},
        {"count": 1},
        {"count": -1},
        {"count": "2"},
        {"key": "1"},
        {"key": 7},
        {"key": "../../etc/passwd"},
    ],
    ids=str,
)
@pytest.mark.parametrize("weights_only", [True, False])
def test_geometry_beyond_the_storage_is_refused(geometry, weights_only):
    with pytest.raises(DAMAGE):
        load(archive(tensor_pickle(**geometry), [np.zeros(2, np.float32)]), weights_only=weights_only)


RAN = []


def run(*args):
    RAN.append(args)


class Runs:
    def __reduce__(self):
        return run, (1,)


@pytest.mark.parametrize(
    "pickled, text",
    [
        (pickle.dumps(Runs(), 2), "Unsupported global: GLOBAL .*run was not an allowed global by default"),
        (pickle.dumps(Runs(), 4), "Unsupported global: GLOBAL .*run was not an allowed global by default"),
        (b"cos\nsystem\n(S'x'\ntR.", "unsupported GLOBAL os.system whose module os is blocked"),
        (b"cposix\nsystem\n.", "unsupported GLOBAL posix.system whose module posix is blocked"),
        (b"c__builtin__\neval\n.", "GLOBAL eval was not an allowed"),
        (b"cbuiltins\ngetattr\n.", "GLOBAL getattr was not an allowed"),
        (b"ctorch.hub\nload\n.", "GLOBAL torch.hub.load was not an allowed"),
        (b"cchainrule.serialization\nload\n.", "GLOBAL chainrule.serialization.load was not"),
        (b"(ios\nsystem\n.", "Unsupported operand 105"),
        (b"\x80\x02\x82\x01.", "Unsupported operand 130"),
        (b"ctorch\nTensor\n(K\x0atR.", "unrecognized function"),
        (b"ctorch\nTensor\n)\x81.", "Can only create new object"),
        (b"ctorch\nTensor\n}b.", "Can only build"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n}b.", "Can only build"),
        (b"c__builtin__\nbytearray\n(J\xff\xff\xff\x7ftR.", "made of bytes"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x74R.", "plain encodings"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x0f.", "truncated"),
        (b"]r\xff\xff\xff\xff.", ""),
        (b"K\x01K\x02Q.", "Only persistent_load of storage"),
        (b"K\x01K\x02s.", "corrupt"),
        (b"h\x05.", "corrupt"),
        (b"t.", "corrupt"),
        (b"]K\x01\x90.", "corrupt"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else "",
)
def test_nothing_in_a_hostile_pickle_runs(pickled, text):
    if not text:
        assert load(archive(pickled)) == []
        return
    with pytest.raises(pickle.UnpicklingError, match=text) as caught:
        load(archive(pickled))
    assert str(caught.value).startswith("Weights only load failed")
    assert RAN == []


def test_a_trusted_class_opens_no_other_door():
    add_safe_globals([Config])
    with pytest.raises(pickle.UnpicklingError):
        load(archive(pickle.dumps([Config(1), Runs()], 2)))
    assert RAN == []


def test_attributes_of_tensors_cannot_be_replaced():
    x = cr.tensor([1.0])
    x.__dict__["backward"] = 3
    with pytest.raises(pickle.UnpicklingError, match="may not set the attribute 'backward'"):
        again(x)


def test_the_message_names_both_ways_out():
    with pytest.raises(pickle.UnpicklingError) as caught:
        again(Config(1))
    text = str(caught.value)
    assert "Re-running `torch.load` with `weights_only` set to `False`" in text
    assert "torch.serialization.safe_globals([" in text and text.endswith("torch.load.html.")


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
