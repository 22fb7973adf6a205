"""Damaged, foreign and hostile files: a clear error, and nothing runs."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn.parameter import Parameter
from chainrule.serialization import add_safe_globals, clear_safe_globals, load, save
from chainrule.serialization.archive import ArchiveWriter


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


class Config:
    def __init__(self, width):
        self.width = width


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


def legacy(pickled, keys=(), data=b""):
    """A file of the format before zip archives, made by hand."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    return io.BytesIO(
        b"".join(pickle.dumps(h, 2) for h in head) + pickled + pickle.dumps(list(keys), 2) + data
    )


STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu%sNtQ"
TENSOR = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\x00K\x02\x85K\x01\x85\x89}tR."


def test_the_old_format_made_by_hand():
    data = np.array([2], "<i8").tobytes() + np.array([1, 2], "<f4").tobytes()
    assert load(legacy(TENSOR % b"K\x02", ["0"], data)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "f, text",
    [
        (legacy(TENSOR % b"\x8a\x07\x00\x00\x00\x00\x00\x00\x01"), "the file is cut off: it declares"),
        (legacy(TENSOR % b"K\x02", ["0"], bytes(16)), "has not the size it declares"),
        (legacy(TENSOR % b"K\x02", ["1"], bytes(16)), "belongs to no tensor"),
        (legacy(TENSOR % b"N", ["0"], bytes(16)), "description of a storage is corrupt"),
        (io.BytesIO(pickle.dumps(5, 2)), "Invalid magic number"),
        (
            io.BytesIO(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1, 2)),
            "Invalid protocol version: 1",
        ),
    ],
    ids=["huge", "size", "key", "count", "magic", "version"],
)
def test_damage_in_the_old_format(f, text):
    with pytest.raises(DAMAGE, match=text):
        load(f)
