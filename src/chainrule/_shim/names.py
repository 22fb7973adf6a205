"""Where PyTorch's deep module paths live in chainrule: the paths whose home differs, by home."""

from __future__ import annotations

# home in chainrule -> what PyTorch's own files below (or beside) that package are called
_LEAVES = {
    "chainrule": "_tensor functional serialization storage",
    "chainrule.nn": """
        parameter modules modules.activation modules.adaptive modules.batchnorm modules.channelshuffle
        modules.container modules.conv modules.distance modules.dropout modules.flatten modules.fold
        modules.instancenorm modules.lazy modules.linear modules.loss modules.module modules.normalization
        modules.padding modules.pixelshuffle modules.pooling modules.rnn modules.sparse modules.transformer
        modules.upsampling modules.utils""",
    "chainrule.nn.utils": "clip_grad convert_parameters parametrizations parametrize rnn stateless",
    "chainrule.optim": """
        adadelta adagrad adam adamax adamw asgd lbfgs lr_scheduler nadam optimizer radam rmsprop rprop sgd
        sparse_adam swa_utils""",
    "chainrule.autograd": "anomaly_mode forward_ad function functional grad_mode gradcheck graph variable",
    "chainrule.utils.data": "dataloader dataset distributed sampler",
}

ALIASES: dict[str, tuple[str, ...]] = {home: tuple(leaves.split()) for home, leaves in _LEAVES.items()}
