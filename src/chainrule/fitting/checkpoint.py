"""Checkpoints: the whole state of a run in one file, replaced as a whole every few seconds."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tensor import Tensor
from .atomic import write_file
from .model_file import pack, read_whole
from .problem import InputError, problem

__all__ = ["Checkpoint", "parse_duration"]

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_ARRAY, _TENSOR, _TUPLE, _PAIRS = "$array", "$tensor", "$tuple", "$pairs"


def parse_duration(text: str) -> float:
    """Seconds from "30s", "5m", "1.5h", "100ms" or a bare number of seconds; else InputError.

    >>> parse_duration("5m")
    300.0
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise problem(
            "not a duration", came=repr(text), expected="a number with ms, s, m or h: 30s, 5m, 100ms"
        )
    return float(found[1]) * _UNITS[found[2]]


class Checkpoint:
    """The file that a run can go on from; written at most every so many seconds.

    >>> import numpy as np
    >>> checkpoint = Checkpoint("run.ckpt", every=30.0)
    >>> checkpoint.save({"epoch": 3, "w": np.array([1.0, 2.0])})
    >>> checkpoint.load()
    {'epoch': 3, 'w': array([1., 2.])}
    """

    def __init__(self, path: Any, every: float = 30.0) -> None:
        self.path, self.every = os.fspath(path), every
        self._last = time.monotonic()  # a clock that nobody sets
        self._swept = False

    def due(self) -> bool:
        """Whether so many seconds have passed since the last save."""
        return time.monotonic() - self._last >= self.every

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state: nested dicts, lists and tuples of numbers, text, None, arrays and tensors."""
        arrays: dict[str, Any] = {}
        tree = _encoded(state, arrays)
        if not self._swept:
            self._sweep()
        write_file(self.path, pack("checkpoint", arrays, {"state": tree}, finite=False))
        self._last = time.monotonic()

    def _sweep(self) -> None:
        """Remove what a process left that was killed while it wrote this file."""
        folder, name = os.path.split(os.path.realpath(self.path))
        for left in glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name[:100])}.*.tmp")):
            with contextlib.suppress(OSError):
                os.unlink(left)
        self._swept = True

    def refuse_unfinished(self) -> None:
        """InputError if the file exists and is anything but the checkpoint of a run that came to its end."""
        if not os.path.lexists(self.path):
            return
        try:
            finished = self.load().get("stopped") in ("epochs", "patience", "diverged")
        except InputError:
            raise problem(
                f"{self.path} exists and is not a checkpoint",
                fix="give another path for the checkpoint, or remove the file",
                file=self.path,
            ) from None
        if not finished:
            raise problem(
                f"{self.path} is the checkpoint of a run that has not come to its end",
                fix="resume that run (--resume), give another path, or remove the file",
                file=self.path,
            )

    def load(self) -> dict[str, Any]:
        """The state of the file; InputError if it is missing, truncated, of another version or kind."""
        _, arrays, facts = read_whole(self.path, ["checkpoint"], "a checkpoint", finite=False)
        try:
            state = _decoded(facts["state"], arrays)
            return {str(key): value for key, value in state.items()}
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise problem(f"{self.path} is not a checkpoint of a run", file=self.path) from None


def _encoded(value: Any, arrays: dict[str, Any]) -> Any:
    """JSON for a value; its arrays go into the dict under running numbers."""
    if isinstance(value, (np.ndarray, Tensor)):
        name = str(len(arrays))
        arrays[name] = value._array() if isinstance(value, Tensor) else value
        return {_TENSOR if isinstance(value, Tensor) else _ARRAY: name}
    if isinstance(value, Mapping):
        if all(isinstance(k, str) and not k.startswith("$") for k in value):
            return {k: _encoded(v, arrays) for k, v in value.items()}
        return {_PAIRS: [[_encoded(k, arrays), _encoded(v, arrays)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {_TUPLE: [_encoded(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_encoded(v, arrays) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def _decoded(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_decoded(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key == _ARRAY:
            return arrays[inner]
        if key == _TENSOR:
            return Tensor._wrap(arrays[inner])
        if key == _TUPLE:
            return tuple(_decoded(v, arrays) for v in inner)
        if key == _PAIRS:
            return {_decoded(k, arrays): _decoded(v, arrays) for k, v in inner}
    return {k: _decoded(v, arrays) for k, v in value.items()}
