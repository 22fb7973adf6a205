"""From IR text to addresses of machine code: LLVM through llvmlite, one long-lived linker."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any

from .target import Target, host

_number = count(1)


@cache
def _llvm() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@cache
def _foreign() -> None:
    """Make ready for other processors' code, which takes longer."""
    _llvm().initialize_all_targets()
    _llvm().initialize_all_asmprinters()


_own = threading.local()


def _machine(target: Target) -> Any:
    """This thread's machine for a target: see NOTE [LLVM's lock] in objects.py."""
    machines: dict[Any, Any] = _own.__dict__
    if target not in machines:
        machines[target] = _new_machine(target)
    return machines[target]


def _new_machine(target: Target) -> Any:
    llvm = _llvm()
    if target.triple != host().triple:
        _foreign()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, codemodel="jitdefault", reloc="pic"
    )


@cache
def _linker() -> Any:
    llvm = _llvm()
    return llvm.create_lljit_compiler(_machine(host()))


def object_code(text: str, target: Target, *, verify: bool = False) -> bytes:
    """The object file of a module's text."""
    llvm = _llvm()
    module = llvm.parse_assembly(text, llvm.create_context())
    module.triple = target.triple
    if verify:
        module.verify()
    return _emitted(_machine(target), module)


def _behind_the_lock() -> Any:
    from llvmlite.binding import ffi

    return getattr(ffi.lib.LLVMPY_TargetMachineEmitToMemory, "_cfn", None)


def _emitted(machine: Any, module: Any) -> bytes:
    """machine.emit_object(module), past llvmlite's lock: NOTE [LLVM's lock] in objects.py."""
    from llvmlite.binding import ffi

    emit = _behind_the_lock()
    if emit is None:
        code: bytes = machine.emit_object(module)
        return code
    with ffi.OutputString() as error:
        buffer = emit(machine, module, 1, error)
        if not buffer:
            raise RuntimeError(str(error))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


class Library:
    """Machine code in memory: `address(name)` of its functions; it lives as long as this object."""

    def __init__(self, objects: Sequence[bytes], exported: tuple[str, ...]) -> None:
        builder = _llvm().JITLibraryBuilder().add_current_process()
        for code in objects:
            builder.add_object_img(code)
        for name in exported:
            builder.export_symbol(name)
        self._library = builder.link(_linker(), f"chainrule.{next(_number)}")

    def address(self, name: str) -> int:
        """Where an exported function starts."""
        return int(self._library[name])


def load(
    text: str,
    exported: tuple[str, ...],
    target: Target | None = None,
    *,
    verify: bool = False,
    cache: bool = False,
) -> Library:
    """Compile a module's text for this machine (or a lesser target it can run) and load it.

    With `cache`, the object file of an earlier run is used if there is one; the text must hold no addresses.
    """
    target = target or host()
    if cache:
        from .cache import cached_object

        return Library([cached_object(text, target)], exported)
    return Library([object_code(text, target, verify=verify)], exported)
