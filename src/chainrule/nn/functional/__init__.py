"""torch.nn.functional: the layers, losses and activations as functions."""

from ...functional.activation import *
from ...functional.embedding import *
from .adaptive import *
from .attention import *
from .classes import *
from .conv import *
from .ctc import *
from .distance import *
from .dropout import *
from .linear import *
from .loss import *
from .normalization import *
from .pooling import *
from .sampling import *
from .vision import *
