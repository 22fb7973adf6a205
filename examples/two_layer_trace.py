"""One step through two linear layers, every number of the backward pass printed beside the engine's."""

import torch

x = torch.tensor([1.0, 2.0, 3.0])
y = torch.tensor([3.0, 5.0, 7.0])
a1, b1, a2, b2 = (torch.tensor(v, requires_grad=True) for v in (0.5, 0.2, 1.5, -0.1))

u = a1 * x + b1
p = a2 * u + b2
loss = torch.sum((p - y) ** 2) / 2
u.retain_grad()
p.retain_grad()
loss.backward()

print(f"layer 1   u = a1*x + b1  {u}")
print(f"layer 2   p = a2*u + b2  {p}")
print(f"loss      {loss}")
error = (p - y).detach()
print(f"dL/dp  = p - y           {error}   engine {p.grad}")
back = a2.detach() * error
print(f"dL/du  = a2*(p - y)      {back}   engine {u.grad}")
print(f"dL/da2 = sum dL/dp * u   {torch.sum(error * u.detach())}   engine {a2.grad}")
print(f"dL/db2 = sum dL/dp       {torch.sum(error)}   engine {b2.grad}")
print(f"dL/da1 = sum dL/du * x   {torch.sum(back * x)}   engine {a1.grad}")
print(f"dL/db1 = sum dL/du       {torch.sum(back)}   engine {b1.grad}")
