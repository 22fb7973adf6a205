# ruff: noqa
import torch, torch.nn as nn

torch.manual_seed(0)
nz = 8


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, 16, 4, 1, 0, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.main(x)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 16, 3, 1, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(16, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.main(x).view(-1)


G = Generator()
D = Discriminator()
G.apply(weights_init)
print(D.apply(weights_init))
print(G)
crit = nn.BCELoss()
fixed = torch.randn(4, nz, 1, 1)
oD = torch.optim.Adam(D.parameters(), lr=0.002, betas=(0.5, 0.999))
oG = torch.optim.Adam(G.parameters(), lr=0.002, betas=(0.5, 0.999))
for i in range(5):
    D.zero_grad()
    real = torch.rand(6, 1, 8, 8) * 2 - 1
    label = torch.full((6,), 1.0, dtype=torch.float)
    out = D(real).view(-1)
    eR = crit(out, label)
    eR.backward()
    Dx = out.mean().item()
    noise = torch.randn(6, nz, 1, 1)
    fake = G(noise)
    label.fill_(0.0)
    out = D(fake.detach()).view(-1)
    eF = crit(out, label)
    eF.backward()
    z1 = out.mean().item()
    eD = eR + eF
    oD.step()
    G.zero_grad()
    label.fill_(1.0)
    out = D(fake).view(-1)
    eG = crit(out, label)
    eG.backward()
    z2 = out.mean().item()
    oG.step()
    print(
        "[%d/%d]\tLoss_D: %.4f\tLoss_G: %.4f\tD(x): %.4f\tD(G(z)): %.4f / %.4f"
        % (i, 5, eD.item(), eG.item(), Dx, z1, z2)
    )
with torch.no_grad():
    f = G(fixed).detach().cpu()
    print(f.shape, f.mean(), f[0, 0, :2])
# WGAN-GP
G = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
C = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
og = torch.optim.RMSprop(G.parameters(), 5e-3)
oc = torch.optim.RMSprop(C.parameters(), 5e-3)


def gp(real, fake):
    a = torch.rand(real.size(0), 1).expand_as(real)
    x = (a * real + (1 - a) * fake).requires_grad_(True)
    d = C(x)
    g = torch.autograd.grad(
        outputs=d,
        inputs=x,
        grad_outputs=torch.ones_like(d),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((g.norm(2, dim=1) - 1) ** 2).mean()


for i in range(4):
    r = torch.randn(8, 2) + 3
    f = G(torch.randn(8, 2))
    l = C(f.detach()).mean() - C(r).mean() + 10 * gp(r, f.detach())
    oc.zero_grad()
    l.backward()
    oc.step()
    l2 = -C(f).mean()
    og.zero_grad()
    l2.backward()
    og.step()
    print(l, l2)
    for p in C.parameters():
        p.data.clamp_(-0.5, 0.5)
for p in C.parameters():
    print(p.abs().max())
for p in D.parameters():
    p.requires_grad = False
print([p.requires_grad for p in D.parameters()])
