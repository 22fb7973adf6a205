"""Which records kernels are emitted for, what the others consist of, and the pass that breaks them up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...ops import (
    conv,
    extreme,
    index,
    join,
    movement,
    pool,
    product,
    random,
    rearrange,
    recurrent,
    recurrent_pull,
    reduce,
    resample,
    scatter,
)  # fmt: skip
from ...ops.record import Op
from ...program import Program, Symbol
from ...program.ir import Equation, Var
from ...program.passes.rewrite import NO_MATCH, Rewriter, Rule, Writer, called
from ...types import COMPLEX, FLOAT, float32

# Besides elementwise operations and views. Products are of matrices or of batches of them; all and any take
# truth values; embeddings neither leave out a padding row nor divide by frequencies.
KERNELS = frozenset(
    {
        reduce.sum, reduce.prod, reduce.all, reduce.any, extreme.amax, extreme.amin,
        product.matmul,
        movement.to, rearrange.clone, rearrange.contiguous, join.cat, movement.stack, movement.embed,
        movement.view_scatter,
        conv.conv, conv.conv_input, conv.conv_weight,
        pool.max_pool, pool.max_pool_input,
        resample.avg_pool, resample.adaptive_avg_pool, resample.upsample,
        index.index, index.index_select, index.unindex, index.index_put,
        scatter.gather, scatter.ungather, scatter.scatter, scatter.scatter_add,
        scatter.embedding, scatter.embedding_grad,
        random.uniform, random.bernoulli, random.dropout_mask,
        recurrent.rnn_layer, recurrent.lstm_layer, recurrent.gru_layer,
        recurrent_pull.rnn_pull, recurrent_pull.lstm_pull, recurrent_pull.gru_pull,
    }
)  # fmt: skip

RULES: dict[Op, Rule] = {}


def is_core(op: Op) -> bool:
    """Whether programs of this record are left as they are: a kernel computes it, or it moves no values."""
    elementwise = op.domain is not None
    return elementwise or op in KERNELS or (op.view and op.outputs == 1 and op not in RULES)


def decomposition(*ops: Op, moves: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what a record consists of: a function of its arguments, in the traced language.

    It returns the result, a list of results, or NO_MATCH where the record is to stay. Half precision is
    computed in float32 and rounded once, at the end; complex numbers are left to NumPy. Neither is so for a
    record that only `moves` values.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for op in ops:
            RULES[op] = called(function) if moves else _computing(function)
        return function

    return register


def _computing(function: Callable[..., Any]) -> Rule:
    def rule(writer: Writer, equation: Equation) -> Any:
        dtypes = [a.dtype for a in equation.inputs]
        if any(d.category == COMPLEX for d in dtypes):
            return NO_MATCH
        if not any(d.category == FLOAT and d.itemsize == 2 for d in dtypes):
            return function(*writer.arguments(equation))
        operands = [_single(writer, a) if isinstance(a, Var) else a for a in equation.operands]
        found = function(*equation.with_operands(operands))
        if found is NO_MATCH:
            return NO_MATCH
        results = found if isinstance(found, (list, tuple)) else [found]
        return [movement.to(r, v.dtype) for r, v in zip(results, equation.outputs)]

    return rule


def _single(writer: Writer, a: Var) -> Any:
    x = Symbol(writer, a)
    return movement.to(x, float32) if a.dtype.category == FLOAT and a.dtype.itemsize == 2 else x


def decompose(program: Program) -> Program:
    """The program in terms of core records, as far as there are rules; see `is_core`.

    Each new equation keeps the user's line and has the equation it is a part of as its `origin`.
    """

    def rules(op: Op) -> Sequence[Rule]:
        return (RULES[op],) if op in RULES else ()

    return Rewriter(program, rules, expands=True).run()
