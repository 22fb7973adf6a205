# ruff: noqa
import torch, torch.nn as nn
from torch.optim import lr_scheduler as S

torch.manual_seed(0)
X = torch.randn(32, 4)
Y = X @ torch.tensor([[1.0], [-2.0], [3.0], [0.5]]) + 0.1 * torch.randn(32, 1)
opts = {
    n: getattr(torch.optim, n)
    for n in "SGD Adam AdamW Adagrad Adadelta RMSprop Adamax NAdam RAdam ASGD Rprop".split()
}
for n, O in opts.items():
    torch.manual_seed(1)
    m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    o = O(m.parameters(), lr=0.01)
    s = S.StepLR(o, step_size=3, gamma=0.5)
    L = []
    for i in range(8):
        o.zero_grad()
        l = nn.functional.mse_loss(m(X), Y)
        l.backward()
        o.step()
        s.step()
        L.append(round(l.item(), 5))
    print(n, L, o.param_groups[0]["lr"], sorted(o.param_groups[0].keys()))
    print(o)
    print(
        {
            k: (tuple(v.shape) if torch.is_tensor(v) else v)
            for k, v in o.state_dict()["state"].get(0, {}).items()
        }
    )


def sched(mk, n=8, metric=False):
    p = nn.Parameter(torch.zeros(1))
    o = torch.optim.SGD([p], lr=0.1, momentum=0.9)
    s = mk(o)
    r = []
    for i in range(n):
        p.grad = torch.ones(1)
        o.step()
        s.step(1.0) if metric else s.step()
        r.append(o.param_groups[0]["lr"])
    return ["%.6f" % v for v in r]


print(
    sched(lambda o: S.MultiStepLR(o, [2, 5])),
    sched(lambda o: S.ExponentialLR(o, 0.9)),
    sched(lambda o: S.LambdaLR(o, lambda e: 0.95**e)),
    sched(lambda o: S.CosineAnnealingLR(o, T_max=5, eta_min=1e-3)),
    sched(lambda o: S.ReduceLROnPlateau(o, "min", patience=2, factor=0.5), metric=True),
    sched(lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=8)),
    sched(lambda o: S.CyclicLR(o, 0.01, 0.1, step_size_up=3)),
    sched(lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2)),
    sched(lambda o: S.LinearLR(o)),
    sched(lambda o: S.PolynomialLR(o, 5)),
    sched(lambda o: S.SequentialLR(o, [S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)], milestones=[3])),
    sched(lambda o: S.ChainedScheduler([S.LinearLR(o), S.ExponentialLR(o, 0.9)])),
    sched(lambda o: S.MultiplicativeLR(o, lambda e: 0.9)),
    sep="\n",
)
m = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
o = torch.optim.SGD(
    [{"params": m[0].parameters()}, {"params": m[2].parameters(), "lr": 1e-3, "weight_decay": 0.1}],
    lr=1e-2,
    momentum=0.9,
)
for g in o.param_groups:
    g["lr"] *= 0.5
    print(g["lr"], g["weight_decay"], len(g["params"]))
# accumulation, clipping, ema
acc = 4
o.zero_grad()
for i in range(8):
    l = nn.MSELoss()(m(X[i * 4 : i * 4 + 4]), Y[i * 4 : i * 4 + 4]) / acc
    l.backward()
    if (i + 1) % acc == 0:
        print(
            torch.nn.utils.clip_grad_norm_(m.parameters(), max_norm=0.1, norm_type=2),
            nn.utils.clip_grad_value_(m.parameters(), 0.05),
            sum(p.grad.data.norm(2).item() ** 2 for p in m.parameters()) ** 0.5,
        )
        o.step()
        o.zero_grad()
print([p.grad for p in m.parameters()])
ema = torch.optim.swa_utils.AveragedModel(m)
ema.update_parameters(m)
print(ema.n_averaged)
print(nn.utils.parameters_to_vector(m.parameters()).shape)
s = S.StepLR(o, 1)
s.step()
print(s.get_last_lr(), s.last_epoch, s.state_dict())


def init(m):
    if isinstance(m, nn.Linear):
        torch.nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        m.bias.data.fill_(0.01)


print(m.apply(init)[0].weight, m[0].bias)
for f in (
    nn.init.xavier_uniform_,
    nn.init.kaiming_uniform_,
    nn.init.orthogonal_,
    nn.init.trunc_normal_,
    nn.init.eye_,
    nn.init.ones_,
    nn.init.zeros_,
):
    print(f.__name__, f(torch.empty(3, 4)))
lin = nn.Linear(2, 2)
with torch.no_grad():
    lin.weight.copy_(torch.eye(2))
    lin.bias.zero_()
    lin.weight[0, 1] = 5
    print(lin.weight, lin.weight.grad)
