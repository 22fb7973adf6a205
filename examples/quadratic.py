"""Fit y = w1·x² + w2·x + b to five points by gradient descent, one point at a time.

An ordinary PyTorch script: run it with `chainrule run examples/quadratic.py`, or with `python` where PyTorch
is installed.
"""

import torch

points = [(-2.0, 9.0), (-1.0, 2.0), (0.0, -1.0), (1.0, 0.0), (2.0, 5.0)]  # y = 2x² - x - 1
w1, w2, b = (torch.zeros(1, requires_grad=True) for _ in range(3))
rate = 0.02

for epoch in range(301):
    total = 0.0
    for x, y in points:
        loss = (w1 * x**2 + w2 * x + b - y) ** 2
        loss.backward()
        with torch.no_grad():
            for p in (w1, w2, b):
                p -= rate * p.grad
                p.grad.zero_()
        total += loss.item()
    if epoch % 50 == 0:
        print(f"epoch {epoch:3d}  loss {total:.6f}")

print(f"y = {w1.item():.3f} x^2 + {w2.item():.3f} x + {b.item():.3f}")
