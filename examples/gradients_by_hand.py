"""The chain rule by hand against the engine's: L = ½ Σ (w2·tanh(w1·x + b1) + b2 - y)².

With h = tanh(w1·x + b1) and the error e = w2·h + b2 - y:

    ∂L/∂b2 = Σ e        ∂L/∂w2 = Σ e·h
    ∂L/∂b1 = Σ e·w2·(1 - h²)        ∂L/∂w1 = Σ e·w2·(1 - h²)·x
"""

import torch

x = torch.linspace(-1, 1, 5)
y = torch.sin(2 * x)
w1, b1, w2, b2 = (torch.tensor(v, requires_grad=True) for v in (0.8, 0.1, 1.2, -0.3))

h = torch.tanh(w1 * x + b1)
e = w2 * h + b2 - y
loss = (e**2).sum() / 2
loss.backward()

with torch.no_grad():
    back = e * w2 * (1 - h**2)
    by_hand = {"w1": (back * x).sum(), "b1": back.sum(), "w2": (e * h).sum(), "b2": e.sum()}

print(f"loss {loss.item():.6f}")
for name, p in (("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2)):
    print(f"dL/d{name}   by hand {by_hand[name].item():+.6f}   automatic {p.grad.item():+.6f}")
