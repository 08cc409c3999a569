"""`python -m benchmarks [--only PART ...] [--builds N] [--keep FOLDER]`: every figure the documents name, measured now.

Brings its own PostgreSQL (with fsync) and its own data; everything stays on loopback and ends by itself.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks import history, machine, table
from benchmarks.figure import Figure
from benchmarks.parts import ONLY_BY_NAME, PARTS, Wanted
from benchmarks.stage import stage
from shared.clock import utc_now
from shared.log import setup

BUILDS = MIDDLE = 1_000_000
QUICK = 20_000
QUICK_SHARE = 0.1


def main() -> int:
    """Measure, print the table, add to the history; with `--hold` the exit code says whether the promises hold."""
    arguments = _arguments()
    setup.configure("info", "auto", "benchmarks")
    before = history.last_values() if arguments.compare else {}
    found: list[Figure] = []
    for figure in _measured(arguments):
        print(table.line(figure, before), flush=True)
        found.append(figure)
    line = history.line_of(found, {name: str(value) for name, value in vars(arguments).items()}, utc_now())
    if not arguments.quick:
        history.append(line)
    if arguments.json is not None:
        arguments.json.write_bytes(orjson.dumps(orjson.loads(line), option=orjson.OPT_INDENT_2))
    if arguments.markdown is not None:
        arguments.markdown.write_text(table.rows(found))
    if arguments.hold is None:
        return 0
    missed = [figure.name for figure in found if not figure.is_held(arguments.hold)]
    print(f"missed: {'; '.join(missed)}" if missed else "all promises hold", flush=True)
    return 1 if missed else 0


def _measured(arguments: argparse.Namespace) -> Iterator[Figure]:
    """The figures of each part, between two of how fast the machine is."""
    yield machine.speed("before")
    with stage(arguments.keep) as one:
        for name in arguments.only or [name for name in PARTS if name not in ONLY_BY_NAME]:
            yield from PARTS[name](one, _wanted(arguments))
    yield machine.speed("after")


def _wanted(arguments: argparse.Namespace) -> Wanted:
    share = QUICK_SHARE if arguments.quick else 1.0
    middle = QUICK if arguments.quick else MIDDLE
    builds = QUICK if arguments.quick else arguments.builds
    return Wanted(builds=builds, middle=min(middle, builds), share=share, tools=arguments.tools)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Every figure the documents name.")
    parser.add_argument("--builds", type=int, default=BUILDS, help="builds in the large database; a year has 10000000")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts alone; fleet (15 minutes) only so")
    parser.add_argument("--quick", action="store_true", help="small data and few requests: whether it works at all")
    parser.add_argument("--keep", type=Path, help="keep the database folder there, and its data sets for later runs")
    parser.add_argument("--compare", action="store_true", help="say beside each figure what the last run measured")
    parser.add_argument(
        "--hold",
        type=float,
        metavar="SLACK",
        help="fail where a promise does not hold; times may be SLACK times as long as promised, bytes and rows may not",
    )
    parser.add_argument("--json", type=Path, help="write this run there as well")
    parser.add_argument("--markdown", type=Path, help="write the table of docs/figures.md there")
    parser.add_argument(
        "--tools", type=Path, default=history.HISTORY.parent, help="where Buildbot is installed for the comparison"
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
