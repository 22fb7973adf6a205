"""torch.nn.functional: the layers, losses and activations as functions."""

from .adaptive import *
from .classes import *
from .conv import *
from .dropout import *
from .linear import *
from .loss import *
from .normalization import *
from .pooling import *
