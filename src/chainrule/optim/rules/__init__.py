"""The update rules: pure functions in the traced language, for step(), the compiler and the derivation."""

from .adam import ADAM as ADAM
from .adam import ADAMAX as ADAMAX
from .adam import NADAM as NADAM
from .adam import RADAM as RADAM
from .adaptive import ADADELTA as ADADELTA
from .adaptive import ADAGRAD as ADAGRAD
from .adaptive import RMSPROP as RMSPROP
from .matrix import ADAFACTOR as ADAFACTOR
from .matrix import MUON as MUON
from .momentum import ASGD as ASGD
from .momentum import RPROP as RPROP
from .momentum import SGD as SGD
from .rule import Entry as Entry
from .rule import Rule as Rule
