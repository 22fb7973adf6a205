"""A character GPT: 4 layers, 4 heads, width 128, context 64, batch 32, 65 characters, AdamW.

Layer norm first, GELU, causal attention written with matmul and softmax; PyTorch also with its best:
scaled_dot_product_attention and the fused AdamW. Claim: ≥ 1.3× as fast as the best of PyTorch eager,
torch.compile and JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .in_jax import adam, cross_entropy, dense, trainer
from .workload import Aim, Arrays, Weights, Workload, generator, load

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, VOCABULARY, BATCHES = 4, 4, 128, 64, 32, 65, 20
LR, DECAY = 3e-4, 0.01
_TORCH = ("torch eager", "torch eager/best", "torch.compile", "torch.compile/best")


def data() -> Arrays:
    """Texts of a random walk through the alphabet, and the same one character on."""
    steps = generator().integers(-3, 4, (BATCH * BATCHES, CONTEXT + 1))
    text = np.cumsum(steps, axis=1) % VOCABULARY
    return np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:])


def weights() -> Weights:
    rng = generator(1)
    made: Weights = {}

    def matrix(name: str, *shape: int, bias: bool = True) -> None:
        made[f"{name}.weight"] = 0.02 * rng.standard_normal(shape, np.float32)
        if bias:
            made[f"{name}.bias"] = np.zeros(shape[0], np.float32)

    def norm(name: str) -> None:
        made[f"{name}.weight"], made[f"{name}.bias"] = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    matrix("characters", VOCABULARY, WIDTH, bias=False)
    matrix("places", CONTEXT, WIDTH, bias=False)
    for block in (f"blocks.{i}" for i in range(LAYERS)):
        norm(f"{block}.before")
        matrix(f"{block}.qkv", 3 * WIDTH, WIDTH)
        matrix(f"{block}.out", WIDTH, WIDTH)
        norm(f"{block}.between")
        matrix(f"{block}.up", 4 * WIDTH, WIDTH)
        matrix(f"{block}.down", WIDTH, 4 * WIDTH)
    norm("last")
    matrix("head", VOCABULARY, WIDTH, bias=False)
    return made


def network(torch: Any, fused_attention: bool) -> Any:
    """The model as a module of `torch`."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.gelu, self.down = (
                nn.Linear(WIDTH, 4 * WIDTH),
                nn.GELU(),
                nn.Linear(4 * WIDTH, WIDTH),
            )

        def forward(self, x: Any, mask: Any) -> Any:
            n = x.shape[0]
            q, k, v = self.qkv(self.before(x)).split(WIDTH, dim=2)
            q, k, v = (a.view(n, CONTEXT, HEADS, WIDTH // HEADS).transpose(1, 2) for a in (q, k, v))
            if fused_attention:
                y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                scores = (q @ k.transpose(2, 3)) * (1 / math.sqrt(WIDTH // HEADS))
                y = torch.softmax(scores.masked_fill(mask, -math.inf), dim=3) @ v
            x = x + self.out(y.transpose(1, 2).reshape(n, CONTEXT, WIDTH))
            return x + self.down(self.gelu(self.up(self.between(x))))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.characters, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.last, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)
            later = torch.triu(torch.ones(CONTEXT, CONTEXT), diagonal=1)
            self.mask, self.order = later > 0, torch.arange(CONTEXT)

        def forward(self, text: Any) -> Any:
            x = self.characters(text) + self.places(self.order)
            for block in self.blocks:
                x = block(x, self.mask)
            return self.head(self.last(x))

    return GPT()


def build(torch: Any, best: bool = False) -> Callable[..., Any]:
    model = load(torch, network(torch, fused_attention=best), weights())
    criterion = torch.nn.CrossEntropyLoss()
    fused = {"fused": True} if best else {}
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=DECAY, **fused)

    def step(text: Any, following: Any) -> Any:
        optimizer.zero_grad()
        loss = criterion(model(text).view(-1, VOCABULARY), following.view(-1))
        loss.backward()
        optimizer.step()
        return loss

    return step


def in_jax() -> tuple[Any, Callable[..., Any]]:
    import jax

    jnp = jax.numpy
    mask = np.triu(np.ones((CONTEXT, CONTEXT), bool), 1)

    def norm(p: Any, name: str, x: Any) -> Any:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]

    def block(p: Any, name: str, x: Any) -> Any:
        parts = jnp.split(dense(p, f"{name}.qkv", norm(p, f"{name}.before", x)), 3, axis=2)
        q, k, v = (a.reshape(BATCH, CONTEXT, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3) for a in parts)
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(WIDTH // HEADS)
        y = jax.nn.softmax(jnp.where(mask, -jnp.inf, scores), axis=3) @ v
        x = x + dense(p, f"{name}.out", y.transpose(0, 2, 1, 3).reshape(BATCH, CONTEXT, WIDTH))
        up = dense(p, f"{name}.up", norm(p, f"{name}.between", x))
        return x + dense(p, f"{name}.down", jax.nn.gelu(up, approximate=False))

    def loss(p: Any, text: Any, following: Any) -> Any:
        x = p["characters.weight"][text] + p["places.weight"]
        for i in range(LAYERS):
            x = block(p, f"blocks.{i}", x)
        logits = norm(p, "last", x) @ p["head.weight"].T
        return cross_entropy(logits.reshape(-1, VOCABULARY), following.reshape(-1))

    return trainer(weights(), loss, adam(LR, decay=DECAY))


WORKLOAD = Workload(
    claim="character GPT, 4 layers, 4 heads, width 128, context 64, batch 32, AdamW",
    data=data,
    batch=BATCH,
    build=build,
    in_jax=in_jax,
    peers=("chainrule/loop", "chainrule/step", *_TORCH, "jax/loop", "jax/step"),
    aims=(Aim(1, "torch eager|torch.compile|jax", 1.3), Aim(2, "torch eager|torch.compile|jax", 1.3)),
    choices={p: {"best": True} for p in _TORCH if p.endswith("best")},
)
