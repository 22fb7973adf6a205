"""What makes two runs the same, so that one may go on where the other stopped."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .batches import Array, Batches
from .problem import problem
from .state import RunState

__all__ = ["identity_of", "same_run"]

_ROWS = 64  # pieces of each tensor that are looked at
_BYTES = 16384  # of each piece, at most


def identity_of(batches: Batches, state: RunState, more: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a checkpoint keeps, as JSON would give them back."""
    facts = {
        "samples": batches.samples,
        "batch size": batches.size,
        "batches": batches.count,
        "shuffle": batches.shuffle,
        "optimizer": type(state.optimizer).__name__,
        "scheduler": None if state.scheduler is None else type(state.scheduler).__name__,
        "parameters": {k: [t._array().dtype.name, *t.shape] for k, t in state.tensors.items()},
        "data": [[a.dtype.name, list(a.shape), fingerprint(a)] for a in batches.arrays],
        **more,
    }
    return dict(json.loads(json.dumps(facts, default=str)))


def fingerprint(a: Array) -> int:
    """A CRC-32 of a megabyte spread over the array, first and last bytes among it.

    >>> import numpy as np
    >>> a = np.arange(6.0)
    >>> fingerprint(a) == fingerprint(a.copy()), fingerprint(a) == fingerprint(-a)
    (True, False)
    """
    flat = a.reshape(-1)
    width = max(_BYTES // a.itemsize, 1)
    crc = 0
    if flat.size <= _ROWS * width:
        return zlib.crc32(np.ascontiguousarray(flat).view(np.uint8).data)
    for start in np.linspace(0, flat.size - width, _ROWS).astype(np.int64).tolist():
        crc = zlib.crc32(flat[start : start + width].view(np.uint8).data, crc)
    return crc


def same_run(saved: Any, now: Mapping[str, Any], path: str) -> None:
    """Refuse to go on with another run: InputError that names the first fact that differs."""
    if not isinstance(saved, dict):
        raise problem(f"{path} is not a checkpoint of a training run", file=path)
    for name in dict.fromkeys([*now, *saved]):
        if now.get(name) != saved.get(name):
            raise problem(
                f"{path} is a checkpoint of another run: {name} differs",
                came=_short(now.get(name)),
                expected=_short(saved.get(name)),
                fix="resume with the data and options of that run, or start anew with another file",
                file=path,
            )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:199] + "…"
