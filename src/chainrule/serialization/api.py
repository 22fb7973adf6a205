"""save() and load(): PyTorch's files, both ways."""

from __future__ import annotations

import io
import os
import pickle
import re
import warnings
from typing import Any

from ..device import device
from .archive import ArchiveReader, ArchiveWriter
from .files import is_path, reading, writing
from .legacy import load_legacy
from .pickler import TorchPickler
from .storages import Storage, StorageType
from .tensors_file import is_safetensors, load_safetensors, save_safetensors
from .unpickler import SafeUnpickler, TrustingUnpickler

__all__ = ["DEFAULT_PROTOCOL", "load", "save"]

DEFAULT_PROTOCOL = 2
_TRUE = ("1", "y", "yes", "true")
_UNSAFE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from "
    "`False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but "
    "it can result in arbitrary code execution. Do it only if you got the file from a trusted source."
)
_DOCS = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with "
    "weights_only https://pytorch.org/docs/stable/generated/torch.load.html."
)


class EmptyFileError(RuntimeError, EOFError):
    """A file without content: a RuntimeError like other damage, and the EOFError that PyTorch raises."""


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write `obj` to a path or file object in PyTorch's zip format, or, by its name, `.safetensors`.

    Tensors that share memory share it in the file, and PyTorch loads the file. A path is replaced only once
    the new file is whole. Raises RuntimeError for a missing folder, AttributeError for an `f` without
    `write`, ValueError for PyTorch's format before 1.6 and, with `.safetensors`, for anything but a flat dict
    of tensors.

    >>> import io, chainrule as cr
    >>> f = io.BytesIO(); save({"w": cr.tensor([1.0, 2.0])}, f)
    >>> f.seek(0); load(f)
    0
    {'w': tensor([1., 2.])}
    """
    if not _use_new_zipfile_serialization:
        raise ValueError(
            "_use_new_zipfile_serialization=False asks for the format of PyTorch before 1.6, which chainrule "
            "reads but does not write: leave the argument out"
        )
    if is_safetensors(f):
        save_safetensors(obj, f)
        return
    with writing(f) as file:
        buffer = io.BytesIO()
        pickler = TorchPickler(buffer, pickle_protocol)
        pickler.dump(obj)
        with ArchiveWriter(file) as archive:
            archive.write_all(buffer.getvalue(), [storage.array for storage in pickler.storages])


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save` or PyTorch's save wrote, from a path or a seekable file; all tensors come to the CPU.

    By default only tensors, numbers, text and plain containers (and what `add_safe_globals` names) are built,
    and nothing of the file is run; `weights_only=False` runs what the file says, so only for files you trust.
    `mmap=True` maps a path instead of reading it. Raises UnpicklingError for what is not allowed,
    RuntimeError for a damaged file or a `map_location` that is not the CPU.
    """
    weights_only = _weights_only(weights_only, pickle_module)
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if weights_only and pickle_load_args:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    _require_cpu(map_location)
    if is_safetensors(f):
        return load_safetensors(f)
    with reading(f) as file:
        start = file.tell()
        head = file.read(4)
        file.seek(start)
        if not head:
            raise EmptyFileError("Ran out of input: the file is empty")
        if head != b"PK\x03\x04":
            if mmap:
                raise RuntimeError(
                    "mmap can only be used with files saved in the zip format of PyTorch since 1.6"
                )
            return _load_legacy(file, weights_only, pickle_load_args)
        if mmap and not is_path(f):
            raise ValueError("f must be a file path in order to use the mmap argument")
        archive = ArchiveReader(file, os.fspath(f) if mmap else None)
        return _load_archive(archive, map_location, weights_only, pickle_load_args)


def _weights_only(chosen: bool | None, pickle_module: Any) -> bool:
    """The caller's choice, or True; the environment may force it, as for PyTorch."""
    force, forbid = (
        os.getenv(name, "0").lower() in _TRUE
        for name in ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    )
    if force and forbid:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be "
            "set, but both were set."
        )
    if force:
        return True
    if chosen is None and forbid:
        warnings.warn(
            "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected, since the`weights_only` "
            "argument was not explicitly passed to `torch.load`, forcing weights_only=False.",
            stacklevel=3,
        )
        return False
    return pickle_module is None if chosen is None else bool(chosen)


def _require_cpu(map_location: Any) -> None:
    """Refuse a device that chainrule cannot load to; None, dicts and functions decide per storage."""
    if map_location is None or isinstance(map_location, dict) or callable(map_location):
        return
    if isinstance(map_location, bytes):
        map_location = map_location.decode()
    kind = map_location if isinstance(map_location, device) else device(map_location)
    if kind.type != "cpu":
        raise RuntimeError(
            f"Attempting to deserialize object on a {kind.type.upper()} device but "
            f"torch.{kind.type}.is_available() is False. If you are running on a CPU-only machine, please "
            "use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
        )


def _load_archive(
    archive: ArchiveReader, map_location: Any, weights_only: bool, options: dict[str, Any]
) -> Any:
    if "constants.pkl" in archive:
        raise RuntimeError(
            "this is a TorchScript archive, a compiled program: save the model's state_dict() with "
            "torch.save and load that"
        )
    swapped = "byteorder" in archive and archive.read("byteorder") == b"big"
    storages: dict[str, Storage] = {}

    def storage(saved: tuple[Any, ...]) -> Storage:
        kind, key, location, count = _checked(saved)
        if key not in storages:
            flat = archive.array(f"data/{key}", count * kind.dtype.itemsize).view(kind.dtype.np)
            made = Storage(flat.byteswap() if swapped else flat, kind)
            moved = map_location(made, location) if callable(map_location) else None
            storages[key] = moved if isinstance(moved, Storage) else made
        found = storages[key]
        if found.type is not kind:
            return Storage(found.array.view(kind.dtype.np), kind)
        return found

    return _load_pickle(io.BytesIO(archive.read("data.pkl")), storage, weights_only, options)


def _checked(saved: tuple[Any, ...]) -> tuple[StorageType, str, str, int]:
    if len(saved) != 5:
        raise pickle.UnpicklingError(f"a storage is described by 5 values, got {len(saved)}")
    _, kind, key, location, count = saved
    key = key.decode() if isinstance(key, bytes) else key
    if (
        not isinstance(kind, StorageType)
        or type(key) is not str
        or type(count) is not int
        or not 0 <= count < 2**60
    ):
        raise pickle.UnpicklingError("the description of a storage is corrupt")
    return kind, key, location, count


def _load_legacy(file: Any, weights_only: bool, options: dict[str, Any]) -> Any:
    return load_legacy(file, lambda source, storage: _load_pickle(source, storage, weights_only, options))


def _load_pickle(source: Any, storage: Any, weights_only: bool, options: dict[str, Any]) -> Any:
    if weights_only:
        try:
            return SafeUnpickler(source.read, source.readline, storage).load()
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(_worded(str(error))) from error.__cause__
    try:
        return TrustingUnpickler(source, storage, **{"encoding": "utf-8", **options}).load()
    except EOFError:
        raise pickle.UnpicklingError("pickle data was truncated") from None


def _worded(text: str) -> str:
    """The refusal with the ways out that PyTorch names."""
    if re.search(r"GLOBAL (\S+) was not an allowed global by default\.", text):
        return (
            "Weights only load failed. This file can still be loaded, to do so you have two options, "
            "\033[1mdo those steps only if you trust the source of the checkpoint\033[0m. \n\t(1) "
            f"{_UNSAFE}\n\t(2) Alternatively, to load with `weights_only=True` please check the recommended "
            f"steps in the following error message.\n\tWeightsUnpickler error: {text}{_DOCS}"
        )
    label = "" if "is blocked" in text else "WeightsUnpickler error: "
    return f"Weights only load failed. {_UNSAFE}\n\n{label}{text}{_DOCS}"
