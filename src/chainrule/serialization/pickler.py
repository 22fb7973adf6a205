"""The writing side: a pickle in which tensors, dtypes and sizes go by PyTorch's names.

NOTE [Pure Python] Only Python's own pickler lets a subclass write the name of a class that cannot be imported
here (`torch._utils._rebuild_tensor_v2`); a state dict is some hundred objects, so its speed does not matter.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from types import FunctionType
from typing import Any

from .._size import Size
from ..device import device
from ..functional.convert import layout
from ..nn.parameter import Parameter
from ..tensor import Tensor
from ..types import DType
from . import storages
from .names import TORCH_NAMES, get_layout
from .storages import Storage, StorageType, locate

__all__ = ["TorchPickler"]

_INTERNAL = frozenset({"_base", "_cells", "_chain", "_grad", "_keeps", "_stamp", "_touched", "_views"})


_PythonPickler: Any = pickle._Pickler


class TorchPickler(_PythonPickler):  # type: ignore[misc]
    """Pickles like torch.save; `storages` holds the memory to write next to the pickle, in order of keys."""

    dispatch = _PythonPickler.dispatch.copy()

    def __init__(self, file: Any, protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: list[Storage] = []
        self._keys: dict[Any, int] = {}
        self._roots: list[Any] = []  # kept alive, so that an address names one memory only

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) is not Storage:
            return None
        a = obj.array
        place = (a.__array_interface__["data"][0], a.nbytes) if a.nbytes else len(self._keys)
        key = self._keys.setdefault(place, len(self.storages))
        if key == len(self.storages):
            self.storages.append(obj)
        elif self.storages[key].dtype is not obj.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types"
            )
        return "storage", obj.type, str(key), "cpu", len(obj)

    def reducer_override(self, obj: Any) -> Any:
        cls = type(obj)
        if issubclass(cls, Tensor):
            return self._reduce_tensor(obj)
        if cls is StorageType or cls is DType:
            return obj.name
        if cls is Size:
            return Size, (tuple(obj),)
        if cls is device:
            return storages.reduced_device(obj)
        if cls is layout:
            return get_layout, (repr(obj),)
        return NotImplemented

    def _reduce_tensor(self, t: Tensor) -> Any:
        cls: Any = type(t)
        if cls.__reduce__ is not Tensor.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__:
            return NotImplemented
        state = {name: value for name, value in t.__dict__.items() if name not in _INTERNAL}
        if issubclass(cls, Parameter):
            args: tuple[Any, ...] = (Tensor._wrap(t._array()), t.requires_grad, OrderedDict())
            if state:
                return storages.rebuild_parameter_with_state, (*args, state)
            return storages.rebuild_parameter, args
        function, made = self._reduce_plain(t)
        if cls is Tensor and not state:
            return function, made
        return storages.rebuild_from_type, (function, cls, made, state)

    def _reduce_plain(self, t: Tensor) -> tuple[Any, tuple[Any, ...]]:
        a = t._array()
        storage, offset, strides, root = locate(a)
        self._roots.append(root)
        args: tuple[Any, ...] = (storage, offset, tuple(a.shape), strides, t.requires_grad, OrderedDict())
        if storage.type is storages.UNTYPED:
            return storages.rebuild_tensor_v3, (*args, t.dtype)
        return storages.rebuild_tensor_v2, args

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write what goes by a name of PyTorch's under that name, and everything else under its own."""
        found = TORCH_NAMES.get(id(obj))
        if found is None:
            super().save_global(obj, name)
            return
        if self.proto >= 4:
            self.save(found[0])
            self.save(found[1])
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + "{}\n{}\n".format(*found).encode())
        self.memoize(obj)

    dispatch[FunctionType] = save_global
