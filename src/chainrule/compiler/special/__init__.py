"""Kernels of records that are neither loops nor matrix products; importing this package registers them."""

from . import convolution as convolution
from . import indexing as indexing
from . import lstm as lstm
from . import pooling as pooling
from . import random as random
from . import recurrent as recurrent
