"""The verdicts as a table for a terminal and as `chaos.json`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.chaos.run import Verdict

HEADINGS = ("fault", "seed", "lost", "invented", "gaps", "events", "recovery", "took", "verdict", "what")
_FORM = "{:5} {:>6} {:>5} {:>8} {:>5} {:>6} {:>9} {:>6} {:7} {}"


def heading() -> str:
    """The table's first line."""
    return _FORM.format(*HEADINGS)


def line(verdict: Verdict) -> str:
    """One drill, and below it whatever did not hold."""
    recovery = "never" if verdict.recovery_seconds is None else f"{verdict.recovery_seconds:.1f} s"
    figures = ", ".join(f"{name} {figure:g}" for name, figure in verdict.figures.items())
    row = _FORM.format(
        verdict.fault,
        verdict.seed,
        verdict.lost,
        verdict.invented,
        verdict.gaps,
        verdict.events,
        recovery,
        f"{verdict.seconds:.0f} s",
        "green" if verdict.is_green else "RED",
        verdict.title + (f" ({figures})" if figures else ""),
    )
    return "\n".join([row, *(f"      - {breach}" for breach in verdict.breaches)])


def summary(verdicts: Sequence[Verdict]) -> str:
    """How it went, in one line."""
    green = sum(verdict.is_green for verdict in verdicts)
    events = sum(verdict.events for verdict in verdicts)
    recoveries = sorted(verdict.recovery_seconds for verdict in verdicts if verdict.recovery_seconds is not None)
    longest = f", slowest recovery {recoveries[-1]:.1f} s" if recoveries else ""
    lost, gaps = sum(verdict.lost for verdict in verdicts), sum(verdict.gaps for verdict in verdicts)
    return f"{green}/{len(verdicts)} green; lost {lost}, gaps {gaps} over {events} events{longest}"


def write(path: Path, verdicts: Sequence[Verdict]) -> None:
    """All verdicts as JSON."""
    rows = [asdict(verdict) | {"verdict": "green" if verdict.is_green else "red"} for verdict in verdicts]
    path.write_text(json.dumps({"summary": summary(verdicts), "drills": rows}, indent=2) + "\n")
