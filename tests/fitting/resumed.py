"""A run that can be killed and resumed; `python resumed.py FILE SEED` does so at random moments."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import zlib
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.fitting.checkpoint import Checkpoint
from chainrule.fitting.loop import Loop
from chainrule.fitting.problem import InputError

SCHEDULERS: dict[str, Any] = {
    "none": lambda o: None,
    "cosine": lambda o: cr.optim.lr_scheduler.CosineAnnealingLR(o, 3),
    "plateau": lambda o: cr.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5),
    "sequence": lambda o: cr.optim.lr_scheduler.SequentialLR(
        o,
        [cr.optim.lr_scheduler.LinearLR(o, total_iters=2), cr.optim.lr_scheduler.ExponentialLR(o, 0.8)],
        [2],
    ),
}


def run_of(
    checkpoint: Checkpoint | None, epochs: int, resume: bool = False, *, optimizer: str = "Adam",
    scheduler: str = "cosine", own: bool = True, seed: int = 0, samples: int = 103, compiled: bool = True,
    settings: Any = None, **options: Any,
) -> Loop:  # fmt: skip
    """A network with dropout and batch norm: everything that a checkpoint must hold has its part in it."""
    cr.manual_seed(0)
    x = cr.randn(samples, 3)
    y = (x @ cr.tensor([1.0, 2.0, 3.0])).unsqueeze(1)
    net = cr.nn.Sequential(
        cr.nn.Linear(3, 8), cr.nn.BatchNorm1d(8), cr.nn.Tanh(), cr.nn.Dropout(0.1), cr.nn.Linear(8, 1)
    )
    made = getattr(cr.optim, optimizer)(net.parameters(), lr=1e-2, **(settings or {}))

    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        made.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        made.step()
        return loss

    if seed:
        cr.manual_seed(seed)  # what a resumed run finds must not matter
    given = {"monitor": "loss", "patience": 100, **options}
    return Loop(
        cr.compile(step) if compiled else step, (x, y), epochs=epochs, batch_size=32,
        parameters=dict(net.named_parameters()), buffers=dict(net.named_buffers()), optimizer=made,
        scheduler=SCHEDULERS[scheduler](made), generator=cr.Generator().manual_seed(5) if own else None,
        checkpoint=checkpoint, resume=resume, **given,
    )  # fmt: skip


def result_of(loop: Loop) -> tuple[int, list[float]]:
    """A checksum of all values, and the losses."""
    values = np.concatenate([np.ravel(v).astype(np.float64) for v in loop.state.values().values()])
    return zlib.crc32(values.tobytes()), loop.history["loss"].tolist() if len(loop.history) else []


def one_run(path: str, epochs: int, resume: bool, seed: int) -> None:
    """Print how a run ended that saves after every step."""
    run = run_of(Checkpoint(path, every=0.0), epochs, resume, seed=seed)
    run._piece = lambda: 1  # type: ignore[method-assign]
    try:
        run.run()
    except InputError as error:
        print(error, flush=True)
    print(run.stopped, run.epoch, *result_of(run), flush=True)


def killed_again_and_again(path: str, epochs: int, seed: int) -> int:
    """Runs in processes that are killed after a random time, until one comes to its end; their number."""
    draw = random.Random(seed)
    kills = 0
    while True:
        process = os.fork()
        if not process:
            one_run(path, epochs, os.path.exists(path), seed=99 + kills if os.path.exists(path) else 0)
            os._exit(0)
        end = time.monotonic() + draw.random() * 0.03 * 1.05**kills  # … growing, so that there is an end
        while os.waitpid(process, os.WNOHANG) == (0, 0):
            if time.monotonic() >= end:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                break
            time.sleep(0.0005)
        else:
            return kills
        kills += 1
        if os.path.exists(path):
            Checkpoint(path).load()  # whole, each time


if __name__ == "__main__":
    one_run(sys.argv[1] + ".whole", 6, False, 0)
    print(killed_again_and_again(sys.argv[1], 6, int(sys.argv[2])))
