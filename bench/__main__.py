"""`python -m bench eager [--write]`: measure a claim and print its table."""

from __future__ import annotations

import argparse

from . import eager, importing, report

CLAIMS = {"eager": eager.measure, "import": importing.measure}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("claim", choices=[*CLAIMS, "all"])
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each figure is measured; the median counts"
    )
    parser.add_argument("--write", action="store_true", help="write the tables to bench/RESULTS.md")
    options = parser.parse_args()
    chosen = CLAIMS if options.claim == "all" else {options.claim: CLAIMS[options.claim]}
    tables = {}
    for name, measure in chosen.items():
        tables[name] = measure(options.rounds)
        print(report.text(tables[name]), flush=True)
    if options.write:
        report.write(tables)


main()
