"""What an update rule is: a pure function in the traced language, and as data what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ...ops.record import Carrier
from ...ops.select import where
from ...types import Shape


class Entry(NamedTuple):
    """One entry of a parameter's state.

    name   its key in `optimizer.state[p]`
    start  its value before the first step: a number, the name of a hyper-parameter, or None: the rule is
           given None at the first step and makes it
    when   the hyper-parameter that must be set for the entry to be kept; else the rule is given None
    shape  its shape as a function of the parameter's (None: not kept); without it, the parameter's own
    """

    name: str
    start: float | str | None = 0.0
    when: str = ""
    shape: Callable[[Shape], Shape | None] | None = None


class Rule(NamedTuple):
    """An update rule: update(p, g, *numbers, *buffers, **hyper) -> (p, *numbers, *buffers).

    update       written in the traced language: operators, Python numbers and operation records. So the same
                 function runs on arrays, tensors, program variables and symbols
    hyper        the keys of the param group that it is given. Flags, momentum and weight_decay choose what is
                 computed: a trace needs their values; lr, betas and eps may be variables
    numbers      state entries that are one number per parameter, such as the step count
    buffers      state entries of the parameter's shape, such as running averages
    elementwise  it treats every element alike: it may run on blocks, and on many parameters laid end to end
    """

    update: Callable[..., tuple[Any, ...]]
    hyper: tuple[str, ...]
    numbers: tuple[Entry, ...] = ()
    buffers: tuple[Entry, ...] = ()
    elementwise: bool = True


STEP = Entry("step")


def branch(flag: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then()` if the number `flag` holds, else `otherwise()`; both are traced while it is not known."""
    if isinstance(flag, Carrier):
        return where(flag, then(), otherwise())
    return then() if flag else otherwise()


def lerp(a: Any, b: Any, w: Any) -> Any:
    """a + w·(b - a), from the nearer end as PyTorch computes it."""
    if isinstance(w, Carrier) or w < 0.5:
        return a + w * (b - a)
    return b - (b - a) * (1 - w)


def given(number: Any) -> bool:
    """Whether a hyper-parameter is in use: it is not zero, or not known while a trace is made."""
    return isinstance(number, Carrier) or number != 0


def decayed(p: Any, g: Any, weight_decay: Any, maximize: bool) -> Any:
    """The gradient of the objective to be minimised, with the L2 penalty's: ±g + λ·p."""
    if maximize:
        g = -g
    return g + weight_decay * p if given(weight_decay) else g


def shrunk(p: Any, g: Any, lr: Any, weight_decay: Any, decoupled: bool, maximize: bool) -> tuple[Any, Any]:
    """Parameter and gradient with the weight decay in one: p·(1 - lr·λ) if decoupled, else g + λ·p."""
    if not decoupled:
        return p, decayed(p, g, weight_decay, maximize)
    if given(weight_decay):
        p = p * (1 - lr * weight_decay)
    return p, -g if maximize else g
