"""Model files: named arrays and facts in a safetensors file, checked when read; nothing in them can run.

NOTE [The format] A safetensors file: eight bytes with the length of a JSON header, the header, the arrays one
after the other. The header's __metadata__ holds exactly "chainrule" (the version of this format), "kind"
("formula", "table", …), "facts" (JSON: what the fit wants to know again) and "crc32" (of kind, facts and
arrays). Source of the container: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
import math
import os
import stat
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from ..serialization.tensors_file import CODES
from ..types import DTYPES
from .atomic import write_file
from .problem import InputError, problem, system_problem

__all__ = ["load_model", "pack", "read_whole", "save_model"]

VERSION = "1"
Array = np.ndarray[Any, Any]
Place = tuple[np.dtype[Any], tuple[int, ...], int]
_HEADER = 1 << 26  # bytes of a header, at most
_FILE = 1 << 34  # … and of a file
_KEYS = {"chainrule", "kind", "facts", "crc32"}
_NAMES = {name: code for code, name in CODES.items()}


def save_model(path: Any, kind: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts (what JSON can hold) to a model file of this kind, as a whole or not at all.

    Raises InputError where the file cannot be written, or for numbers that are not finite.

    >>> import numpy as np
    >>> save_model("line.safetensors", "formula", {"w": np.array([2.0])}, {"formula": "y = w*x"})
    >>> kind, arrays, facts = load_model("line.safetensors", ["formula"])
    >>> kind, arrays["w"].tolist(), facts["formula"]
    ('formula', [2.0], 'y = w*x')
    """
    data = pack(kind, arrays, facts, finite=True)
    for name, a in arrays.items():
        if not _finite(a):
            raise problem(
                f"the model cannot be saved: {name} has values that are not finite",
                fix="train again with a smaller learning rate, or look for extreme values in the data",
                file=path,
            )
    write_file(path, data)


def load_model(path: Any, kinds: Collection[str]) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """The kind, arrays and facts of a model file.

    Raises InputError for anything but a whole file of one of these kinds, of this version, with finite
    numbers. No more memory is used than the file has bytes, whatever its header claims.
    """
    return read_whole(path, kinds, "a model file", finite=True)


# ----- the container


def pack(kind: str, arrays: Mapping[str, Array], facts: Mapping[str, Any], *, finite: bool) -> bytes:
    """The bytes of a file: NOTE [The format]."""
    # the widest first, so that each array begins where its numbers may lie
    parts = {
        k: np.asarray(a, order="C") for k, a in sorted(arrays.items(), key=lambda i: -i[1].dtype.itemsize)
    }
    header: dict[str, Any] = {}
    at = 0
    for name, a in parts.items():
        if a.dtype.name not in _NAMES or name == "__metadata__":
            raise TypeError(f"no file can hold {name!r}, an array of {a.dtype}")
        header[name] = {
            "dtype": _NAMES[a.dtype.name], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes],
        }  # fmt: skip
        at += a.nbytes
    text = json.dumps(facts, allow_nan=not finite)
    data = [_bytes_of(a) for a in parts.values()]
    header["__metadata__"] = {
        "chainrule": VERSION, "kind": kind, "facts": text, "crc32": _checksum(kind, text, data),
    }  # fmt: skip
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    if len(head) > _HEADER:
        raise problem("the facts are too many for a file", came=f"{len(head)} bytes", expected=f"{_HEADER}")
    return b"".join([len(head).to_bytes(8, "little"), head, *data])


def read_whole(
    path: Any, kinds: Collection[str], what: str, *, finite: bool
) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """The kind, arrays and facts of a file; InputError, which calls it `what`, for anything wrong."""
    name = os.fspath(path)
    try:
        with open(path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise problem(f"{name} is not a file", fix=f"give the path of {what}", file=name)
            if status.st_size > _FILE:
                raise _broken(name, what, f"{status.st_size} bytes are more than any such file has")
            head = file.read(8)
            length = int.from_bytes(head, "little")
            if len(head) < 8 or length > min(_HEADER, status.st_size - 8):
                raise _broken(name, what, "it is too short" if status.st_size else "it is empty")
            metadata, entries = _header(file.read(length), name, what)
            _know(metadata, kinds, name, what)
            places = _places(entries, status.st_size - 8 - length, name, what)
            rest = file.read(status.st_size - 8 - length)  # a claim that is checked: this much is there
    except OSError as error:
        raise system_problem(f"cannot read {name}", error, file=name) from None
    if metadata["crc32"] != _checksum(metadata["kind"], metadata["facts"], [rest]):
        raise _broken(name, what, "its checksum is wrong")
    arrays = _arrays(places, rest, name, what)
    if finite and not all(map(_finite, arrays.values())):
        raise _broken(name, what, "it has numbers that are not finite")
    try:
        facts = json.loads(metadata["facts"], parse_constant=_no_constant if finite else float)
    except (ValueError, RecursionError):
        raise _broken(name, what, "its facts are not JSON") from None
    if not isinstance(facts, dict):
        raise _broken(name, what, "its facts are not a JSON object")
    return metadata["kind"], arrays, facts


def _at_once(path: Any, flags: int) -> int:
    """Open without waiting for a writer, should the path be a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _broken(name: str, what: str, why: str) -> InputError:
    return problem(
        f"{name} is not {what} of chainrule, or not a whole one",
        came=why,
        fix="make the file anew, or copy it again from where it is whole",
        file=name,
    )


def _header(text: bytes, name: str, what: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The metadata, and the other entries of the header."""
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _broken(name, what, "its header is not JSON") from None
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or "chainrule" not in metadata:
        raise _broken(name, what, "its header has no entry of chainrule")
    if not all(isinstance(v, str) for v in metadata.values()):
        raise _broken(name, what, "its header has entries that are not text")
    return metadata, header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(text)


def _know(metadata: Mapping[str, str], kinds: Collection[str], name: str, what: str) -> None:
    """Refuse another version or kind, and keys that no version has."""
    if metadata["chainrule"] != VERSION:
        raise problem(
            f"{name} was written in another version of the format",
            came=metadata["chainrule"][:40],
            expected=VERSION,
            fix="read it with the chainrule that wrote it, or make it anew with this one",
            file=name,
        )
    if set(metadata) != _KEYS:
        raise _broken(name, what, "its metadata has other entries than this version writes")
    if metadata["kind"] not in kinds:
        raise problem(
            f"{name} is a file of another kind",
            came=metadata["kind"][:40],
            expected=" or ".join(kinds),
            file=name,
        )


def _places(entries: Mapping[str, Any], size: int, name: str, what: str) -> dict[str, Place]:
    """Where each array lies: one after the other, from the first byte to the last of so many."""
    places: dict[str, Place] = {}
    at = 0
    try:
        for key, entry in sorted(entries.items(), key=lambda item: tuple(item[1]["data_offsets"])):
            code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
            whole = all(type(n) is int and 0 <= n <= _FILE for n in (*shape, *offsets)) and len(shape) <= 64
            dtype = DTYPES[CODES[code]].np
            if not whole or len(entry) != 3 or offsets != [at, at + math.prod(shape) * dtype.itemsize]:
                raise ValueError
            places[key] = dtype, tuple(shape), at
            at = offsets[1]
    except (KeyError, TypeError, ValueError, AttributeError):
        at = -1
    if at != size:
        raise _broken(name, what, "its header and its arrays do not fit")
    return places


def _arrays(places: Mapping[str, Place], data: bytes, name: str, what: str) -> dict[str, Array]:
    """The arrays at these places of the data, as copies."""
    arrays: dict[str, Array] = {}
    for key, (dtype, shape, at) in places.items():
        part = np.frombuffer(data, np.uint8, math.prod(shape) * dtype.itemsize, at)
        if dtype == np.bool_ and part.size and part.max() > 1:
            raise _broken(name, what, "it has booleans that are neither true nor false")
        arrays[key] = np.array(part).view(dtype).reshape(shape)
    return arrays


def _bytes_of(a: Array) -> memoryview:
    return a.reshape(-1).view(np.uint8).data


def _checksum(kind: str, facts: str, data: Iterable[bytes | memoryview]) -> str:
    crc = zlib.crc32(
        facts.encode("utf-8", "surrogatepass"), zlib.crc32(kind.encode("utf-8", "surrogatepass"))
    )
    for part in data:
        crc = zlib.crc32(part, crc)
    return f"{crc:08x}"


def _finite(a: Array) -> bool:
    return a.dtype.kind in "biu" or bool(np.isfinite(a).all())
