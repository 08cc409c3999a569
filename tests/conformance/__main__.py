"""`make conformance`: how we read every payload recorded from the providers, as a table or (`--json`) for programs."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping

from collectors import COLLECTORS
from tests.conformance.counts import COUNTS
from tests.conformance.reading import counted, readings
from tests.recorded import recordings

KINDS = ("payloads", "builds", "builds with problems", "jobs", "problems")


def main() -> int:
    """Print the report; 1 when a count is not the pinned one, 2 when there is nothing to read."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    is_json = parser.parse_args().json
    missing = [provider for provider in COUNTS if not (recordings() / provider).is_dir()]
    if missing:
        print(f"no recordings of {', '.join(missing)} in {recordings()}; set OBSERVATORY_RECORDED", file=sys.stderr)
        return 2
    recorded = [provider for provider in COLLECTORS if (recordings() / provider).is_dir()]
    report = {provider: counted(readings(provider)) for provider in recorded}
    print(json.dumps(report, indent=2) if is_json else table(report))
    changed = [provider for provider in recorded if report[provider] != COUNTS.get(provider)]
    if changed:
        print(f"not as pinned in tests/conformance/counts.py: {', '.join(changed)}", file=sys.stderr)
    return 1 if changed else 0


def table(report: Mapping[str, Mapping[str, Counter[str]]]) -> str:
    """A line a folder, its reasons for what is no build below it, and a line for everything."""
    rows = [["provider", "folder", *KINDS, "no build"]]
    total: Counter[str] = Counter()
    for provider, folders in report.items():
        for folder, count in sorted(folders.items()):
            rows.append([provider, folder, *_cells(count)])
            rows += [["", f"  {reason}", *[""] * len(KINDS), str(number)] for reason, number in _reasons(count)]
            total += count
    rows.append(["all", "", *_cells(total)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(count: Counter[str]) -> list[str]:
    return [str(count[kind]) for kind in KINDS] + [str(sum(number for _, number in _reasons(count)))]


def _reasons(count: Counter[str]) -> list[tuple[str, int]]:
    return [(key.removeprefix("no build: "), n) for key, n in sorted(count.items()) if key.startswith("no build: ")]


def _line(row: list[str], widths: list[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
    return "  ".join([*left, *(cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True))]).rstrip()


if __name__ == "__main__":
    sys.exit(main())
