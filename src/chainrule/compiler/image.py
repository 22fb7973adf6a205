"""What running a step takes, without the step's kernels: kept in the cache under the traced program's hash.

A first call whose program another process has compiled needs neither passes nor kernels then; both are made
when somebody looks at them.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..program.ir import Program, Var
from ..program.text import argument_text
from ..random import Generator
from ..types import DTYPES
from .assemble import Assembled
from .cache import key_of, read, versions, write
from .target import Target

Array = np.ndarray[Any, Any]
_LENGTH = struct.Struct("<Q")


class Image(NamedTuple):
    """What the table of a step holds: memory between kernels, results, constants, generators' states."""

    arena_bytes: int
    results: list[Var]
    constants: list[Array]
    held: list[Array]


class Identity(NamedTuple):
    """A program's key in the cache, and its generators."""

    key: bytes
    generators: list[Generator]


def _sources() -> str:
    """Size and age of the files that a program's code depends on: they differ where the code may."""
    package = Path(__file__).parent.parent
    found = []
    for part in ("ops", "program", "compiler"):
        for folder, _, _ in os.walk(package / part):
            with os.scandir(folder) as entries:
                for e in entries:
                    if e.name.endswith(".py"):
                        s = e.stat()
                        found.append((folder, e.name, s.st_size, s.st_mtime_ns))
    return repr(sorted(found))


_SOURCES = _sources()  # as they are when they are imported


def identity(
    program: Program, strides: Sequence[tuple[int, ...]], roles: Sequence[Any], target: Target, *options: Any
) -> Identity | None:
    """What the step is found by: all that decides its code. None where an argument has no name in text."""
    number: dict[Var, int] = {}
    generators: list[Generator] = []

    def name(v: Var) -> str:
        return f"v{number[v]}"

    def text(a: Any) -> str:
        if isinstance(a, Generator):
            if not any(a is g for g in generators):
                generators.append(a)
            return f"generator{next(i for i, g in enumerate(generators) if a is g)}"
        return argument_text(a, name)

    parts = [_SOURCES, versions(), repr((tuple(target), [*strides], [*map(tuple, roles)], options))]
    for v in program.variables():
        number[v] = len(number)
    for v, array in program.constants.items():
        parts.append(f"{v.type} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}")
    for e in program.equations:
        parts.append(f"{e.op.name}({', '.join(map(text, e.args))})")
        if "<" in parts[-1]:
            return None
    parts += [v.type for v in program.variables()] + [name(v) for v in program.outputs]
    return Identity(hashlib.sha256("\0".join(parts).encode()).digest(), generators)


def kept(known: Identity | None) -> tuple[Image, list[bytes]] | None:
    """The step and its object files, from the cache."""
    if known is None or (data := read(known.key)) is None:
        return None
    (length,) = _LENGTH.unpack_from(data)
    start = _LENGTH.size + length
    said = json.loads(data[_LENGTH.size : start])
    constants = []
    for shape, dtype in said["constants"]:
        a = np.ndarray(shape, DTYPES[dtype].np, data, start)
        constants.append(a.copy())
        start += a.nbytes
    results = [Var(tuple(shape), DTYPES[dtype]) for shape, dtype in said["results"]]
    held = [known.generators[i].memory() for i in said["held"]]
    objects = [code for key in said["objects"] if (code := read(bytes.fromhex(key))) is not None]
    if len(objects) < len(said["objects"]):
        return None
    return Image(said["arena"], results, constants, held), objects


def keep(known: Identity | None, made: Assembled, target: Target) -> None:
    """Put a step into the cache, unless it calls back into Python: its equations are needed then."""
    if known is None or made.calls:
        return
    memories = [g.memory().ctypes.data for g in known.generators]
    said = {
        "objects": [key_of(text, target).hex() for text in made.parts],
        "arena": made.arena_bytes,
        "results": [(v.shape, v.dtype.name) for v in made.results],
        "constants": [(c.shape, str(c.dtype)) for c in made.constants],
        "held": [memories.index(a.ctypes.data) for a in made.held],
    }
    head = json.dumps(said).encode()
    write(known.key, b"".join((_LENGTH.pack(len(head)), head, *(c.tobytes() for c in made.constants))))
