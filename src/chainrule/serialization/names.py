"""PyTorch's names for what files contain, in both directions: what a file calls X is which object here."""

from __future__ import annotations

import codecs
import importlib
from collections import Counter, OrderedDict
from typing import Any

from .._size import Size
from ..device import device
from ..functional import convert
from ..functional.convert import MemoryFormat, layout
from ..nn.parameter import Parameter
from ..tensor import Tensor
from ..types import DTYPES
from . import storages

__all__ = ["PLAIN", "TORCH", "TORCH_NAMES", "counterpart", "get_layout"]

_FORMATS = [value for value in vars(convert).values() if isinstance(value, MemoryFormat)]


def get_layout(name: str) -> layout:
    """The layout that prints as `name`."""
    found = [f for f in _FORMATS if isinstance(f, layout) and repr(f) == name]
    if not found:
        raise RuntimeError(f"chainrule has dense tensors only (torch.strided), not the layout {name!r:.50}")
    return found[0]


TORCH: dict[str, Any] = {
    "torch.Size": Size,
    "torch.device": device,
    "torch.Tensor": Tensor,
    "torch.nn.parameter.Parameter": Parameter,
    "torch.serialization._get_layout": get_layout,
    "torch._utils._rebuild_tensor": storages.rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": storages.rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": storages.rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": storages.rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": storages.rebuild_parameter_with_state,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": storages.rebuild_device_tensor,
    "torch._tensor._rebuild_from_type_v2": storages.rebuild_from_type,
    "torch.storage.UntypedStorage": storages.UNTYPED,
    **{f"torch.{kind.name}": kind for kind in storages.STORAGE_TYPES.values()},
    **{f"torch.{name}": dtype for name, dtype in DTYPES.items()},
    **{repr(f): f for f in _FORMATS if not isinstance(f, layout)},
}

# What else a file may name: plain containers and numbers of Python's own.
PLAIN: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "builtins.set": set,
    "builtins.complex": complex,
    "builtins.bytearray": bytearray,
    "_codecs.encode": codecs.encode,
}

TORCH_NAMES: dict[int, tuple[str, str]] = {}  # by identity, as the objects of both tables live for ever
for _path, _value in TORCH.items():
    _module, _, _name = _path.rpartition(".")
    TORCH_NAMES.setdefault(id(_value), (_module, _name))


def counterpart(module: str, name: str) -> Any:
    """chainrule's object for a global of PyTorch's (`torch.nn.modules.linear Linear`), if there is one."""
    found = TORCH.get(f"{module}.{name}")
    if found is not None or not (module == "torch" or module.startswith("torch.")):
        return found
    package = __name__.partition(".")[0]
    parts = module.split(".")[1:]
    for end in range(len(parts), -1, -1):
        try:
            home: Any = importlib.import_module(".".join([package, *parts[:end]]))
        except ImportError:
            continue
        for part in name.split("."):
            home = getattr(home, part, None)
        if home is not None:
            return home
    return None
