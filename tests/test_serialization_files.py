"""safetensors files, and what a failed save leaves behind."""

from __future__ import annotations

import io
import os
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest

import chainrule as cr
from chainrule.serialization import load, save
from chainrule.tensor import Tensor

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


def test_a_full_disk_is_reported_and_the_old_file_kept(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    save(cr.tensor([1.0]), path)
    old = path.read_bytes()

    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() > 1000:
                raise OSError("disk full")
            return super().write(data)

    with pytest.raises(OSError, match="disk full"):
        save(cr.tensor(np.zeros(1000)), Full())
    assert path.read_bytes() == old
