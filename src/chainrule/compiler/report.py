"""What became of a step: its kernels, what was fused into them, memory, threads and times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .assemble import FIRST, Assembled
from .loops import LoopKernel
from .product import ProductKernel


def report(name: str, assembled: Assembled, threads: int, seconds: dict[str, float]) -> str:
    """The page."""
    lines = [f"{name}: {len(assembled.schedule.groups)} kernels on {threads} thread{'s' * (threads > 1)}"]
    times = ", ".join(f"{what} {1e3 * s:.1f} ms" for what, s in seconds.items())
    constants = sum(c.nbytes for c in assembled.constants)
    lines.append(f"  made in  {times}")
    lines.append(
        f"  memory   {_bytes(assembled.arena_bytes)} between kernels, {_bytes(constants)} of constants, "
        f"{_bytes(sum(v.nbytes for v in assembled.results))} of results for each call"
    )
    for i, (title, operations, written) in enumerate(kernels(assembled)):
        lines += [f"  {i:3}  {title}", f"       {operations}", f"       writes {written}"]
    if assembled.calls:
        names = sorted({call[0].op.name for call in assembled.calls})
        lines.append(f"  by their NumPy forward, called from the step: {', '.join(names)}")
    return "\n".join(lines)


def kernels(assembled: Assembled) -> Iterator[tuple[str, str, str]]:
    """Of each kernel what it is, its operations, and what it writes; the same on every machine."""
    schedule = assembled.schedule
    inputs = range(FIRST, FIRST + assembled.inputs)
    for group, kernel in zip(schedule.groups, assembled.kernels):
        operations = " · ".join(_counted(e.op.name for e in group.equations()))
        written = []
        rows = kernel.rows if isinstance(kernel, LoopKernel) else ()  # in scratch memory
        for v in kernel.stores if kernel is not None else group.place:
            if v in rows:
                continue
            slot = schedule.layouts.of[v].buffer.slot
            place = "" if slot is None else " in place" if slot in inputs else " as a result"
            written.append(v.type + place)
        yield _title(group, kernel), operations, ", ".join(_counted(written)) or "nothing"


def _title(group: Any, kernel: Any) -> str:
    if isinstance(kernel, ProductKernel):
        batch = "×".join(map(str, group.domain[:-2]))
        shape = f"{kernel.m}×{kernel.k} by {kernel.k}×{kernel.n}"
        return f"matrix product {batch + ' of ' if batch else ''}{shape}"
    if kernel is None:
        return "call of NumPy"
    if group.kind != "loop":
        return f"kernel of its own, {list(group.domain)}"
    folded = [group.domain[d] for d in group.reduced]
    return f"loop over {list(group.domain) or 'one number'}" + (f", folds {folded}" if folded else "")


def _counted(names: Iterable[str]) -> list[str]:
    """In order, repeated neighbours counted."""
    out: list[list[Any]] = []
    for name in names:
        if out and out[-1][0] == name:
            out[-1][1] += 1
        else:
            out.append([name, 1])
    return [name if n == 1 else f"{name} ×{n}" for name, n in out]


def _bytes(n: int) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"
