# ruff: noqa
import torch, torch.nn as nn, os, io, copy

torch.manual_seed(0)


def make():
    return nn.Sequential(
        nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
    )


m = make()
o = torch.optim.Adam(m.parameters(), lr=1e-2)
s = torch.optim.lr_scheduler.StepLR(o, 2)
X = torch.randn(16, 4)
y = torch.randint(0, 2, (16,))


def step(m, o):
    o.zero_grad()
    l = nn.functional.cross_entropy(m(X), y)
    l.backward()
    o.step()
    return l.item()


for e in range(3):
    l = step(m, o)
    s.step()
torch.save(
    {
        "epoch": e,
        "model_state_dict": m.state_dict(),
        "optimizer_state_dict": o.state_dict(),
        "scheduler": s.state_dict(),
        "loss": l,
        "rng": torch.get_rng_state(),
    },
    "ckpt.pth",
)
a = [step(m, o) for _ in range(3)]
m2 = make()
o2 = torch.optim.Adam(m2.parameters(), lr=1e-2)
ck = torch.load("ckpt.pth", weights_only=True, map_location="cpu")
print(ck.keys(), ck["epoch"], ck["loss"], ck["scheduler"])
print(m2.load_state_dict(ck["model_state_dict"]))
o2.load_state_dict(ck["optimizer_state_dict"])
torch.set_rng_state(ck["rng"])
print(a, [step(m2, o2) for _ in range(3)])
print(m.state_dict().keys(), type(m.state_dict()))
print(m.state_dict()["1.running_mean"], m.state_dict()["1.num_batches_tracked"])
for t in m.state_dict():
    print(t, "\t", m.state_dict()[t].size())
torch.save(m, "whole.pt")
w = torch.load("whole.pt", weights_only=False)
w.eval()
m.eval()
print(torch.equal(w(X), m(X)), w)
b = io.BytesIO()
torch.save([torch.arange(3), {"a": torch.ones(2, dtype=torch.float64)}], b)
b.seek(0)
print(torch.load(b))
try:
    torch.load("whole.pt")
except Exception as e:
    print(type(e).__name__, str(e).splitlines()[0][:60])
bad = nn.Sequential(nn.Linear(4, 9), nn.BatchNorm1d(9))
try:
    bad.load_state_dict(m.state_dict())
except RuntimeError as e:
    print(e)
print(bad.load_state_dict({"0.weight": torch.zeros(9, 4), "foo": torch.zeros(1)}, strict=False))
best = copy.deepcopy(m.state_dict())
step(m, o)
print(torch.equal(best["0.weight"], m.state_dict()["0.weight"]))
m.load_state_dict(best)
print(torch.equal(best["0.weight"], m.state_dict()["0.weight"]))
for p in m[0].parameters():
    p.requires_grad = False
o = torch.optim.SGD(filter(lambda p: p.requires_grad, m.parameters()), lr=0.1)
print(step(m, o), sum(p.numel() for p in m.parameters() if p.requires_grad), m[0].weight.grad is None)
m[4] = nn.Linear(8, 3)
print(
    m,
    len(m),
    m[-1],
    m[1:3],
    [n for n, _ in m.named_modules()],
    [n for n, _ in m.named_children()],
    list(m.children())[0],
)
m.add_module("soft", nn.Softmax(dim=1))
print(m.soft, list(m.named_buffers())[0][0])
os.makedirs("ck", exist_ok=True)
torch.save(m.state_dict(), os.path.join("ck", "x.pt"))
print(os.path.exists("ck/x.pt"))
m.double()
print(m[0].weight.dtype, m(X.double()).dtype)
m.half()
print(m[0].weight.dtype)
m.float()


class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.w = nn.Parameter(torch.randn(2, 2))
        s.register_buffer("b", torch.zeros(2))
        s.register_buffer("c", torch.ones(1), persistent=False)
        s.ls = nn.ModuleList([nn.Linear(2, 2), nn.Identity()])
        s.d = nn.ModuleDict({"r": nn.ReLU(), "l": nn.LeakyReLU()})
        s.ps = nn.ParameterList([nn.Parameter(torch.ones(1))])

    def forward(s, x):
        return s.ls[0](x @ s.w) + s.b

    def extra_repr(s):
        return "hello=1"


n = Net()
print(n, n.state_dict(), n.training, n.eval().training, [k for k, _ in n.named_parameters()], repr(n.w))
n.zero_grad()
print(n.w.grad, hasattr(n, "w"), n._parameters.keys())
