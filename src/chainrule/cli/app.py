"""The typer application: the commands, their options and their help."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from chainrule.cli.run import run_file

_SEED = typer.Option(metavar="N", help="Call manual_seed(N) before the program starts.")
_ORDER = ("run", "explain", "fit", "train", "predict", "cache")  # what a newcomer needs first


class _Commands(TyperGroup):
    """The commands in the order of their use; help lists them so."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=(*_ORDER, *self.commands).index)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0].endswith((".py", ".ipynb")):
            ctx.fail(f"{args[0]!r} is no command; to run it: chainrule run {shlex.join(args)}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="chainrule",
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from chainrule.cli.version import versions

        typer.echo(versions())
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the versions, the processor that code is compiled for, and the threads.",
        ),
    ] = False,
) -> None:
    """Backpropagation with PyTorch's API: run, explain, fit, train, predict.

    \b
    chainrule run train.py --epochs 10
        a PyTorch script or notebook, unchanged, on chainrule
    chainrule explain train.py --out report.html
        the chain rule behind its gradients, step by step
    chainrule fit "y = w1*x**2 + w2*x + b" points.csv
        the parameters of a formula, with standard errors
    chainrule train houses.csv --target price
        a network on a table: CSV, TSV, Parquet or NumPy
    chainrule predict houses.safetensors new.csv -o out.csv
        what that network says of new rows
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(
    "run",
    context_settings={"allow_interspersed_args": False},
    short_help="Run a PyTorch program, unchanged.",
)
def _run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A script (.py) or a notebook (.ipynb).")],
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="What the program finds in sys.argv.")
    ] = None,
    seed: Annotated[int | None, _SEED] = None,
) -> None:
    """Run a PyTorch program, unchanged: `import torch` gives it chainrule.

    Options come before FILE; everything after FILE is the program's own.

    \b
    Examples:
      chainrule run train.py --epochs 10   sys.argv holds --epochs 10
      chainrule run --seed 0 lesson.ipynb  the code cells in order
    """
    raise typer.Exit(run_file(file, args or [], seed))


@app.command("cache", short_help="Show or clear what compiled steps have left on disk.")
def _cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all entries.")] = False,
) -> None:
    """Show what compiled steps have left on disk, for the next run to start sooner.

    The folder is `chainrule` in your cache folder; CHAINRULE_CACHE names another, CHAINRULE_CACHE=off
    turns the cache off. It never grows beyond 256 MB.

    \b
    Examples:
      chainrule cache            the folder, the entries and their size
      chainrule cache --clear    remove them all
    """
    from chainrule.cli.cache import show

    raise typer.Exit(show(clear))


@app.command("explain", short_help="Show the chain rule behind a program's gradients.")
def _explain(
    what: Annotated[
        str, typer.Argument(metavar="FILE|FORMULA", help="A script (.py), a notebook (.ipynb), or a formula.")
    ],
    args: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- ARGS]...", help="What the program finds in sys.argv, behind `--`."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="PATH", help="Write the report, one HTML file, to PATH.")
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(metavar="K", min=1, help="Explain the K-th backward pass; the first if left out."),
    ] = None,
    at_line: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Explain the first pass that line N (of a cell) starts."),
    ] = None,
    lang: Annotated[str, typer.Option(metavar="en|zh", help="The language of the explanation.")] = "en",
    notation: Annotated[
        str, typer.Option(metavar="matrix|sum", help="Formulas of arrays, or of their elements with Σ.")
    ] = "matrix",
    wrt: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Explain only these gradients, as w,b or model.0.weight."),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(metavar="D", min=0, help="Look into D levels of modules; deeper ones are single steps."),
    ] = None,
    seed: Annotated[int | None, _SEED] = None,
) -> None:
    """Show the chain rule behind a backward pass: every formula, value and gradient.

    The program runs to its end, as with `chainrule run`; what it prints comes first. A FORMULA is derived
    without data.

    \b
    Examples:
      chainrule explain train.py --out report.html    as a page to step through
      chainrule explain train.py --step 3 --lang zh   the third pass, in Chinese
      chainrule explain "(w*x + b - y)**2" --wrt w,b  a formula, without data
    """
    from chainrule.cli.explain import explain

    raise typer.Exit(
        explain(
            what,
            args or [],
            out=out,
            step=step,
            line=at_line,
            lang=lang,
            notation=notation,
            wrt=wrt,
            depth=depth,
            seed=seed,
        )  # fmt: skip
    )


def _path(text: str) -> Any:
    return typer.Option(metavar="PATH", help=text)


def _option(metavar: str, text: str) -> Any:
    """An option and what its help calls its value."""
    return typer.Option(metavar=metavar, help=text)


def _count(text: str) -> Any:
    return typer.Option(metavar="N", help=text)


@app.command("fit", short_help="Fit a formula to data, with standard errors.")
def _fit(
    formula: Annotated[
        str, typer.Argument(metavar="FORMULA", help='An equation such as "y = w*x + b"; columns by name.')
    ],
    data: Annotated[str, typer.Argument(metavar="DATA", help="CSV, TSV, Parquet or NumPy, with a header.")],
    init: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Where to start.")] = None,
    fix: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Hold a parameter at a value.")
    ] = None,
    bounds: Annotated[
        list[str] | None, typer.Option(metavar="NAME=LOW:HIGH", help="Limits; w=0: has no upper one.")
    ] = None,
    loss: Annotated[
        str, typer.Option(metavar="LOSS", help="mse, half-sum, sum, huber, huber:DELTA, mae or log-cosh.")
    ] = "mse",
    optimizer: Annotated[
        str,
        typer.Option(metavar="NAME", help="lm (Levenberg-Marquardt), lbfgs, sgd, momentum, rmsprop, adam."),
    ] = "lm",
    lr: Annotated[
        float | None, typer.Option(metavar="RATE", help="Learning rate of sgd … adam; 0.01.")
    ] = None,
    epochs: Annotated[int | None, _count("Epochs of sgd … adam (1000), steps of lm, lbfgs (2000).")] = None,
    batch_size: Annotated[int | None, _count("Rows in a batch of sgd … adam; 32.")] = None,
    seed: Annotated[int, _count("Of batches, and of start points tried.")] = 0,
    confidence: Annotated[float, typer.Option(metavar="P", help="Of the intervals.")] = 0.95,
    out: Annotated[str | None, _path("Write the model (.safetensors), for `predict`.")] = None,
    report: Annotated[str | None, _path("Write the report, one HTML file.")] = None,
    plot: Annotated[str | None, _path("Write the charts, one PNG file.")] = None,
    checkpoint: Annotated[str | None, _path("Keep the state of the run in this file.")] = None,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often: 30s, 5m, 500ms.")] = "30s",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Steps and result as lines of JSON.")] = False,
) -> None:
    """Fit a formula to data by backpropagation: values, standard errors, intervals, a report.

    Names that are columns of DATA are data; all others are parameters. The left side is fitted: a column,
    or an expression of columns, as in "log(y) = a - b*x".

    \b
    Examples:
      chainrule fit "y = w1*x**2 + w2*x + b" points.csv
      chainrule fit "y = a*exp(-k*t) + c" decay.csv --init k=0.1 --bounds k=0:
      chainrule fit "y = w*x + b" points.csv --optimizer sgd --batch-size 1
    """
    from chainrule.cli.fit import fit

    raise typer.Exit(
        fit(
            formula, data, init=init or [], fix=fix or [], bounds=bounds or [], loss=loss,
            optimizer=optimizer, lr=lr, epochs=epochs, batch_size=batch_size, seed=seed,
            confidence=confidence, out=out, report=report, plot=plot, checkpoint=checkpoint, every=every,
            resume=resume, quiet=quiet, as_json=as_json,
        )
    )  # fmt: skip


@app.command("train", short_help="Train a network on a table, compiled, and measure it.")
def _train(
    data: Annotated[str, typer.Argument(metavar="DATA", help="CSV, TSV, Parquet or NumPy, with a header.")],
    target: Annotated[str, _option("COLUMN", "The column to predict.")],
    task: Annotated[str, _option("TASK", "auto, regression or classification.")] = "auto",
    drop: Annotated[list[str] | None, _option("COLUMNS", "Columns to leave out: id,name.")] = None,
    category: Annotated[list[str] | None, _option("COLUMNS", "Number columns that are categories.")] = None,
    hidden: Annotated[str, _option("WIDTHS", "Hidden layers; none: linear.")] = "64,64",
    activation: Annotated[
        str, _option("NAME", "relu, leaky_relu, elu, selu, gelu, silu, tanh, sigmoid.")
    ] = "relu",
    dropout: Annotated[float, _option("P", "Behind each hidden layer.")] = 0.0,
    optimizer: Annotated[
        str, _option("NAME", "adam, adamw, nadam, rmsprop, sgd, momentum, adagrad.")
    ] = "adam",
    lr: Annotated[float | None, _option("RATE", "Learning rate; chosen by short trials if left out.")] = None,
    weight_decay: Annotated[float, _option("W", "Pulls weights towards 0.")] = 0.0,
    epochs: Annotated[int, _count("At most so many.")] = 200,
    batch_size: Annotated[int | None, _count("Rows in a batch; 32 to 256, by the number of rows.")] = None,
    patience: Annotated[int, _count("Stop after so many epochs without a better one.")] = 20,
    test_size: Annotated[float, _option("P", "Part of the rows held out.")] = 0.2,
    validation_size: Annotated[float, _option("P", "Part that chooses the best epoch.")] = 0.15,
    seed: Annotated[int, _count("Of the split, the start and the batches.")] = 0,
    out: Annotated[str | None, _path("The model file; DATA's name with .safetensors if left out.")] = None,
    report: Annotated[str | None, _path("Write the report, one HTML file.")] = None,
    checkpoint: Annotated[str | None, _path("Keep the state of the run in this file.")] = None,
    every: Annotated[str, _option("TIME", "How often: 30s, 5m, 500ms.")] = "30s",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Epochs and result as lines of JSON.")] = False,
) -> None:
    """Train a network that predicts one column of a table from the others, and keep it in a file.

    Texts and whole numbers of few values are classes, other numbers are predicted as numbers. Missing
    values, categories, dates and scales are seen to; the figures are of rows that training has not seen.

    \b
    Examples:
      chainrule train houses.csv --target price --report houses.html
      chainrule train iris.csv --target species --hidden 32 --activation tanh
      chainrule train big.parquet --target y --checkpoint run.ckpt --every 1m
    """
    from chainrule.cli.train import train

    raise typer.Exit(
        train(
            data, target, task=task, drop=drop or [], category=category or [], hidden=hidden,
            activation=activation, dropout=dropout, optimizer=optimizer, lr=lr, weight_decay=weight_decay,
            epochs=epochs, batch_size=batch_size, patience=patience, test_size=test_size,
            validation_size=validation_size, seed=seed, out=out, report=report, checkpoint=checkpoint,
            every=every, resume=resume, quiet=quiet, as_json=as_json,
        )
    )  # fmt: skip


@app.command("predict", short_help="Predict the rows of a table with a model file.")
def _predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `train` or `fit --out` has written.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="A table with the columns the model needs.")],
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="PATH", help="A CSV or TSV file; stdout if left out.")
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Also the probability of each class.")] = False,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Columns of DATA to write too: id,name.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No remarks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was found, as a line of JSON.")] = False,
) -> None:
    """Predict every row of a table; files of any size, in little memory.

    Columns are found by their names; further ones do not matter.

    \b
    Examples:
      chainrule predict houses.safetensors new.csv -o out.csv
      chainrule predict iris.safetensors new.csv --proba --keep id | head
    """
    from chainrule.cli.predict import predict

    raise typer.Exit(
        predict(model, data, out=out, proba=proba, keep=keep or [], quiet=quiet, as_json=as_json)
    )
