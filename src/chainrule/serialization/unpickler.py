"""The reading side: a pickle machine that builds only tensors and plain containers, and the trusting one.

NOTE [Nothing runs] The machine interprets the opcodes itself. A name in the file is looked up in tables,
never imported; what the tables hold may be called only through a function here that checks its arguments, so
that no file can run code, change a class, or ask for more memory than its own size.
"""

from __future__ import annotations

import pickle
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError, decode_long
from typing import Any

from .calls import CALLS
from .names import PLAIN, TORCH, counterpart
from .safe_globals import trusted

__all__ = ["SafeUnpickler", "TrustingUnpickler"]

_BLOCKED = frozenset({"sys", "os", "posix", "nt"})
_CONTAINERS = (dict, OrderedDict, Counter)


def _is_in(value: Any, values: Any) -> bool:
    return any(value is each for each in values)


class SafeUnpickler:
    """Reads one pickle of tensors, numbers, text and plain containers; UnpicklingError for anything else."""

    def __init__(
        self, read: Callable[[int], bytes], readline: Callable[[], bytes], storage: Callable[[Any], Any]
    ):
        self._read = read
        self._readline = readline
        self._storage = storage
        self._trusted = trusted()
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        try:
            while True:
                code = self.read(1)[0]
                if code == pickle.STOP[0]:
                    return self.stack.pop()
                step = _STEPS.get(code)
                if step is None:
                    raise UnpicklingError(f"Unsupported operand {code}")
                step(self)
        except UnpicklingError:
            raise
        except (
            ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error,
        ) as error:  # fmt: skip
            raise UnpicklingError(f"the pickle is corrupt: {type(error).__name__}: {error}") from error

    # ----- the input

    def read(self, count: int) -> bytes:
        data = self._read(count)
        if len(data) != count:
            raise UnpicklingError("pickle data was truncated")
        return data

    def line(self) -> str:
        data = self._readline()
        if data[-1:] != b"\n":
            raise UnpicklingError("pickle data was truncated")
        return data[:-1].decode()

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.read(struct.calcsize(form)))[0]

    # ----- the stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def popped(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.popped()

    def tuple_of(self, count: int) -> None:
        items = self.stack[-count:]
        if len(items) != count:
            raise UnpicklingError("the pickle is corrupt: too few values for a tuple")
        self.stack[-count:] = [tuple(items)]

    # ----- names and calls

    def global_(self) -> None:
        module, name = self.line(), self.line()
        self.push(self.find(module, name))

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise UnpicklingError("STACK_GLOBAL requires str")
        self.push(self.find(module, name))

    def find(self, module: str, name: str) -> Any:
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        module = IMPORT_MAPPING.get(module, module)
        path = f"{module}.{name}"
        if module in _BLOCKED:
            raise UnpicklingError(
                f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked."
            )
        for table in (TORCH, PLAIN, self._trusted):
            if path in table:
                return table[path]
        ours = counterpart(module, name) if self._trusted else None
        if ours is not None and _is_in(ours, self._trusted.values()):
            return ours
        path = path.removeprefix("builtins.")
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {path} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{path}])` or the "
            f"`torch.serialization.safe_globals([{path}])` context manager to allowlist this global if you "
            "trust this class/function."
        )

    def call(self, function: Any, args: Any, kwargs: Any = None) -> Any:
        if type(args) is not tuple:
            raise UnpicklingError(f"arguments must be a tuple, got {type(args).__name__}")
        checked = CALLS.get(id(function))
        if checked is not None and not kwargs:
            return checked(*args)
        if _is_in(function, self._trusted.values()):
            return function(*args, **(kwargs or {}))
        raise UnpicklingError(f"Trying to call reduce for unrecognized function {function!r:.100}")

    def reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self.call(self.stack[-1], args)

    def new(self, kwargs: Any = None) -> None:
        args, cls = self.stack.pop(), self.stack.pop()
        if id(cls) in CALLS:
            self.push(self.call(cls, args, kwargs))
        elif isinstance(cls, type) and _is_in(cls, self._trusted.values()):
            self.push(cls.__new__(cls, *args, **(kwargs or {})))
        else:
            raise UnpicklingError(
                "Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` "
                f"but got {cls!r:.100}"
            )

    def new_ex(self) -> None:
        kwargs = self.stack.pop()
        self.new(kwargs)

    def build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if type(made) is OrderedDict:
            made.__dict__.update(state)
            return
        if not _is_in(type(made), self._trusted.values()):
            raise UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, "
                f"but got {type(made)}"
            )
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
            return
        slots: Any = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        made.__dict__.update(state or {})
        for name, value in (slots or {}).items():
            setattr(made, name, value)

    def persistent(self) -> None:
        saved = self.stack.pop()
        if type(saved) is not tuple or not saved or saved[0] not in ("storage", b"storage"):
            raise UnpicklingError(f"Only persistent_load of storage is allowed, but got {saved!r:.100}")
        self.push(self._storage(saved))

    # ----- containers

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise UnpicklingError(f"Can only append to lists, but got {type(target)}")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in _CONTAINERS:
            raise UnpicklingError(
                "Can only SETITEM for dict, collections.OrderedDict, collections.Counter, but got "
                f"{type(target)}"
            )
        for i in range(0, len(items), 2):
            target[items[i]] = items[i + 1]

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def add_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            raise UnpicklingError(f"Can only add items to sets, but got {type(target)}")
        target.update(items)

    def dict_of(self, items: list[Any]) -> None:
        self.push({})
        self.set_items(items)


def _push(value: Callable[[SafeUnpickler], Any]) -> Callable[[SafeUnpickler], None]:
    return lambda m: m.push(value(m))


def _put(form: str) -> Callable[[SafeUnpickler], None]:
    return lambda m: m.memo.__setitem__(m.number(form), m.stack[-1])


def _get(form: str) -> Callable[[SafeUnpickler], None]:
    return lambda m: m.push(m.memo[m.number(form)])


_STEPS: dict[int, Callable[[SafeUnpickler], None]] = {
    code[0]: step
    for code, step in {
        pickle.PROTO: lambda m: m.read(1),
        pickle.FRAME: lambda m: m.read(8),
        pickle.GLOBAL: SafeUnpickler.global_,
        pickle.STACK_GLOBAL: SafeUnpickler.stack_global,
        pickle.REDUCE: SafeUnpickler.reduce,
        pickle.NEWOBJ: SafeUnpickler.new,
        pickle.NEWOBJ_EX: SafeUnpickler.new_ex,
        pickle.BUILD: SafeUnpickler.build,
        pickle.BINPERSID: SafeUnpickler.persistent,
        pickle.MARK: SafeUnpickler.mark,
        pickle.POP: SafeUnpickler.pop,
        pickle.POP_MARK: SafeUnpickler.popped,
        pickle.DUP: _push(lambda m: m.stack[-1]),
        pickle.APPEND: lambda m: m.append([m.stack.pop()]),
        pickle.APPENDS: lambda m: m.append(m.popped()),
        pickle.SETITEM: SafeUnpickler.set_item,
        pickle.SETITEMS: lambda m: m.set_items(m.popped()),
        pickle.ADDITEMS: lambda m: m.add_items(m.popped()),
        pickle.TUPLE: _push(lambda m: tuple(m.popped())),
        pickle.LIST: _push(lambda m: m.popped()),
        pickle.DICT: lambda m: m.dict_of(m.popped()),
        pickle.FROZENSET: _push(lambda m: frozenset(m.popped())),
        pickle.TUPLE1: lambda m: m.tuple_of(1),
        pickle.TUPLE2: lambda m: m.tuple_of(2),
        pickle.TUPLE3: lambda m: m.tuple_of(3),
        pickle.NONE: _push(lambda m: None),
        pickle.NEWTRUE: _push(lambda m: True),
        pickle.NEWFALSE: _push(lambda m: False),
        pickle.EMPTY_TUPLE: _push(lambda m: ()),
        pickle.EMPTY_LIST: _push(lambda m: []),
        pickle.EMPTY_DICT: _push(lambda m: {}),
        pickle.EMPTY_SET: _push(lambda m: set()),
        pickle.BININT: _push(lambda m: m.number("<i")),
        pickle.BININT1: _push(lambda m: m.number("<B")),
        pickle.BININT2: _push(lambda m: m.number("<H")),
        pickle.BINFLOAT: _push(lambda m: m.number(">d")),
        pickle.LONG1: _push(lambda m: decode_long(m.read(m.number("<B")))),
        pickle.LONG4: _push(lambda m: decode_long(m.read(m.number("<I")))),
        pickle.SHORT_BINUNICODE: _push(lambda m: m.read(m.number("<B")).decode("utf-8", "surrogatepass")),
        pickle.BINUNICODE: _push(lambda m: m.read(m.number("<I")).decode("utf-8", "surrogatepass")),
        pickle.BINUNICODE8: _push(lambda m: m.read(m.number("<Q")).decode("utf-8", "surrogatepass")),
        pickle.SHORT_BINSTRING: _push(lambda m: m.read(m.number("<B")).decode("utf-8")),
        pickle.SHORT_BINBYTES: _push(lambda m: m.read(m.number("<B"))),
        pickle.BINBYTES: _push(lambda m: m.read(m.number("<I"))),
        pickle.BINBYTES8: _push(lambda m: m.read(m.number("<Q"))),
        pickle.BYTEARRAY8: _push(lambda m: bytearray(m.read(m.number("<Q")))),
        pickle.BINPUT: _put("<B"),
        pickle.LONG_BINPUT: _put("<I"),
        pickle.MEMOIZE: lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]),
        pickle.BINGET: _get("<B"),
        pickle.LONG_BINGET: _get("<I"),
    }.items()
}


class TrustingUnpickler(pickle.Unpickler):
    """Python's unpickler, which runs what the file says, with PyTorch's names led to chainrule's objects."""

    def __init__(self, file: Any, storage: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(file, **options)
        self._storage = storage

    def persistent_load(self, saved: Any) -> Any:
        if type(saved) is not tuple or not saved or saved[0] not in ("storage", b"storage"):
            raise RuntimeError(f"Unknown saved id type: {saved!r:.100}")
        return self._storage(saved)

    def find_class(self, module: str, name: str) -> Any:
        found = counterpart(module, name)
        if found is not None:
            return found
        if module.partition(".")[0] == "torch":
            raise UnpicklingError(
                f"the file holds {module}.{name} of PyTorch, which chainrule has no counterpart of: save the "
                "state_dict() there and load that"
            )
        return super().find_class(module, name)
