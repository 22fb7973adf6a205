"""LeNet-5 on 28×28 images, batch 128, cross-entropy, Adam: one epoch of 60,000 synthetic images.

Claim: ≥ 2× as fast as the best of PyTorch (NCHW and channels_last) and ≥ 2× as JAX. The last 96 images, which
fill no batch, are left out: 468 steps. The peers are timed on 40 of them: JAX's loop needs a minute for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .in_jax import adam, cross_entropy, dense, trainer
from .workload import Aim, Arrays, Weights, Workload, generator, linear, load, supervised, uniform

BATCH, LR = 128, 1e-3
IMAGES = 60_000 // BATCH * BATCH
_TORCH = ("torch eager", "torch eager/channels_last", "torch.compile", "torch.compile/channels_last")
_JAX = ("jax/loop", "jax/step", "jax/loop/nhwc", "jax/step/nhwc")


def data() -> Arrays:
    rng = generator()
    return rng.standard_normal((IMAGES, 1, 28, 28), np.float32), rng.integers(0, 10, IMAGES)


def weights() -> Weights:
    rng = generator(1)
    made: Weights = {}
    for name, outputs, inputs in (("0", 6, 1), ("3", 16, 6)):
        made[f"{name}.weight"] = uniform(rng, (outputs, inputs, 5, 5), inputs * 25)
        made[f"{name}.bias"] = uniform(rng, (outputs,), inputs * 25)
    for name, inputs, outputs in (("7", 400, 120), ("9", 120, 84), ("11", 84, 10)):
        linear(rng, made, name, inputs, outputs)
    return made


def build(torch: Any, channels_last: bool = False) -> Callable[..., Any]:
    nn = torch.nn
    features = (
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
    )
    head = (nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    model = load(torch, nn.Sequential(*features, nn.Flatten(), *head), weights())
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=LR)
    return supervised(model, criterion, optimizer)


def in_jax(nhwc: bool = False) -> tuple[Any, Callable[..., Any]]:
    import jax

    jnp = jax.numpy
    axis = 3 if nhwc else 1
    layout = ("NHWC", "OIHW", "NHWC") if nhwc else ("NCHW", "OIHW", "NCHW")

    def conv(p: Any, name: str, x: Any, padding: int) -> Any:
        pads = ((padding, padding),) * 2
        y = jax.lax.conv_general_dilated(x, p[f"{name}.weight"], (1, 1), pads, dimension_numbers=layout)
        bias = p[f"{name}.bias"]
        return jax.nn.relu(y + (bias if nhwc else bias[:, None, None]))

    def pool(x: Any) -> Any:
        """Maxima of 2×2 windows by reshaping: its gradient is quicker than reduce_window's."""
        n, a, b, c = x.shape
        if nhwc:
            return x.reshape(n, a // 2, 2, b // 2, 2, c).max((2, 4))
        return x.reshape(n, a, b // 2, 2, c // 2, 2).max((3, 5))

    def loss(p: Any, x: Any, y: Any) -> Any:
        x = pool(conv(p, "0", jnp.moveaxis(x, 1, axis), 2))
        x = jnp.moveaxis(pool(conv(p, "3", x, 0)), axis, 1).reshape(BATCH, -1)
        x = jax.nn.relu(dense(p, "9", jax.nn.relu(dense(p, "7", x))))
        return cross_entropy(dense(p, "11", x), y)

    return trainer(weights(), loss, adam(LR))


WORKLOAD = Workload(
    claim="LeNet-5, 60,000 images, batch 128, Adam",
    data=data,
    batch=BATCH,
    build=build,
    in_jax=in_jax,
    peers=("chainrule/loop", "chainrule/step", *_TORCH, *_JAX),
    aims=tuple(Aim(t, theirs, 2) for t in (1, 2) for theirs in ("torch eager|torch.compile", "jax")),
    steps=dict.fromkeys((*_TORCH, *_JAX), 40),
    choices={p: {p.split("/")[-1]: True} for p in (*_TORCH, *_JAX) if p.endswith(("channels_last", "nhwc"))},
)
