"""Passes: programs made shorter without a change of what they compute; each maps a program to a program."""

from .cse import cse as cse
from .dce import dce as dce
from .fold import fold as fold
from .rewrite import NO_MATCH as NO_MATCH
from .rewrite import Rewriter as Rewriter
from .rewrite import Writer as Writer
from .rewrite import called as called
from .rewrite import made_by as made_by
from .simplify import simplify as simplify
