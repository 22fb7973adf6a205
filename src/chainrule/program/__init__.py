"""Programs: what a training step computes, as data. Three ways in: trace, from_tape, differentiate."""

from .build import Builder as Builder
from .build import Symbol as Symbol
from .differentiate import differentiate as differentiate
from .differentiate import from_tape as from_tape
from .interpret import interpret as interpret
from .ir import Equation as Equation
from .ir import Program as Program
from .ir import Var as Var
from .text import parse as parse
from .trace import trace as trace
from .traced import TraceError as TraceError
from .traces import Trace as Trace
from .verify import ProgramError as ProgramError
from .verify import verify as verify
