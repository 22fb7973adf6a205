"""Model files: named arrays and facts in a safetensors file; nothing in them can run."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from .atomic import write_file
from .problem import InputError, problem, system_problem

__all__ = ["load_model", "pack", "save_model", "unpack"]

VERSION = "1"
Array = np.ndarray[Any, Any]


def save_model(path: Any, kind: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts (what JSON can hold) to a model file of this kind, as a whole or not at all.

    Raises InputError where the file cannot be written.

    >>> import numpy as np
    >>> save_model("line.safetensors", "formula", {"w": np.array([2.0])}, {"formula": "y = w*x"})
    >>> kind, arrays, facts = load_model("line.safetensors", ["formula"])
    >>> kind, arrays["w"].tolist(), facts["formula"]
    ('formula', [2.0], 'y = w*x')
    """
    write_file(path, pack(kind, arrays, facts))


def pack(kind: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> bytes:
    """The bytes of a model file."""
    import safetensors.numpy

    metadata = {"chainrule": VERSION, "kind": kind, "facts": json.dumps(facts)}
    return safetensors.numpy.save({k: np.asarray(a, order="C") for k, a in arrays.items()}, metadata)


def load_model(path: Any, kinds: Collection[str]) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """The kind, arrays and facts of a model file; InputError for anything that is not a whole one."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise system_problem(f"cannot read {os.fspath(path)}", error, file=path) from None
    return unpack(data, kinds, os.fspath(path))


def unpack(data: bytes, kinds: Collection[str], name: str) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """What is in the bytes of a model file."""
    import safetensors.numpy

    try:
        arrays = safetensors.numpy.load(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        kind, facts, version = metadata["kind"], json.loads(metadata["facts"]), metadata["chainrule"]
    except Exception as error:
        raise InputError(f"{name} is not a whole model file of chainrule: {error}", file=name) from None
    if version != VERSION:
        raise problem(f"{name} is of another version", came=version, expected=VERSION, file=name)
    if kind not in kinds:
        raise problem(f"{name} is of another kind", came=kind, expected=" or ".join(kinds), file=name)
    return kind, arrays, facts
