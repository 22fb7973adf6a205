"""The searches of a fit: Levenberg–Marquardt, L-BFGS, and first-order steps on batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...program.ir import Program, Var
from ..checkpoint import Checkpoint
from ..history import History
from ..problem import InputError, problem
from ..progress import Progress
from .lm import Found, Linear, State, Tolerances, minimise, polished
from .squares import Squares

Array = np.ndarray[Any, Any]
OPTIMIZERS = ("lm", "lbfgs", "sgd", "momentum", "rmsprop", "adam")
NAMES = {
    "lm": "Levenberg–Marquardt", "lbfgs": "L-BFGS-B", "sgd": "gradient descent", "momentum": "momentum",
    "rmsprop": "RMSprop", "adam": "Adam",
}  # fmt: skip


@dataclass
class Run:
    """How a search runs, and what it leaves: its history, and why it stopped."""

    optimizer: str
    lr: float
    epochs: int
    batch_size: int
    seed: int
    history: History
    progress: Progress | None
    checkpoint: Checkpoint | None
    resume: bool
    identity: Mapping[str, Any] = field(default_factory=dict)
    stopped: str = ""  # "interrupted" after Ctrl-C


def search(problem: Squares, start: Array, lower: Array, upper: Array, run: Run) -> Found:
    """The point where a search ended."""
    if run.optimizer == "lm":
        return _lm(problem, start, lower, upper, run)
    if run.optimizer == "lbfgs":
        return _lbfgs(problem, start, lower, upper, run)
    return _batches(problem, start, lower, upper, run)


# ----- whole data at a time


class _Steps:
    """History, progress and checkpoints of a search that takes all rows in each step."""

    def __init__(self, problem: Squares, run: Run) -> None:
        self.problem, self.run = problem, run
        self.began = time.monotonic()

    def add(self, step: int, linear: Linear) -> None:
        rows = len(self.problem.target)
        figures = {
            "loss": self.problem.of.shown(linear.loss, rows),
            "grad_norm": self.problem.of.shown(2 * float(np.linalg.norm(linear.gradient)), rows),
            "time": time.monotonic() - self.began,
        }
        self.run.history.add(step, **figures)
        if self.run.progress is not None:
            self.run.progress.update(step, {k: figures[k] for k in ("loss", "grad_norm")})

    def keep(self, state: Mapping[str, Any], last: bool = False) -> None:
        """Write the checkpoint, if it is time."""
        file = self.run.checkpoint
        if file is not None and (last or file.due()):
            identity = {**self.run.identity, "optimizer": self.run.optimizer}
            file.save({"identity": identity, "history": self.run.history.state(), **state})

    def load(self) -> dict[str, Any] | None:
        """What a checkpoint of the same fit holds, if one is to be gone on from."""
        if self.run.checkpoint is None or not self.run.resume:
            return None
        state = self.run.checkpoint.load()
        for name, value in {**self.run.identity, "optimizer": self.run.optimizer}.items():
            if state.get("identity", {}).get(name) != value:
                raise problem(
                    f"{self.run.checkpoint.path} belongs to another fit: its {name} differs",
                    came=str(state.get("identity", {}).get(name)),
                    expected=str(value),
                    fix="give the same formula, data and options, or leave out --resume",
                )
        self.run.history.rows[:] = History.from_state(state["history"]).rows
        return state


def _lm(problem: Squares, start: Array, lower: Array, upper: Array, run: Run) -> Found:
    steps = _Steps(problem, run)
    state = steps.load()
    at: Array | State = start
    if state is not None:
        at = State(state["steps"], state["p"], state["scale"], state["radius"])
    else:
        steps.add(0, problem.linear(start))
    seen: list[tuple[State, Linear]] = []

    def each(now: State, linear: Linear) -> None:
        seen[:] = [(now, linear)]
        steps.add(now.steps, linear)
        steps.keep(now._asdict())

    try:
        found = minimise(problem, at, lower, upper, Tolerances(steps=run.epochs), each)
        found = polished(problem, found, lower, upper)
    except KeyboardInterrupt:
        run.stopped = "interrupted"
        now = seen[0][0] if seen else State(0, start, np.ones_like(start), 1.0)
        if seen:
            steps.keep(now._asdict(), last=True)
        return Found(now.p, problem.linear(now.p), "interrupted", now.steps)
    if seen:
        steps.keep(seen[0][0]._asdict(), last=True)
    return found


def _lbfgs(problem: Squares, start: Array, lower: Array, upper: Array, run: Run) -> Found:
    """SciPy's L-BFGS-B on the exact gradient, in units in which the Jacobian's columns have length 1.

    R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, SIAM J. Scientific Computing 16, 1995.
    """
    from scipy.optimize import minimize

    steps = _Steps(problem, run)
    state = steps.load()
    begin = start if state is None else state["p"]
    done = 0 if state is None else state["steps"]
    first = problem.linear(begin)
    unit = np.where(first.norms > 0, 1 / np.where(first.norms > 0, first.norms, 1), 1.0)
    if state is not None:
        unit = state["unit"]
    else:
        steps.add(0, first)
    kept: dict[str, Any] = {"p": begin, "steps": done, "linear": first}

    def value(u: Array) -> tuple[float, Array]:
        p = np.clip(u * unit, lower, upper)
        here = problem.linear(p)
        if not here.finite:
            return np.inf, np.zeros_like(u)
        kept["seen"] = (p, here)
        return here.loss, 2 * here.gradient * unit

    def each(u: Array) -> None:
        p, here = kept["seen"]
        kept.update(p=p, linear=here, steps=kept["steps"] + 1)
        steps.add(kept["steps"], here)
        steps.keep({"p": p, "steps": kept["steps"], "unit": unit})

    limits = {"maxiter": max(run.epochs - done, 0), "maxfun": 10**9, "ftol": 1e-16, "gtol": 0, "maxcor": 20}
    reason = ""
    try:
        found = minimize(
            value, begin / unit, jac=True, method="L-BFGS-B", callback=each,
            bounds=list(zip(lower / unit, upper / unit)), options=limits,
        )  # fmt: skip
        reason = "the loss no longer changes" if found.nit < limits["maxiter"] else ""
    except KeyboardInterrupt:
        run.stopped = reason = "interrupted"
    steps.keep({"p": kept["p"], "steps": kept["steps"], "unit": unit}, last=True)
    return Found(kept["p"], problem.linear(kept["p"]), reason, kept["steps"])


# ----- batches


def on_tensors(program: Program, values: dict[Var, Any]) -> Any:
    """The result of an elementwise program on tensors, of any number of rows."""
    for e in program.equations:
        operands = [values[a] if isinstance(a, Var) else a for a in e.operands]
        values[e.output] = e.op(*e.with_operands(operands))
    return values[program.outputs[0]]


def _optimizer(name: str, parameters: Any, lr: float) -> Any:
    from ... import optim

    make: dict[str, Callable[[], Any]] = {
        "sgd": lambda: optim.SGD(parameters, lr=lr),
        "momentum": lambda: optim.SGD(parameters, lr=lr, momentum=0.9),
        "rmsprop": lambda: optim.RMSprop(parameters, lr=lr),
        "adam": lambda: optim.Adam(parameters, lr=lr),
    }
    return make[name]()


def _batches(problem: Squares, start: Array, lower: Array, upper: Array, run: Run) -> Found:
    """Steps on batches in random order, compiled; parameters are put back into their bounds after each."""
    from ... import compile as compiled
    from ... import from_numpy, no_grad, tensor
    from ...random import Generator
    from ...types import float64
    from ..loop import Loop

    model = problem.model
    program, inputs = model.program(1)
    free: dict[str, Any] = {
        n: tensor(v, dtype=float64, requires_grad=True) for n, v in zip(problem.names, start.tolist())
    }
    held = {n: tensor(v, dtype=float64) for n, v in problem.fixed.items()}
    constants = {v: tensor(a.item(), dtype=float64) for v, a in program.constants.items()}
    optimizer = _optimizer(run.optimizer, list(free.values()), run.lr)
    limits: list[Any] = [
        (free[n], *(float(v) if np.isfinite(v) else None for v in (low, high)))
        for n, low, high in zip(problem.names, lower, upper)
        if np.isfinite(low) or np.isfinite(high)
    ]

    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        values = {**constants, **{inputs[n]: c for n, c in zip(model.columns, batch)}}
        values.update((inputs[n], t) for n, t in (*free.items(), *held.items()) if n in inputs)
        loss = problem.of.tensors(on_tensors(program, values), batch[-1])
        loss.backward()
        optimizer.step()
        with no_grad():
            for t, low, high in limits:
                t.clamp_(low, high)
        return loss

    columns = [np.ascontiguousarray(problem.data[n], np.float64) for n in model.columns]
    tensors = [from_numpy(c) for c in (*columns, problem.target)]
    rows = len(problem.target)
    generator = Generator().manual_seed(run.seed)
    loop = Loop(
        compiled(step), tensors, epochs=run.epochs, batch_size=min(run.batch_size, rows),
        parameters=free, optimizer=optimizer, generator=generator, history=run.history,
        progress=run.progress, checkpoint=run.checkpoint, resume=run.resume,
        identity={**run.identity, "lr": run.lr, "batch_size": run.batch_size, "seed": run.seed},
    )  # fmt: skip
    loop.run()
    run.stopped = loop.stopped
    p = np.array([t.item() for t in free.values()])
    linear = problem.linear(p)
    if not linear.finite:
        raise InputError("the formula has no finite value where the search ended; a smaller --lr may help")
    return Found(p, linear, "" if loop.stopped == "epochs" else loop.stopped, len(run.history))
