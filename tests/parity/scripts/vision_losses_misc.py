# ruff: noqa
import torch, torch.nn as nn, torch.nn.functional as F
from collections import OrderedDict

torch.manual_seed(42)
torch.set_default_dtype(torch.float32)


# ResNet-like, attention vision, etc.
class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.shortcut = nn.Sequential()
        if stride != 1 or i != o:
            self.shortcut = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 1, 1)
        self.layer = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 8, 2))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.layer(self.stem(x))
        x = self.pool(x)
        x = x.view(x.size(0), -1)
        return self.fc(x)


m = ResNet()
print(m)
x = torch.randn(4, 3, 8, 8)
y = torch.randint(0, 5, (4,))
o = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
s = torch.optim.lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=5)
for i in range(4):
    o.zero_grad()
    l = F.cross_entropy(m(x), y, label_smoothing=0.1)
    l.backward()
    o.step()
    s.step()
    print(l, (m(x).argmax(1) == y).float().mean().item(), s.get_last_lr())


# Lenet
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                [
                    ("c1", nn.Conv2d(1, 6, 5, padding=2)),
                    ("s", nn.Sigmoid()),
                    ("p", nn.AvgPool2d(2, 2)),
                    ("c2", nn.Conv2d(6, 16, 5)),
                    ("t", nn.Tanh()),
                    ("p2", nn.MaxPool2d(kernel_size=2, stride=2)),
                ]
            )
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(16 * 5 * 5, 20), nn.ELU(), nn.Dropout(p=0.5), nn.LazyLinear(10)
        )

    def forward(self, x):
        return self.classifier(self.features(x))


n = LeNet()
print(n)
z = torch.randn(2, 1, 28, 28)
for layer in n.features:
    z = layer(z)
    print(layer.__class__.__name__, "output shape:\t", z.shape)
print(n.classifier(z).shape, n)
# U-Net bits
up = nn.Sequential(
    nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    nn.ConvTranspose2d(2, 1, 2, stride=2),
    nn.PixelShuffle(1),
    nn.ReflectionPad2d(1),
    nn.ZeroPad2d(1),
    nn.InstanceNorm2d(1),
    nn.GroupNorm(1, 1),
    nn.PReLU(),
    nn.Hardswish(),
    nn.SiLU(),
    nn.Mish(),
    nn.Softplus(),
    nn.GELU("tanh"),
)
print(up, up(torch.randn(1, 2, 3, 3)).sum())
print(
    F.interpolate(torch.arange(4.0).view(1, 1, 2, 2), scale_factor=2, mode="nearest"),
    F.pad(torch.ones(1, 2), (1, 1), value=3),
    F.unfold(torch.arange(9.0).view(1, 1, 3, 3), 2),
)
# losses
a = torch.randn(3, 4)
b = torch.randn(3, 4)
t = torch.tensor([1, -1, 1])
print(
    nn.KLDivLoss(reduction="batchmean")(F.log_softmax(a, 1), F.softmax(b, 1)),
    nn.CosineEmbeddingLoss()(a, b, t),
    nn.TripletMarginLoss()(a, b, a + b),
    nn.MarginRankingLoss()(a[:, 0], b[:, 0], t.float()),
    nn.HingeEmbeddingLoss()(a[:, 0], t.float()),
    nn.BCEWithLogitsLoss(pos_weight=torch.ones(4) * 2)(a, (b > 0).float()),
    nn.PoissonNLLLoss()(a, b.abs()),
    nn.GaussianNLLLoss()(a, b, torch.ones(3, 4)),
    nn.MultiLabelSoftMarginLoss()(a, (b > 0).float()),
    nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0, 4.0]), reduction="none")(
        a, torch.tensor([0, 1, 2])
    ),
    nn.L1Loss(reduction="sum")(a, b),
    nn.HuberLoss()(a, b),
    nn.CTCLoss()(
        torch.randn(6, 2, 4).log_softmax(2),
        torch.tensor([[1, 2], [3, 1]]),
        torch.tensor([6, 6]),
        torch.tensor([2, 2]),
    ),
    F.cross_entropy(a, F.softmax(b, 1)),
    F.nll_loss(F.log_softmax(a, 1), torch.tensor([0, 1, -100])),
    nn.Softmax2d()(torch.ones(1, 2, 1, 1)).flatten(),
    F.normalize(a, dim=1),
    F.glu(a),
    F.gumbel_softmax(a, tau=1, hard=True),
)


class DiceLoss(nn.Module):
    def __init__(s, smooth=1.0):
        super().__init__()
        s.smooth = smooth

    def forward(s, p, t):
        p = torch.sigmoid(p).view(-1)
        t = t.view(-1)
        return 1 - (2.0 * (p * t).sum() + s.smooth) / (p.sum() + t.sum() + s.smooth)


class FocalLoss(nn.Module):
    def forward(s, i, t):
        ce = F.cross_entropy(i, t, reduction="none")
        pt = torch.exp(-ce)
        return (0.25 * (1 - pt) ** 2 * ce).mean()


print(DiceLoss()(a, (b > 0).float()), FocalLoss()(a, torch.tensor([0, 1, 2])))
# amp, no_grad, inference
scaler = torch.amp.GradScaler("cuda", enabled=False)
lin = nn.Linear(4, 1)
op = torch.optim.SGD(lin.parameters(), 0.1)
with torch.autocast("cpu", enabled=False):
    l = lin(a).mean()
scaler.scale(l).backward()
scaler.unscale_(op)
scaler.step(op)
scaler.update()
print(l, lin.weight.grad)
with torch.inference_mode():
    print(lin(a).requires_grad)
with torch.set_grad_enabled(False):
    print(lin(a).requires_grad, torch.is_grad_enabled())


@torch.no_grad()
def ev():
    return lin(a)


print(ev().requires_grad, torch.is_grad_enabled())
# knowledge distillation, EMA, mixup, spectral norm, weight norm, prune-like masks
T = 4.0
print(
    nn.KLDivLoss(reduction="batchmean")(F.log_softmax(a / T, 1), F.softmax(b / T, 1)) * T * T,
    torch.lerp(a, b, 0.3).sum(),
)
wn = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
print(wn, wn(torch.ones(1, 3)), [k for k in wn.state_dict()])
torch.use_deterministic_algorithms(False)
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.deterministic = True
torch.set_num_threads(1)
print(torch.get_num_threads())
# kmeans, pca, svd, knn
P = torch.randn(10, 2)
c = P[:3].clone()
for _ in range(3):
    d = torch.cdist(P, c)
    k = d.argmin(1)
    c = torch.stack([P[k == j].mean(0) if (k == j).any() else c[j] for j in range(3)])
print(
    c,
    torch.linalg.svdvals(P),
    torch.cov(P.T),
    torch.corrcoef(P.T),
    (P - P.mean(0)).T @ (P - P.mean(0)),
    torch.cdist(P, P).topk(2, largest=False)[1],
)
# bigram
N = torch.zeros((5, 5), dtype=torch.int32)
w = ["emma", "ava"]
ch = sorted(set("".join(w)))
st = {s: i + 1 for i, s in enumerate(ch)}
st["."] = 0
for u in w:
    for c1, c2 in zip("." + u, u + "."):
        N[st[c1], st[c2]] += 1
p = (N + 1).float()
p /= p.sum(1, keepdim=True)
g = torch.Generator().manual_seed(2147483647)
ix = 0
out = []
for _ in range(8):
    ix = torch.multinomial(p[ix], num_samples=1, replacement=True, generator=g).item()
    out.append(ix)
print(N, p, out, p[0].sum())
W = torch.randn((5, 5), generator=g, requires_grad=True)
xs = torch.tensor([0, 1, 2])
ys = torch.tensor([1, 2, 0])
xe = F.one_hot(xs, num_classes=5).float()
for k in range(3):
    lg = xe @ W
    cn = lg.exp()
    pr = cn / cn.sum(1, keepdims=True)
    l = -pr[torch.arange(3), ys].log().mean() + 0.01 * (W**2).mean()
    W.grad = None
    l.backward()
    W.data += -50 * W.grad
    print(l.item())
# dataset stats, checkpoint, to(), dtype moves
print(
    torch.tensor([1, 2, 3]).to(torch.float64),
    torch.ones(2).to(device="cpu", dtype=torch.int),
    torch.ones(2).type(torch.LongTensor),
    torch.ones(2).new_tensor([1, 2]),
    torch.zeros(2).new_full((2,), 3.0),
    torch.ones(2).double().dtype,
    torch.ones(1).is_cuda,
    torch.arange(6).reshape(2, 3).tolist(),
    torch.get_default_dtype(),
    torch.ones(2, 3).mT.shape,
    torch.Tensor(2, 3).shape,
    torch.Tensor([1, 2]),
    torch.IntTensor([1]),
    torch.empty(2).fill_(7),
)
