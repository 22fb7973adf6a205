"""A training step as one piece of machine code: forward, backward and update, then the whole loop."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.MSELoss()

x = torch.rand(256, 2) * 2 - 1
y = (x[:, :1] * x[:, 1:]).sin()


def step(x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


compiled = torch.compile(step)
for _ in range(200):
    for i in range(0, len(x), 64):
        loss = compiled(x[i : i + 64], y[i : i + 64])
print(f"loss {loss.item():.3f}")
