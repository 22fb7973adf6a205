"""torch.nn.functional: the layers, losses and activations as functions."""

from ...functional.activation import *
from .adaptive import *
from .attention import *
from .classes import *
from .conv import *
from .distance import *
from .dropout import *
from .linear import *
from .loss import *
from .normalization import *
from .pooling import *
from .vision import *
from ...functional.pad import pad as pad
