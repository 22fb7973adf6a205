"""784-512-512-10, batch 128, cross-entropy, SGD with momentum 0.9.

Claim: on two threads ≥ 1.4× as fast as JAX's loop on the device, ≥ 2.5× as PyTorch, and
≥ 80 % of the FMA peak.
"""

from __future__ import annotations

from .mlp import perceptron
from .workload import Aim

WORKLOAD = perceptron(
    "784-512-512-10, batch 128, SGD",
    (784, 512, 512, 10),
    128,
    (Aim(2, "jax/loop", 1.4), Aim(2, "torch eager|torch.compile", 2.5), Aim(2, "peak", 0.8)),
    steps=40,
)
