"""Momentum by hand and by torch.optim.SGD: v ← γ·v + g, w ← w - η·v, the same numbers in the same order."""

import torch
from torch import nn

torch.manual_seed(0)
inputs = torch.tensor([[0.5, 1.0, -1.0], [1.5, -0.5, 0.3], [-1.0, 0.7, 0.9]])
classes = torch.tensor([0, 2, 1])
rate, gamma = 0.1, 0.9


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))


by_hand, by_optim = network(), network()
velocity = [torch.zeros_like(p) for p in by_hand.parameters()]
optimizer = torch.optim.SGD(by_optim.parameters(), lr=rate, momentum=gamma)
criterion = nn.CrossEntropyLoss()

for step in range(20):
    loss_by_hand = criterion(by_hand(inputs), classes)
    by_hand.zero_grad()
    loss_by_hand.backward()
    with torch.no_grad():
        for p, v in zip(by_hand.parameters(), velocity):
            v.mul_(gamma).add_(p.grad)
            p.sub_(v, alpha=rate)

    loss_by_optim = criterion(by_optim(inputs), classes)
    optimizer.zero_grad()
    loss_by_optim.backward()
    optimizer.step()
    if step % 5 == 4:
        print(f"step {step + 1:2d}   by hand {loss_by_hand.item():.6f}   SGD {loss_by_optim.item():.6f}")

difference = max((a - b).abs().max().item() for a, b in zip(by_hand.parameters(), by_optim.parameters()))
print(f"largest difference of a weight: {difference:.1e}")
