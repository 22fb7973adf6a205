"""The import hook: ``torch`` and every ``torch.a.b`` become chainrule's own module objects."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from chainrule._missing import explain, missing_name, module_getattr, torch_name
from chainrule._shim.names import ALIASES

AfterImport = Callable[[ModuleType], None]

_ABSENT = object()


def install(after_import: Mapping[str, AfterImport] | None = None) -> None:
    """Make ``import torch`` mean chainrule in this process, and in the worker processes that it spawns.

    ``after_import`` maps a module's name to a function that is called with that module once it is imported.
    """
    actions = {"multiprocessing.spawn": _reinstall_in_workers, **(after_import or {})}
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, TorchFinder)]
    sys.meta_path.insert(0, TorchFinder(actions))
    for name in actions.keys() & sys.modules.keys():
        actions[name](sys.modules[name])


class TorchFinder(MetaPathFinder):
    """Finds chainrule's modules under PyTorch's names, and watches for the modules to act upon."""

    def __init__(self, watched: Mapping[str, AfterImport]) -> None:
        self.watched = watched

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a ``torch`` or a watched module; None for all others."""
        if fullname == "torch" or fullname.startswith("torch."):
            return self._find_torch(fullname)
        if fullname not in self.watched:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _WatchedLoader(spec.loader, self.watched[fullname])
        return spec

    def _find_torch(self, fullname: str) -> ModuleSpec | None:
        home = "chainrule" + fullname.removeprefix("torch")
        module = _import_if_there(home)
        if module is None:
            # importlib.util.find_spec asks "is it there?" and wants None, not an error
            if sys._getframe(3).f_globals.get("__name__") == "importlib.util":
                return None
            package, _, name = home.rpartition(".")
            raise ModuleNotFoundError(explain(package, name), name=fullname)
        return ModuleSpec(fullname, _SameObject(module), origin=getattr(module, "__file__", None))


class _SameObject(Loader):
    """Loads a module that exists already and leaves its ``__spec__`` as it was."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.own_spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own_spec
        _bind_loaded()  # not in find_spec: importlib looks again whether the name is in sys.modules


class _WatchedLoader(Loader):
    """Loads a module with its own loader, then calls the action with it."""

    def __init__(self, loader: Any, action: AfterImport) -> None:
        self.loader, self.action = loader, action

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self.loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        self.action(module)


def _import_if_there(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None  # the module or a package above it; a failing import inside it passes through
        raise


def _bind_loaded() -> None:
    """Enter every loaded chainrule module under its torch name, with the deep paths that lead to it.

    Entries made before the import statement looks for them keep it from setting an attribute on the parent,
    which would put the module ``torch.autograd.gradcheck`` in the place of the function of that name.
    """
    modules = dict(sys.modules)
    loaded = {name: modules[name] for name in modules if name.partition(".")[0] == "chainrule"}
    for name, module in loaded.items():
        if sys.modules.setdefault(torch_name(name), module) is module and "__getattr__" not in vars(module):
            vars(module)["__getattr__"] = module_getattr(name)
    for home in ALIASES.keys() & loaded.keys():
        for leaf in ALIASES[home]:
            _bind_alias(loaded[home], leaf)


def _bind_alias(home: ModuleType, leaf: str) -> None:
    parent_name, _, child = f"{torch_name(home.__name__)}.{leaf}".rpartition(".")
    full_name = f"{parent_name}.{child}"
    parent = sys.modules.get(parent_name)
    if full_name in sys.modules or parent is None:
        return
    if parent is home and PathFinder.find_spec(f"{home.__name__}.{leaf}", list(home.__path__)):
        return  # chainrule has a module at that very path
    alias = _Alias(full_name, home)
    sys.modules[full_name] = alias
    if child not in dir(parent):  # dir, not vars: a package may fetch the name on first use
        vars(parent)[child] = alias


class _Alias(ModuleType):
    """A deep path such as ``torch.nn.modules.linear``: its names are those of its home, chainrule.nn."""

    def __init__(self, name: str, home: ModuleType) -> None:
        super().__init__(name, home.__doc__)
        self.__dict__.update(_home=home, __path__=[], __spec__=ModuleSpec(name, None, is_package=True))

    def __getattr__(self, name: str) -> Any:
        home: ModuleType = self.__dict__["_home"]
        if name == "__all__" and not hasattr(home, name):
            return [each for each in vars(home) if not each.startswith("_")]
        value = getattr(home, name, _ABSENT)
        if value is _ABSENT:
            raise missing_name(home.__name__, name, sys._getframe(1))
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.__dict__["_home"])})


class _Reinstall:
    """Unpickles, in a worker process, as a call of ``install``."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return install, ()


def _reinstall_in_workers(spawn: ModuleType) -> None:
    """Let a spawned worker install the hook before it imports the user's script again."""
    own: Callable[[str], dict[str, Any]] = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        return {**own(name), "chainrule": _Reinstall()}

    if own.__module__ == spawn.__name__:  # not replaced before
        spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]
