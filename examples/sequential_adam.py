"""A line through noisy points: Sequential, Adam, a DataLoader, and a plot of the fit."""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.linspace(0, 10, 60)
y = 3 * x - 4 + 2 * torch.randn(60)
batches = DataLoader(TensorDataset(x.unsqueeze(1), y.unsqueeze(1)), batch_size=10, shuffle=True)

model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

for epoch in range(200):
    total = 0.0
    for inputs, targets in batches:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 40 == 39:
        print(f"epoch {epoch + 1:3d}   mean loss {total / len(batches):.4f}")

with torch.no_grad():
    fitted = model(x.unsqueeze(1)).squeeze(1)
plt.plot(x.numpy(), y.numpy(), "o", alpha=0.4, label="data")
plt.plot(x.numpy(), fitted.numpy(), label="fitted")
plt.legend()
plt.show()
