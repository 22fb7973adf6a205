"""Files of the safetensors format: named tensors and text, nothing that could run."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..types import DTYPES, DType, dtype_of
from .files import is_path, writing

__all__ = ["TensorDict", "is_safetensors", "load_safetensors", "save_safetensors"]

_VERSIONS = "state_dict._metadata"  # where the versions of a state dict's modules are kept, as JSON
CODES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "U16": "uint16", "I32": "int32",
    "U32": "uint32",
    "I64": "int64", "U64": "uint64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "C64": "complex64",
}  # fmt: skip
_SAVED = frozenset(CODES.values())


class TensorDict(OrderedDict[str, Tensor]):
    """The tensors of a safetensors file by name; `metadata` is the text that the file keeps beside them."""

    metadata: dict[str, str]


def is_safetensors(f: Any) -> bool:
    return is_path(f) and os.fspath(f).endswith(".safetensors")


def _saved(name: Any, value: Any) -> np.ndarray[Any, Any]:
    if not isinstance(name, str) or not isinstance(value, Tensor):
        raise ValueError(
            f"a .safetensors file holds one flat dict of tensors by name\n  came:     {name!r} -> "
            f"{type(value).__name__}\n  fix:      save the model's state_dict() alone, or the whole as a .pt "
            "file"
        )
    a = np.asarray(value._array(), order="C")
    dtype = dtype_of(a)
    if dtype.name not in _SAVED:
        raise ValueError(
            f"a .safetensors file cannot hold {dtype} ({name!r}): save a .pt file, or convert the tensor"
        )
    return a


def save_safetensors(obj: Any, path: Any) -> None:
    """Write a flat dict of tensors, with its `metadata` and a state dict's module versions.

    Raises ValueError that names the entry for anything but tensors by name.
    """
    import safetensors.numpy

    if not isinstance(obj, Mapping):
        raise ValueError(
            f"a .safetensors file holds one flat dict of tensors by name\n  came:     {type(obj).__name__}\n"
            "  fix:      save the model's state_dict(), or choose a path that ends in .pt"
        )
    arrays = {name: _saved(name, value) for name, value in obj.items()}
    metadata = {"format": "pt", **getattr(obj, "metadata", {})}
    versions = getattr(obj, "_metadata", None)
    if versions is not None:
        metadata[_VERSIONS] = json.dumps(versions)
    data = safetensors.numpy.save(arrays, metadata=metadata)
    with writing(path) as file:
        file.write(data)


def load_safetensors(path: Any) -> TensorDict:
    """The tensors of a file by name; RuntimeError for a damaged file or a dtype that chainrule lacks."""
    import safetensors

    with open(path, "rb") as file:
        data = file.read()
    try:
        entries: Any = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
        (length,) = np.frombuffer(data[:8], "<u8").tolist()
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (safetensors.SafetensorError, ValueError) as error:
        raise RuntimeError(f"{os.fspath(path)} is not a whole safetensors file: {error}") from None
    result = TensorDict()
    for name, entry in sorted(entries):
        result[name] = Tensor._wrap(_array(name, entry))
    versions = metadata.pop(_VERSIONS, None)
    result.metadata = metadata
    if versions is not None:
        result._metadata = OrderedDict(json.loads(versions))  # type: ignore[attr-defined]
    return result


def _array(name: str, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    code = CODES.get(entry["dtype"])
    if code is None:
        raise RuntimeError(
            f"chainrule has no dtype for {entry['dtype']} of {name!r} in this safetensors file"
        )
    dtype: DType = DTYPES[code]
    a = np.frombuffer(bytearray(entry["data"]), dtype.np.newbyteorder("<"))
    return a.astype(dtype.np, copy=False).reshape(entry["shape"])
