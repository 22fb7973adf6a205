# ruff: noqa
import torch, torch.nn as nn, torch.nn.functional as F, numpy as np


# Of these the type is PyTorch's and the words are not: ours say more, or name another of two wrong things first.
OTHER_WORDS = {
    "ce int", "conv long", "conv uint8", "idx4", "from_numpy obj", "linspace", "einsum", "pow", "copy_",
    "view leaf", "int grad", "int req", "clip_grad_norm",
}  # fmt: skip


def t(name, f):
    """Print the error's type and the beginning of its first line, which is where PyTorch's own words stand."""
    try:
        r = f()
        print(name, "OK", r if not callable(r) else "")
    except Exception as e:
        print(name, type(e).__name__, "" if name in OTHER_WORDS else str(e).partition("\n")[0][:23])


x = torch.ones(2, 3)
r = torch.ones(3, requires_grad=True)
t("mm", lambda: torch.ones(2, 3) @ torch.ones(2, 3))
t("mm2", lambda: torch.mm(torch.ones(2, 3), torch.ones(3)))
t("lin", lambda: nn.Linear(4, 2)(torch.ones(2, 3)))
t("lin long", lambda: nn.Linear(3, 2)(torch.ones(2, 3, dtype=torch.long)))
t("lin double", lambda: nn.Linear(3, 2)(torch.ones(2, 3).double()))
t("add", lambda: torch.ones(2) + torch.ones(3))
t("add2", lambda: torch.ones(2, 3) + torch.ones(2))
t("iadd", lambda: torch.ones(3).add_(torch.ones(2, 3)))
t("view", lambda: torch.ones(6).view(4, 2))
t("view2", lambda: torch.ones(2, 3).t().view(-1))
t("reshape", lambda: torch.ones(6).reshape(4, -1))
t("cat", lambda: torch.cat([torch.ones(2, 3), torch.ones(2, 2)]))
t("stack", lambda: torch.stack([torch.ones(2), torch.ones(3)]))
t("numpy grad", lambda: r.numpy())
t("np.array grad", lambda: np.array(r * 2))
t("item", lambda: torch.ones(2).item())
t("bool", lambda: bool(torch.ones(2)))
t("if empty", lambda: bool(torch.tensor([])))
t("backward nonscalar", lambda: (r * 2).backward())
t("nograd", lambda: torch.ones(1).sum().backward())


def twice():
    y = (r**2).sum()
    y.backward()
    y.backward()


t("twice", twice)


def leaf():
    a = torch.ones(2, requires_grad=True)
    a += 1


t("leaf inplace", leaf)


def saved():
    a = torch.ones(2, requires_grad=True)
    b = a.exp()
    b += 1
    b.sum().backward()


t("saved", saved)


def view_leaf():
    a = torch.ones(2, requires_grad=True)
    a[0] = 3


t("view leaf", view_leaf)
t("int grad", lambda: torch.tensor([1, 2], requires_grad=True))
t("int req", lambda: torch.tensor([1]).requires_grad_())
t("nonleaf req", lambda: setattr(r * 2, "requires_grad", False))


class NoSuper(nn.Module):
    def __init__(self):
        self.l = nn.Linear(1, 1)


t("no super", NoSuper)


class NoSuper2(nn.Module):
    def __init__(self):
        self.p = nn.Parameter(torch.ones(1))


t("no super2", NoSuper2)


class NoForward(nn.Module):
    pass


t("no forward", lambda: NoForward()(torch.ones(1)))
t("attr", lambda: nn.Linear(1, 1).foo)
t("tensor attr", lambda: torch.ones(1).foo)
t("optim empty", lambda: torch.optim.SGD([], lr=0.1))
t("optim tensor", lambda: torch.optim.SGD(r, lr=0.1))
t("optim nonleaf", lambda: torch.optim.SGD([r * 2], lr=0.1))
t("optim lr", lambda: torch.optim.SGD([r], lr=-1))
t("optim adam betas", lambda: torch.optim.Adam([r], betas=(1.0, 0.9)))
t("optim ints", lambda: torch.optim.SGD([1, 2], lr=0.1))
t("optim dup", lambda: torch.optim.SGD([{"params": [r]}, {"params": [r]}], lr=0.1))
t("ce float", lambda: F.cross_entropy(torch.ones(2, 3), torch.ones(2)))
t("ce shape", lambda: F.cross_entropy(torch.ones(2, 3), torch.ones(3).long()))
t("ce range", lambda: F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 3])))
t("ce neg", lambda: F.cross_entropy(torch.ones(2, 3), torch.tensor([0, -1])))
t("ce col", lambda: F.cross_entropy(torch.ones(2, 3), torch.ones(2, 1).long()))
t("ce int", lambda: F.cross_entropy(torch.ones(2, 3).long(), torch.ones(2).long()))
t("bce long", lambda: F.binary_cross_entropy(torch.ones(2), torch.ones(2).long()))
t("bce shape", lambda: nn.BCELoss()(torch.ones(2, 1), torch.ones(2)))
t("bce range", lambda: nn.BCELoss()(torch.ones(2) * 2, torch.ones(2)))
t("bcel shape", lambda: F.binary_cross_entropy_with_logits(torch.ones(2, 1), torch.ones(2)))
t("mse shape", lambda: F.mse_loss(torch.ones(2), torch.ones(3)))
t("nll", lambda: F.nll_loss(torch.ones(2, 3), torch.ones(2)))
t("conv ch", lambda: nn.Conv2d(3, 4, 3)(torch.ones(1, 1, 8, 8)))
t("conv dim", lambda: nn.Conv2d(3, 4, 3)(torch.ones(8, 8)))
t("conv small", lambda: nn.Conv2d(1, 4, 5)(torch.ones(1, 1, 3, 3)))
t("pool", lambda: nn.MaxPool2d(4)(torch.ones(1, 1, 2, 2)))
t("bn", lambda: nn.BatchNorm1d(3)(torch.ones(1, 3)))
t("bn dim", lambda: nn.BatchNorm2d(3)(torch.ones(2, 3)))
t("bn ch", lambda: nn.BatchNorm1d(3)(torch.ones(2, 4)))
t("ln", lambda: nn.LayerNorm(4)(torch.ones(2, 3)))
t("conv long", lambda: nn.Conv2d(1, 1, 1)(torch.ones(1, 1, 2, 2).long()))
t("conv uint8", lambda: nn.Conv2d(1, 1, 1)(torch.ones(1, 1, 2, 2).byte()))
t("emb float", lambda: nn.Embedding(3, 2)(torch.ones(2)))
t("emb range", lambda: nn.Embedding(3, 2)(torch.tensor([3])))
t("lstm", lambda: nn.LSTM(3, 4)(torch.ones(2, 2, 5)))
t("lstm h2", lambda: nn.LSTM(3, 4)(torch.ones(2, 2, 3), (torch.ones(1, 3, 4), torch.ones(1, 3, 4))))
t("gru dim", lambda: nn.GRU(3, 4)(torch.ones(3)))
t("mha", lambda: nn.MultiheadAttention(5, 2))
t("mha2", lambda: nn.MultiheadAttention(4, 2)(torch.ones(2, 1, 3), torch.ones(2, 1, 3), torch.ones(2, 1, 3)))
t("cuda", lambda: torch.ones(1).cuda())
t("cuda2", lambda: torch.ones(1).to("cuda"))
t("cuda3", lambda: torch.zeros(1, device="cuda:0"))
t("cuda4", lambda: nn.Linear(1, 1).cuda())
t("dev", lambda: torch.device("gpu"))
t("dev2", lambda: torch.ones(1).to("foo"))
t(
    "cudacount",
    lambda: (torch.cuda.device_count(), torch.cuda.is_available(), torch.backends.mps.is_available()),
)
t("cuda name", lambda: torch.cuda.get_device_name(0))
t("idx", lambda: torch.ones(2)[2])
t("idx2", lambda: torch.ones(2)[0, 0])
t("idx3", lambda: torch.ones(2)[torch.tensor([5])])
t("idx4", lambda: torch.ones(2)["a"])
t("idx5", lambda: torch.ones(2)[1.0])
t("idx6", lambda: torch.ones(3)[torch.tensor([True, False])])
t("idx7", lambda: torch.tensor(1)[0])
t("len0", lambda: len(torch.tensor(1)))
t("iter0", lambda: list(torch.tensor(1)))
t("set", lambda: torch.ones(2, 3).__setitem__(0, torch.ones(2)))
t("step", lambda: torch.arange(3)[::-1])
t("gather", lambda: torch.ones(2, 3).gather(1, torch.tensor([0, 1])))
t("gather f", lambda: torch.ones(2).gather(0, torch.ones(1)))
t("dim", lambda: torch.ones(2).sum(1))
t("dim2", lambda: torch.ones(2, 3).softmax(2))
t("squeeze", lambda: torch.ones(2).unsqueeze(3))
t("permute", lambda: torch.ones(2, 3).permute(0))
t("transpose", lambda: torch.ones(2).transpose(0, 1))
t("t3", lambda: torch.ones(1, 2, 3).t())
t("expand", lambda: torch.ones(2, 3).expand(3, 3))
t("topk", lambda: torch.ones(2).topk(3))
t("multinomial", lambda: torch.multinomial(torch.zeros(3), 1))
t("multinomial2", lambda: torch.multinomial(torch.ones(3), 4))
t("chunk", lambda: torch.ones(3).split([1, 1]))
t("mean int", lambda: torch.arange(3).mean())
t("rand", lambda: torch.rand("a"))
t("tensor str", lambda: torch.tensor("a"))
t("tensor ragged", lambda: torch.tensor([[1, 2], [3]]))
t("tensor list tensors", lambda: torch.tensor([torch.ones(2), torch.ones(2)]))
t("tensor none", lambda: torch.tensor([None]))
t("from_numpy", lambda: torch.from_numpy([1, 2]))
t("from_numpy obj", lambda: torch.from_numpy(np.array(["a"])))
t("neg stride", lambda: torch.from_numpy(np.arange(3)[::-1]))
t("FloatTensor", lambda: torch.FloatTensor(["a"]))
t("zeros str", lambda: torch.zeros("3"))
t("zeros float", lambda: torch.zeros(2.0))
t("zeros neg", lambda: torch.zeros(-1))
t("ones kw", lambda: torch.ones(2, foo=1))
t("sum str", lambda: torch.sum("a"))
t("add str", lambda: torch.ones(1) + "a")
t("add none", lambda: torch.ones(1) + None)
t("add list", lambda: torch.ones(2) + [1, 2])
t("exp float", lambda: torch.exp(1.0))
t("relu list", lambda: F.relu([1.0]))
t("cat tensor", lambda: torch.cat(torch.ones(2)))
t("cat empty", lambda: torch.cat([]))
t("max dim", lambda: torch.tensor([]).max())
t("argmax", lambda: torch.tensor([]).argmax())
t("arange", lambda: torch.arange(5, 1))
t("linspace", lambda: torch.linspace(0, 1))
t("einsum", lambda: torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(2, 3)))
t("einsum2", lambda: torch.einsum("ij->k", torch.ones(2, 3)))
t("solve", lambda: torch.linalg.solve(torch.eye(2), torch.ones(3)))
t("int div inplace", lambda: torch.ones(2).long().div_(2))
t("int add float inplace", lambda: torch.ones(2).long().add_(1.5))
t("bool sub", lambda: torch.tensor([True]) - torch.tensor([True]))
t("neg bool", lambda: -torch.tensor([True]))
t("not float", lambda: ~torch.ones(1))
t("and float", lambda: torch.ones(1) & torch.ones(1))
t("pow", lambda: torch.tensor([2]) ** -1)
t("copy_", lambda: torch.ones(2).copy_(torch.ones(3)))
t("param", lambda: setattr(nn.Linear(1, 1), "weight", torch.ones(1, 1)))
t("param data", lambda: nn.Parameter([1.0]))
t("modlist", lambda: nn.ModuleList([1]))
t("seq", lambda: nn.Sequential(1))
t("seq idx", lambda: nn.Sequential(nn.ReLU())[1])
t("register", lambda: nn.Module().register_buffer("a.b", torch.ones(1)))
t("reg param", lambda: nn.Module().register_parameter("a", torch.ones(1)))
t("grad unused", lambda: torch.autograd.grad(r.sum(), torch.ones(1, requires_grad=True)))
t("grad nreq", lambda: torch.autograd.grad(r.sum(), torch.ones(1)))
t("grad shape", lambda: (r * 2).backward(torch.ones(2)))
t("grad assign", lambda: setattr(r, "grad", torch.ones(2)))
t("grad assign2", lambda: setattr(r, "grad", 1))
t("deepcopy nonleaf", lambda: __import__("copy").deepcopy(r * 2))
t("dropout", lambda: nn.Dropout(1.5))
t("load", lambda: torch.load("nofile.pt"))
t("loadsd", lambda: nn.Linear(1, 1).load_state_dict({"weight": torch.ones(1, 1)}))
t("loadsd2", lambda: nn.Linear(1, 1).load_state_dict([1]))
t("loadopt", lambda: torch.optim.SGD([r], lr=0.1).load_state_dict({"state": {}, "param_groups": []}))
t("sched", lambda: torch.optim.lr_scheduler.StepLR(1, 2))
t("plateau", lambda: torch.optim.lr_scheduler.ReduceLROnPlateau(torch.optim.SGD([r], lr=0.1)).step())
t("lbfgs", lambda: torch.optim.LBFGS([r]).step())
t("kwargs", lambda: nn.Linear(1, 1, foo=2))
t("args", lambda: nn.Linear(3))
t("clip", lambda: nn.utils.clip_grad_norm_([torch.ones(1, requires_grad=True)], 1.0))
t("randsplit", lambda: torch.utils.data.random_split(range(5), [1, 2]))
t("tds", lambda: torch.utils.data.TensorDataset(torch.ones(2), torch.ones(3)))
t("no_grad backward", lambda: torch.no_grad().__enter__() and None)
torch.set_grad_enabled(True)
with torch.no_grad():
    y = (r * 2).sum()
t("nograd back", lambda: y.backward())
t("detach back", lambda: (r * 2).detach().sum().backward())
t("argmax back", lambda: (r * 2).argmax().backward())
import warnings

warnings.simplefilter("error")
t("nonleaf grad", lambda: (r * 2).grad)
t("mse bc", lambda: F.mse_loss(torch.ones(2, 1), torch.ones(2)))
t("softmax implicit", lambda: F.softmax(torch.ones(2)))
t("sigmoid", lambda: F.sigmoid(torch.ones(1)))
t("size_average", lambda: nn.MSELoss(size_average=False))
t("lstm dropout", lambda: nn.LSTM(1, 1, dropout=0.1))
t("clip_grad_norm", lambda: nn.utils.clip_grad_norm([r], 1.0))
t("xavier", lambda: nn.init.xavier_uniform(torch.ones(2, 2)))
t("xav0", lambda: nn.init.xavier_uniform_(torch.ones(2)))
