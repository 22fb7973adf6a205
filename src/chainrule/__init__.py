"""chainrule: a backpropagation engine with PyTorch's API."""

from .tensor import Tensor as Tensor
from .functional import operators as operators
from .functional.create import tensor as tensor
from .functional.reduce import sum as sum
from .autograd.mode import no_grad as no_grad
