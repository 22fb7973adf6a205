"""From IR text to addresses of machine code: LLVM through llvmlite, one long-lived linker."""

from __future__ import annotations

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


@cache
def _machine(target: Target) -> Any:
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
    module = _llvm().parse_assembly(text)
    module.triple = target.triple
    if verify:
        module.verify()
    code: bytes = _machine(target).emit_object(module)
    return code


class Library:
    """Machine code in memory: `address(name)` of its functions; it lives as long as this object."""

    def __init__(self, code: bytes, exported: tuple[str, ...]) -> None:
        builder = _llvm().JITLibraryBuilder().add_object_img(code).add_current_process()
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

        return Library(cached_object(text, target), exported)
    return Library(object_code(text, target, verify=verify), exported)
