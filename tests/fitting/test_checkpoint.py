"""Checkpoints: what they hold, when they are due, and disks and kills that get in the way."""

from __future__ import annotations

import errno
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.fitting.checkpoint import Checkpoint, parse_duration
from chainrule.fitting.model_file import save_model
from chainrule.fitting.problem import InputError

STATE = {
    "epoch": 3, "name": "größe", "none": None, "yes": True, "best": math.inf, "worst": -math.inf,
    "w": np.arange(6.0).reshape(2, 3), "scalar": np.array(2.5, np.float32),
    "bytes": np.arange(5056, dtype=np.uint8),
    "deep": {"betas": (0.9, 0.999), "groups": [{"params": [0, 1]}, {}], 0: {"step": 1}, "$array": "odd key"},
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.ckpt"


def same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    else:
        assert a == b


def test_everything_comes_back_as_it_was(path: Path) -> None:
    checkpoint = Checkpoint(path)
    checkpoint.save(STATE)
    same(checkpoint.load(), STATE)


def test_tensors_come_back_as_tensors_of_their_shape_and_dtype(path: Path) -> None:
    Checkpoint(path).save({"step": cr.tensor(3.0), "half": cr.ones(2, dtype=cr.bfloat16)})
    state = Checkpoint(path).load()
    assert state["step"].shape == ()
    assert state["step"].item() == 3.0
    assert state["half"].dtype is cr.bfloat16


def test_nan_comes_back(path: Path) -> None:
    Checkpoint(path).save({"a": math.nan, "b": np.array([math.nan, 1.0])})
    state = Checkpoint(path).load()
    assert math.isnan(state["a"])
    np.testing.assert_array_equal(state["b"], [math.nan, 1.0])


def test_what_it_cannot_hold_is_refused_before_anything_is_written(path: Path) -> None:
    with pytest.raises(TypeError, match="a checkpoint cannot hold a set"):
        Checkpoint(path).save({"a": {1, 2}})
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("100ms", 0.1),
        ("1.5h", 5400),
        ("7", 7),
        (" 2 min ", 120),
        ("0", 0),
        (".5S", 0.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-15)


@pytest.mark.parametrize("text", ["", "s", "-3s", "1e3s", "3 weeks", "nan", "inf", "1..5", "³s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InputError) as error:
        parse_duration(text)
    assert str(error.value) == (
        f"not a duration\n  came:     {text!r}\n  expected: a number with ms, s, m or h: 30s, 5m, 100ms"
    )


def test_it_is_due_after_so_many_seconds_whatever_the_clock_on_the_wall_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    checkpoint = Checkpoint(path, every=30.0)
    monkeypatch.setattr(time, "time", lambda: 4e9)  # set forwards …
    assert not checkpoint.due()
    now += 30
    monkeypatch.setattr(time, "time", lambda: 0.0)  # … and backwards
    assert checkpoint.due()
    checkpoint.save({})
    assert not checkpoint.due()


# ----- what is not a checkpoint


def test_a_missing_a_truncated_and_another_file(path: Path) -> None:
    def refused() -> str:
        with pytest.raises(InputError) as error:
            Checkpoint(path).load()
        return str(error.value).replace(str(path), "FILE")

    assert refused() == "cannot read FILE\n  came:     No such file or directory"
    Checkpoint(path).save(STATE)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert refused() == (
        "FILE is not a checkpoint of chainrule, or not a whole one\n"
        "  came:     its header and its arrays do not fit\n"
        "  fix:      make the file anew, or copy it again from where it is whole"
    )
    path.write_bytes(data.replace(b'"chainrule": "1"', b'"chainrule": "9"'))
    assert refused().startswith("FILE was written in another version of the format\n  came:     9")
    save_model(path, "table", {}, {})
    assert refused() == "FILE is a file of another kind\n  came:     table\n  expected: checkpoint"


@pytest.mark.parametrize(
    "tree",
    [1, [], {"$array": "7"}, {"a": {"$array": "7"}}, {"a": {"$tuple": 3}}, {"a": {"$pairs": [[[], 1]]}},
     {"a": {"$array": []}}],
)  # fmt: skip
def test_a_tree_that_points_nowhere(tree: Any, path: Path) -> None:
    save_model(path, "checkpoint", {}, {"state": tree})
    with pytest.raises(InputError, match="run.ckpt is not a checkpoint of a run"):
        Checkpoint(path).load()


def test_an_unfinished_run_is_not_overwritten(path: Path) -> None:
    checkpoint = Checkpoint(path)
    checkpoint.refuse_unfinished()
    checkpoint.save({"stopped": "epochs"})
    checkpoint.refuse_unfinished()
    for stopped in (None, "interrupted"):
        checkpoint.save({"stopped": stopped})
        with pytest.raises(InputError) as error:
            checkpoint.refuse_unfinished()
        assert str(error.value) == (
            f"{path} is the checkpoint of a run that has not come to its end\n"
            "  fix:      resume that run (--resume), give another path, or remove the file"
        )
    path.write_text("a diary")
    with pytest.raises(InputError) as error:
        checkpoint.refuse_unfinished()
    assert str(error.value) == (
        f"{path} exists and is not a checkpoint\n"
        "  fix:      give another path for the checkpoint, or remove the file"
    )
    assert path.read_text() == "a diary"


# ----- disks


@pytest.mark.parametrize(
    ("call", "number"),
    [("fsync", errno.ENOSPC), ("fsync", errno.EIO), ("fsync", errno.EDQUOT), ("replace", errno.EACCES)],
)
def test_a_disk_that_fails_leaves_the_old_checkpoint_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    Checkpoint(path).save({"epoch": 1})

    def fails(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        with pytest.raises(InputError) as error:
            Checkpoint(path).save({"epoch": 2})
    assert str(error.value) == f"cannot write {path}\n  came:     {os.strerror(number)}"
    assert os.listdir(path.parent) == ["run.ckpt"]
    assert Checkpoint(path).load() == {"epoch": 1}


def test_a_file_that_may_not_grow(path: Path) -> None:
    """The limit of the system itself: the write stops in the middle."""
    Checkpoint(path).save({"epoch": 1})
    code = f"""
import resource, numpy as np
from chainrule.fitting.checkpoint import Checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Checkpoint({str(path)!r}).save({{"w": np.zeros(1_000_000)}})
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"cannot write {path}\n  came:     File too large\n"
    assert done.stderr == ""
    assert os.listdir(path.parent) == ["run.ckpt"]
    assert Checkpoint(path).load() == {"epoch": 1}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(path: Path) -> None:
    Checkpoint(path).save({"epoch": 1})
    path.parent.chmod(0o500)
    try:
        with pytest.raises(InputError) as error:
            Checkpoint(path).save({"epoch": 2})
    finally:
        path.parent.chmod(0o700)
    assert str(error.value) == f"cannot write {path}\n  came:     Permission denied"
    assert Checkpoint(path).load() == {"epoch": 1}


def test_a_folder_that_is_not_there_or_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        Checkpoint(tmp_path / "no" / "run.ckpt").save({})
    assert str(error.value) == f"cannot write {tmp_path}/no/run.ckpt\n  came:     the folder does not exist"
    with pytest.raises(InputError) as error:
        Checkpoint("/proc/run.ckpt").save({})
    assert str(error.value).startswith("cannot write /proc/run.ckpt\n  came:     ")


def test_what_a_killed_process_left_is_swept(path: Path) -> None:
    left = path.parent / ".run.ckpt.0123456789abcdef.tmp"
    other = path.parent / ".other.ckpt.0123456789abcdef.tmp"
    left.write_text("half a che")
    other.write_text("half a che")
    Checkpoint(path).save({})
    assert sorted(os.listdir(path.parent)) == [other.name, "run.ckpt"]


# ----- kill -9

WRITER = """
import sys, numpy as np
from chainrule.fitting.checkpoint import Checkpoint
checkpoint = Checkpoint(sys.argv[1], every=0)
n = checkpoint.load()["n"]
print("ready", flush=True)
while True:
    n += 1
    checkpoint.save({"n": n, "w": np.full(50_000, n)})
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_the_file_is_whole_after_every_kill(path: Path) -> None:
    Checkpoint(path).save({"n": 0})
    draw = random.Random(1)
    before = 0
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        state = Checkpoint(path).load()
        assert state["n"] >= before
        if state["n"]:
            np.testing.assert_array_equal(state["w"], np.full(50_000, state["n"]))
        before = state["n"]
    assert before > 0
    assert len(os.listdir(path.parent)) <= 2  # the file, and what the last process left
