"""The ways to run a workload: each gives a call that trains for some steps and returns their losses.

chainrule/loop   cr.train: the loop over the batches is native
chainrule/step   a Python loop around the compiled step
                 …/tensors: samples of one element where the others get Python numbers
chainrule/eager  the step as it is
torch eager      the step as it is
torch.compile    the step under torch.compile
jax/loop         lax.scan over the batches and epochs in one jitted call
jax/step         a Python loop around the jitted step, its state donated
A second slash names a variant; the workload's `choices` say what it is.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .workload import LOSSES, Workload


class Program(NamedTuple):
    """`train()` makes `steps` steps and returns their losses; `once()`, in a Python loop's way, makes one.

    `note` says what ran if it is not what was asked for.
    """

    train: Callable[[], Sequence[Any]]
    steps: int
    note: str = ""
    once: Callable[[], Any] | None = None


def program(workload: Workload, peer: str, threads: int) -> Program:
    """The workload in a peer's way, ready to train."""
    library = peer.split("/")[0]
    build = {"chainrule": _chainrule, "torch eager": _torch, "torch.compile": _torch, "jax": _jax}[library]
    return build(workload, peer, threads)


def _passes(workload: Workload, peer: str, arrays: tuple[Any, ...]) -> tuple[int, int]:
    """(passes, batches of each): enough for the losses that are compared."""
    batches = len(arrays[0]) // workload.batch
    steps = max(workload.steps.get(peer, batches), LOSSES)
    return max(steps // batches, 1), min(steps, batches)


def _python_loop(
    step: Callable[..., Any], batches: list[tuple[Any, ...]], passes: int, note: str = ""
) -> Program:
    def train() -> list[Any]:
        losses = []
        for _ in range(passes):
            for batch in batches:
                losses.append(step(*batch))
        return losses

    return Program(train, passes * len(batches), note, lambda: step(*batches[0]))


def _batches(workload: Workload, peer: str, tensors: tuple[Any, ...], count: int) -> list[tuple[Any, ...]]:
    size = workload.batch
    if workload.scalars and not peer.endswith("/tensors"):
        return list(zip(*(t[:count].tolist() for t in tensors)))
    return [tuple(t[i * size : (i + 1) * size] for t in tensors) for i in range(count)]


def _torch(workload: Workload, peer: str, threads: int) -> Program:
    import torch

    torch.set_num_threads(threads)
    step = workload.build(torch, **workload.choices.get(peer, {}))
    if peer.startswith("torch.compile"):
        step = torch.compile(step)
    tensors = tuple(torch.from_numpy(a) for a in workload.data())
    passes, count = _passes(workload, peer, tensors)
    return _python_loop(step, _batches(workload, peer, tensors, count), passes)


def _chainrule(workload: Workload, peer: str, threads: int) -> Program:
    import chainrule as cr

    for name in ("nn", "optim", "autograd"):
        importlib.import_module(f"chainrule.{name}")
    cr.set_num_threads(threads)
    step = workload.build(cr, **workload.choices.get(peer, {}))
    tensors = tuple(cr.from_numpy(a) for a in workload.data())
    passes, count = _passes(workload, peer, tensors)
    batches = _batches(workload, peer, tensors, count)
    way, note = peer.split("/")[1], ""
    if way != "eager" and not compiles(cr):
        way, note = "eager", "eager: cr.compile does not exist"
    if way == "loop" and not hasattr(cr, "train"):
        way, note = "step", "Python loop: cr.train does not exist"
    if way == "eager":
        return _python_loop(step, batches, passes, note)
    compiled: Any = cr.compile(step)
    if way == "step":
        return _python_loop(compiled, batches, passes, note)
    data = tuple(t[: count * workload.batch] for t in tensors)
    return Program(
        lambda: cr.train(compiled, data, epochs=passes, batch_size=workload.batch), passes * count, note
    )


def compiles(cr: Any) -> bool:
    """Whether chainrule.compile is the decorator; the package of that name is not."""
    return callable(getattr(cr, "compile", None))


def _jax(workload: Workload, peer: str, threads: int) -> Program:
    import jax

    choices = dict(workload.choices.get(peer, {}))
    unroll = choices.pop("unroll", 1)
    state, step = workload.in_jax(**choices)
    state = jax.tree.map(lambda x: x.copy(), state)
    arrays = tuple(jax.numpy.asarray(a) for a in workload.data())
    passes, count = _passes(workload, peer, arrays)
    if peer.split("/")[1] == "step":
        jitted = jax.jit(step, donate_argnums=0)

        def one(*batch: Any) -> Any:
            nonlocal state
            state, loss = jitted(state, batch)
            return loss

        made = _python_loop(one, _batches(workload, peer, arrays, count), passes)
        return made._replace(train=lambda: jax.block_until_ready(made.train()))
    inner = () if workload.scalars else (workload.batch,)
    stacked = tuple(a[: count * workload.batch].reshape(count, *inner, *a.shape[1:]) for a in arrays)

    @jax.jit
    def loop(state: Any, data: Any) -> Any:
        def epoch(state: Any, _: Any) -> Any:
            return jax.lax.scan(step, state, data, unroll=unroll)

        return jax.lax.scan(epoch, state, None, length=passes)

    def train() -> Any:
        nonlocal state
        state, losses = jax.block_until_ready(loop(state, stacked))
        return losses.reshape(-1)

    return Program(train, passes * count)
