# ruff: noqa
import torch, torch.nn as nn, math
from torch.autograd import grad

torch.manual_seed(0)


class PINN(nn.Module):
    def __init__(self, layers=(1, 16, 16, 1)):
        super().__init__()
        self.net = nn.Sequential(
            *[m for i in range(len(layers) - 2) for m in (nn.Linear(layers[i], layers[i + 1]), nn.Tanh())],
            nn.Linear(layers[-2], layers[-1]),
        )
        for m in self.net:
            if isinstance(m, nn.Linear):
                nn.init.xavier_normal_(m.weight, gain=nn.init.calculate_gain("tanh"))
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.net(x)


m = PINN()
opt = torch.optim.Adam(m.parameters(), lr=1e-2)
x = torch.linspace(0, 2, 20).view(-1, 1).requires_grad_(True)
for i in range(6):
    opt.zero_grad()
    u = m(x)
    du = grad(u, x, torch.ones_like(u), create_graph=True)[0]
    d2 = grad(du, x, grad_outputs=torch.ones_like(du), retain_graph=True, create_graph=True)[0]
    loss = (
        torch.mean((d2 + math.pi**2 * u) ** 2)
        + (m(torch.zeros(1, 1)) - 1).pow(2).squeeze()
        + torch.mean(du[0] ** 2)
    )
    loss.backward()
    opt.step()
    print(i, loss.item(), du[0].item(), d2[0], du.grad_fn is not None)
lb = torch.optim.LBFGS(m.parameters(), lr=0.5, max_iter=5, line_search_fn="strong_wolfe")


def closure():
    lb.zero_grad()
    u = m(x)
    du = grad(u.sum(), x, create_graph=True)[0]
    l = ((du - u) ** 2).mean()
    l.backward()
    return l


for _ in range(3):
    print(lb.step(closure))
# second derivatives
x = torch.tensor(2.0, requires_grad=True)
y = x**3
(g1,) = grad(y, x, create_graph=True)
(g2,) = grad(g1, x, create_graph=True)
g3 = grad(g2, x)[0]
print(g1, g2, g3)
print(torch.autograd.functional.jacobian(lambda v: v**2 * v.sum(), torch.tensor([1.0, 2.0, 3.0])))
print(torch.autograd.functional.hessian(lambda v: (v**3).sum(), torch.tensor([1.0, 2.0])))
print(torch.autograd.functional.hvp(lambda v: (v**3).sum(), torch.tensor([1.0, 2.0]), torch.ones(2)))
a = torch.tensor([1.0, 2.0], requires_grad=True)
b = torch.tensor([3.0, 4.0], requires_grad=True)
print(grad((a * b).sum(), (a, b)), grad((a * 2).sum(), [a, b], allow_unused=True))
from torch.func import vmap, jacrev, functional_call

print(
    jacrev(torch.sin)(torch.tensor([0.0, 1.0])),
    vmap(lambda t: t.dot(t))(torch.arange(6.0).view(3, 2)),
    torch.func.grad(lambda t: (t**2).sum())(torch.ones(2)),
)


# MAML
class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.l1 = nn.Linear(1, 8)
        s.l2 = nn.Linear(8, 1)

    def forward(s, x, w=None):
        if w is None:
            return s.l2(torch.relu(s.l1(x)))
        return nn.functional.linear(torch.relu(nn.functional.linear(x, w[0], w[1])), w[2], w[3])


n = Net()
mo = torch.optim.Adam(n.parameters(), 1e-2)
for it in range(4):
    ml = 0
    for task in range(2):
        A = torch.rand(1) * 4 + 0.1
        ph = torch.rand(1) * math.pi
        xs = torch.rand(5, 1) * 10 - 5
        xq = torch.rand(5, 1) * 10 - 5
        w = list(n.parameters())
        for k in range(2):
            l = ((n(xs, w) - A * torch.sin(xs + ph)) ** 2).mean()
            gs = grad(l, w, create_graph=True)
            w = [p - 0.01 * g for p, g in zip(w, gs)]
        ml = ml + ((n(xq, w) - A * torch.sin(xq + ph)) ** 2).mean()
    mo.zero_grad()
    ml.backward()
    mo.step()
    print(it, ml)
print(functional_call(n, {k: v * 0 for k, v in n.named_parameters()}, (torch.ones(1, 1),)))
