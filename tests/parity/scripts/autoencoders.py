# ruff: noqa
import torch, torch.nn as nn, torch.nn.functional as F

torch.manual_seed(0)


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 12), nn.ReLU(True), nn.Linear(12, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 12), nn.ReLU(True), nn.Linear(12, 20), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(20, 16)
        self.fc21 = nn.Linear(16, 4)
        self.fc22 = nn.Linear(16, 4)
        self.fc3 = nn.Linear(4, 16)
        self.fc4 = nn.Linear(16, 20)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 20))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 20), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


data = torch.rand(64, 1, 4, 5)
loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)
m = VAE()
opt = torch.optim.Adam(m.parameters(), lr=1e-2)
for ep in range(2):
    tl = 0
    for bi, d in enumerate(loader):
        opt.zero_grad()
        r, mu, lv = m(d)
        l = loss_function(r, d, mu, lv)
        l.backward()
        tl += l.item()
        opt.step()
        if bi % 2 == 0:
            print(
                f"Train Epoch: {ep} [{bi * len(d)}/{len(loader.dataset)} ({100.0 * bi / len(loader):.0f}%)]\tLoss: {l.item() / len(d):.6f}"
            )
    print("====> Epoch: {} Average loss: {:.4f}".format(ep, tl / len(loader.dataset)))
with torch.no_grad():
    s = m.decode(torch.randn(3, 4))
    print(s.view(3, 1, 4, 5)[0])
    print(s)
ae = AE()
print(ae)
o = torch.optim.RMSprop(ae.parameters(), lr=1e-3, alpha=0.9, momentum=0.5)
for d in loader:
    d = d.view(d.size(0), -1)
    l = nn.MSELoss()(ae(d), d)
    o.zero_grad()
    l.backward()
    o.step()
    print(l)


class ConvAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(4, 8, 3, 2, 1)
        )
        self.d = nn.Sequential(
            nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 3, 2, 1, 1),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.d(self.e(x))


c = ConvAE()
print(c)
x = torch.randn(4, 1, 8, 8)
o = torch.optim.Adam(c.parameters(), 1e-2, weight_decay=1e-5)
for i in range(3):
    l = F.l1_loss(c(x), x) + F.smooth_l1_loss(c(x), x) + F.huber_loss(c(x), x, delta=0.5)
    o.zero_grad()
    l.backward()
    o.step()
    print(l.item())
