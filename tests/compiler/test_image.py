"""Steps found in the cache by their traced program: no passes, no kernels, the same numbers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.compiler import image, runner
from chainrule.compiler.target import host
from chainrule.program.text import parse

F = nn.functional


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def assembled(monkeypatch):
    """The programs whose kernels were written."""
    seen = []

    def counted(program, *rest):
        seen.append(program)
        return real(program, *rest)

    real = runner.assemble
    monkeypatch.setattr(runner, "assemble", counted)
    return seen


def trained(steps=3, **options):
    cr.manual_seed(3)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3))
    optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
    x, y = cr.randn(6, 5), cr.randint(0, 3, (6,))

    @cr.compile(**options)
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (x, y), [step(x, y).item() for _ in range(steps)]


def test_the_second_time_nothing_is_written(assembled):
    _, _, first = trained()
    assert len(assembled) == 1
    _, _, second = trained()
    assert len(assembled) == 1 and second == first


def test_what_was_found_can_be_looked_into(assembled):
    written, _, _ = trained()
    found, _, _ = trained()
    assert "loading" in found.report() and "writing" not in found.report()
    assert found.ir == written.ir and str(found.optimized) == str(written.optimized)
    assert len(assembled) == 2


def test_options_are_told_apart(assembled):
    for options in ({}, {"fast": True}, {"threads": 2}):
        trained(**options)
        trained(**options)
    assert len(assembled) == 3


def test_an_error_inside_a_step_that_was_found_is_worded_as_ever(assembled):
    for _ in range(2):
        step, (x, y), _ = trained()
        with pytest.raises(IndexError, match="7 is out of bounds"):
            step(x, y * 0 + 7)


def test_constants_are_kept(assembled):
    def found():
        table = np.arange(40.0, dtype=np.float32).reshape(5, 8)
        held = cr.from_numpy(table)
        step = cr.compile(lambda x: x @ held.relu() + cr.arange(8))
        x = cr.ones(2, 5)
        return [step(x).tolist() for _ in range(2)]

    assert found() == found() and len(assembled) == 1


def test_a_step_that_calls_back_is_not_kept(assembled):
    for _ in range(2):
        step = cr.compile(lambda x: cr.linalg.inv(x) * 2)
        assert step(cr.eye(2) * 4).tolist() == [[0.5, 0.0], [0.0, 0.5]]
        assert step(cr.eye(2) * 4).tolist() == [[0.5, 0.0], [0.0, 0.5]]
    assert len(assembled) == 2


def test_a_damaged_file_is_made_anew(assembled, place):
    _, _, first = trained()
    for path in place.iterdir():
        path.write_bytes(path.read_bytes()[:-9] + b"?" * 9)
    assert trained()[2] == first and len(assembled) == 2


def test_an_image_without_its_object_file_is_made_anew(assembled, place):
    trained()
    largest = max(place.iterdir(), key=lambda p: p.stat().st_size)
    largest.unlink()
    trained()
    assert len(assembled) == 2


def key(text, *options):
    program = parse(text)
    found = image.identity(program, [()] * len(program.inputs), [("result", 0)], host(), *options)
    assert found is not None
    return found.key


def test_keys(monkeypatch):
    text = "program(x: f32[3], y: f32[3]):\n    z: f32[3] = sub(x, y)\n    return z"
    others = [
        text,
        text.replace("sub(x, y)", "sub(y, x)"),
        text.replace("sub", "add"),
        text.replace("f32[3]", "f32[4]"),
        text.replace("f32", "f64"),
        text.replace("sub(x, y)", "sub(x, 2.0)"),
        text.replace("sub(x, y)", "sub(x, 2)"),
        text.replace("return z", "return x"),
    ]
    keys = {key(t) for t in others} | {key(text, 2)}
    monkeypatch.setattr(image, "_SOURCES", "other")
    assert len(keys | {key(text)}) == len(others) + 2
    names = "program(a: f32[3], b: f32[3]):\n    c: f32[3] = sub(a, b)\n    return c"
    assert key(names) == key(text)


_SCRIPT = """
import hashlib, chainrule as cr
from chainrule import nn
cr.manual_seed(0)
model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
optimizer = cr.optim.AdamW(model.parameters())
@cr.compile
def step(x):
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return loss
step(cr.randn(2, 4, 8))
print(hashlib.sha256(step.ir.encode()).hexdigest())
"""


def test_code_is_the_same_in_every_process():
    def found(seed):
        command = [sys.executable, "-c", _SCRIPT]
        env = {"PYTHONHASHSEED": seed, "CHAINRULE_CACHE": "off"}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    assert found("1") == found("2")
