"""The typer application: the commands, their options and their help."""

from __future__ import annotations

from typing import Annotated

import typer

import chainrule
from chainrule.cli.run import run_file

app = typer.Typer(
    name="chainrule",
    help="Run, compile and explain PyTorch programs on NumPy.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chainrule {chainrule.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run, compile and explain PyTorch programs on NumPy."""


@app.command("run", context_settings={"allow_interspersed_args": False})
def _run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A script (.py) or a notebook (.ipynb).")],
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="What the program finds in sys.argv.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Call manual_seed(N) before the program starts.")
    ] = None,
) -> None:
    """Run a PyTorch program, unchanged: `import torch` gives it chainrule.

    Options come before FILE; everything after FILE is the program's own.
    """
    raise typer.Exit(run_file(file, args or [], seed))


@app.command("cache")
def _cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all entries.")] = False,
) -> None:
    """Show what compiled steps have left on disk, for the next run to start sooner.

    The folder is `chainrule` in your cache folder; CHAINRULE_CACHE names another, CHAINRULE_CACHE=off
    turns the cache off. It never grows beyond 256 MB.

    Examples: `chainrule cache` shows it, `chainrule cache --clear` empties it.
    """
    from chainrule.cli.cache import show

    raise typer.Exit(show(clear))


@app.command("explain")
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
        typer.Option(
            metavar="N",
            min=1,
            help="Explain the first backward pass that line N starts; in a notebook, line N of a cell.",
        ),
    ] = None,
    lang: Annotated[str, typer.Option(metavar="en|zh", help="The language of the explanation.")] = "en",
    wrt: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Explain only these gradients, as w,b or model.0.weight."),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(metavar="D", min=0, help="Look into D levels of modules; deeper ones are single steps."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Call manual_seed(N) before the program starts.")
    ] = None,
) -> None:
    """Show the chain rule behind a backward pass: every formula, value and gradient.

    The program runs to its end, as with `chainrule run`; what it prints comes first. A FORMULA is derived
    without data.

    Examples: `chainrule explain train.py --step 3 --out report.html`,
    `chainrule explain "(w*x + b - y)**2" --wrt w,b`
    """
    from chainrule.cli.explain import explain

    raise typer.Exit(
        explain(
            what, args or [], out=out, step=step, line=at_line, lang=lang, wrt=wrt, depth=depth, seed=seed
        )
    )
