# ruff: noqa
import torch, torch.nn as nn, torch.nn.functional as F, random, numpy as np
from collections import namedtuple, deque
from itertools import count
from torch.distributions import Categorical, Normal

torch.manual_seed(0)
random.seed(0)
np.random.seed(0)


class Env:
    def __init__(s):
        s.r = np.random.RandomState(0)

    def reset(s):
        s.x = s.r.uniform(-0.1, 0.1, 4).astype(np.float32)
        s.t = 0
        return s.x

    def step(s, a):
        s.x = (
            s.x
            + np.array([0.02 * s.x[1], (a - 0.5) * 0.2, 0.02 * s.x[3], (0.5 - a) * 0.3], dtype=np.float32)
            + s.x * 0.05
        ).astype(np.float32)
        s.t += 1
        return s.x, 1.0 - abs(float(s.x[3])), bool(abs(s.x[3]) > 1 or s.t >= 20), {}


env = Env()
SavedAction = namedtuple("SavedAction", ["log_prob", "value"])


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.action_head = nn.Linear(32, 2)
        self.value_head = nn.Linear(32, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
eps = np.finfo(np.float32).eps.item()


def select_action(state):
    state = torch.from_numpy(state).float()
    probs, v = model(state)
    m = Categorical(probs)
    a = m.sample()
    model.saved_actions.append(SavedAction(m.log_prob(a), v))
    return a.item()


for ep in range(5):
    s = env.reset()
    tot = 0
    for t in range(1, 100):
        a = select_action(s)
        s, r, done, _ = env.step(a)
        model.rewards.append(r)
        tot += r
        if done:
            break
    R = 0
    returns = deque()
    for r in model.rewards[::-1]:
        R = r + 0.99 * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    pl, vl = [], []
    for (lp, v), R in zip(model.saved_actions, returns):
        adv = R - v.item()
        pl.append(-lp * adv)
        vl.append(F.smooth_l1_loss(v, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(pl).sum() + torch.stack(vl).sum()
    loss.backward()
    optimizer.step()
    del model.rewards[:]
    del model.saved_actions[:]
    print("Episode {}\tLast reward: {:.2f}\tloss {:.4f} {}".format(ep, tot, loss.item(), t))
# DQN
Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))
memory = deque([], maxlen=200)


class DQN(nn.Module):
    def __init__(s):
        super().__init__()
        s.l1 = nn.Linear(4, 16)
        s.l2 = nn.Linear(16, 2)

    def forward(s, x):
        return s.l2(F.relu(s.l1(x)))


pn, tn = DQN(), DQN()
tn.load_state_dict(pn.state_dict())
tn.eval()
opt = torch.optim.AdamW(pn.parameters(), lr=1e-2, amsgrad=True)


def optimize():
    if len(memory) < 16:
        return None
    b = Transition(*zip(*random.sample(memory, 16)))
    mask = torch.tensor(tuple(map(lambda s: s is not None, b.next_state)), dtype=torch.bool)
    nf = torch.cat([s for s in b.next_state if s is not None])
    sb, ab, rb = torch.cat(b.state), torch.cat(b.action), torch.cat(b.reward)
    q = pn(sb).gather(1, ab)
    nv = torch.zeros(16)
    with torch.no_grad():
        nv[mask] = tn(nf).max(1).values
    e = nv * 0.9 + rb
    loss = nn.SmoothL1Loss()(q, e.unsqueeze(1))
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(pn.parameters(), 100)
    opt.step()
    return loss.item()


for ep in range(3):
    s = torch.tensor(env.reset(), dtype=torch.float32).unsqueeze(0)
    for t in count():
        if random.random() > 0.5:
            with torch.no_grad():
                a = pn(s).max(1)[1].view(1, 1)
        else:
            a = torch.tensor([[random.randrange(2)]], dtype=torch.long)
        o, r, done, _ = env.step(a.item())
        r = torch.tensor([r])
        ns = None if done else torch.tensor(o).unsqueeze(0)
        memory.append(Transition(s, a, ns, r))
        s = ns
        l = optimize()
        sd, td = pn.state_dict(), tn.state_dict()
        for k in sd:
            td[k] = sd[k] * 0.05 + td[k] * 0.95
        tn.load_state_dict(td)
        if done:
            print("dqn", ep, t, l, r.dtype)
            break


# PPO
class AC(nn.Module):
    def __init__(s):
        super().__init__()
        s.actor = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
        s.critic = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        s.log_std = nn.Parameter(torch.zeros(2))

    def dist(s, x):
        return Normal(s.actor(x), s.log_std.exp().expand_as(s.actor(x)))


ac = AC()
[nn.init.orthogonal_(l.weight, np.sqrt(2)) for l in ac.modules() if isinstance(l, nn.Linear)]
opt = torch.optim.Adam(ac.parameters(), 3e-3, eps=1e-5)
S = torch.randn(64, 4)
with torch.no_grad():
    d = ac.dist(S)
    A = d.sample()
    old = d.log_prob(A).sum(-1)
    ret = torch.randn(64)
    adv = ret - ac.critic(S).squeeze()
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
for ep in range(3):
    for idx in torch.randperm(64).split(16):
        d = ac.dist(S[idx])
        lp = d.log_prob(A[idx]).sum(-1)
        ratio = (lp - old[idx]).exp()
        s1 = ratio * adv[idx]
        s2 = torch.clamp(ratio, 0.8, 1.2) * adv[idx]
        loss = (
            -torch.min(s1, s2).mean()
            + 0.5 * F.mse_loss(ac.critic(S[idx]).squeeze(-1), ret[idx])
            - 0.01 * d.entropy().sum(-1).mean()
        )
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(ac.parameters(), 0.5)
        opt.step()
    print("ppo", ep, loss.item(), ratio.mean().item(), ac.log_std.data)
