"""Learning rate schedules: objects that set an optimizer's learning rates from one epoch to the next."""

from chainrule.optim.lr_scheduler.base import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING
from chainrule.optim.lr_scheduler.base import LRScheduler as LRScheduler
from chainrule.optim.lr_scheduler.base import _LRScheduler as _LRScheduler
from chainrule.optim.lr_scheduler.composite import ChainedScheduler as ChainedScheduler
from chainrule.optim.lr_scheduler.composite import SequentialLR as SequentialLR
from chainrule.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from chainrule.optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from chainrule.optim.lr_scheduler.cyclic import CyclicLR as CyclicLR
from chainrule.optim.lr_scheduler.decay import ConstantLR as ConstantLR
from chainrule.optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from chainrule.optim.lr_scheduler.decay import LinearLR as LinearLR
from chainrule.optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from chainrule.optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from chainrule.optim.lr_scheduler.decay import StepLR as StepLR
from chainrule.optim.lr_scheduler.lambdas import LambdaLR as LambdaLR
from chainrule.optim.lr_scheduler.lambdas import MultiplicativeLR as MultiplicativeLR
from chainrule.optim.lr_scheduler.one_cycle import OneCycleLR as OneCycleLR
from chainrule.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
