"""`python -m bench eager [--write]`: measure a claim and print its table.

`python -m bench compiled [names…]` measures whole compiled steps, see bench/compiled;
`python -m bench sklearn [digits table]` fits of scikit-learn's estimators, see bench/estimators.py.
"""

from __future__ import annotations

import argparse
import sys

from . import eager, estimators, importing, report
from .compiled import run as compiled

CLAIMS = {"eager": eager.measure, "import": importing.measure}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("claim", choices=[*CLAIMS, "compiled", "sklearn", "all"])
    compiled.arguments(parser)
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each figure is measured; the median counts"
    )
    parser.add_argument("--write", action="store_true", help="write the tables to bench/RESULTS.md")
    options = parser.parse_args()
    if options.names and options.claim not in ("compiled", "sklearn"):
        parser.error("names of workloads go with the claims `compiled` and `sklearn`")
    if options.claim == "sklearn":
        sys.exit(estimators.run(options))
    if options.claim == "compiled":
        sys.exit(compiled.run(options))
    chosen = CLAIMS if options.claim == "all" else {options.claim: CLAIMS[options.claim]}
    tables = {}
    for name, measure in chosen.items():
        tables[name] = measure(options.rounds)
        print(report.text(tables[name]), flush=True)
    if options.write:
        report.write(tables)
    if options.claim == "all":
        sys.exit(max(compiled.run(options), estimators.run(options)))


main()
