# ruff: noqa
import math, torch, torch.nn as nn

torch.manual_seed(0)


class PositionalEncoding(nn.Module):
    def __init__(self, d, dropout=0.1, max_len=50):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(max_len, 1, d)
        pe[:, 0, 0::2] = torch.sin(position * div)
        pe[:, 0, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[: x.size(0)])


class TransformerModel(nn.Module):
    def __init__(self, ntoken=12, d=16, nhead=2, hid=32, nlayers=2, dropout=0.2):
        super().__init__()
        self.model_type = "Transformer"
        self.pos_encoder = PositionalEncoding(d, dropout)
        self.transformer_encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d, nhead, hid, dropout), nlayers
        )
        self.embedding = nn.Embedding(ntoken, d)
        self.d = d
        self.linear = nn.Linear(d, ntoken)
        self.init_weights()

    def init_weights(self):
        r = 0.1
        self.embedding.weight.data.uniform_(-r, r)
        self.linear.bias.data.zero_()
        self.linear.weight.data.uniform_(-r, r)

    def forward(self, src, mask=None):
        src = self.pos_encoder(self.embedding(src) * math.sqrt(self.d))
        if mask is None:
            mask = nn.Transformer.generate_square_subsequent_mask(len(src))
        return self.linear(self.transformer_encoder(src, mask))


m = TransformerModel()
print(m)
x = torch.randint(0, 12, (7, 3))
y = torch.randint(0, 12, (7, 3))
crit = nn.CrossEntropyLoss()
opt = torch.optim.SGD(m.parameters(), lr=0.5)
sch = torch.optim.lr_scheduler.StepLR(opt, 1.0, gamma=0.95)
for i in range(4):
    out = m(x)
    loss = crit(out.view(-1, 12), y.view(-1))
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(m.parameters(), 0.5)
    opt.step()
    sch.step()
    print(loss, math.exp(loss.item()), sch.get_last_lr())
m.eval()
with torch.no_grad():
    print(m(x)[0, 0])
t = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
s = torch.randn(2, 5, 16)
g = torch.randn(2, 4, 16)
o = t(s, g, tgt_mask=t.generate_square_subsequent_mask(4))
print(o.shape, o.mean(), o[0, 0, :4])
print(t)
a = nn.MultiheadAttention(16, 4, batch_first=True)
o, w = a(s, s, s, key_padding_mask=torch.tensor([[False] * 5, [False, False, False, True, True]]))
print(w, o[1, 0, :3])
