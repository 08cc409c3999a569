"""What earlier runs measured: one line of JSON a run, and how today's figures stand beside the last ones."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import orjson
import psutil

from benchmarks.figure import Figure
from shared.embedded.binaries import wheel_binaries

HISTORY = Path(__file__).parent / "results" / "history.jsonl"


def line_of(figures: Sequence[Figure], arguments: dict[str, object], now: datetime) -> bytes:
    """One run as one line: when, which commit, on which machine, with what, and every figure."""
    return orjson.dumps(
        {
            "at": now,
            "commit": _commit(),
            "machine": _machine(),
            "postgresql": wheel_binaries().major,
            "python": platform.python_version(),
            "arguments": arguments,
            "figures": [asdict(figure) for figure in figures],
        },
        default=str,
        option=orjson.OPT_APPEND_NEWLINE,
    )


def append(line: bytes, history: Path = HISTORY) -> None:
    """Add a run to the history, which is this machine's own and not in git."""
    history.parent.mkdir(parents=True, exist_ok=True)
    with history.open("ab") as file:
        file.write(line)


def last_values(history: Path = HISTORY) -> dict[str, float]:
    """Each figure's value in the last run that measured it; nothing where none was kept."""
    if not history.exists():
        return {}
    runs = [orjson.loads(line) for line in history.read_bytes().splitlines()]
    return {figure["name"]: float(figure["value"]) for run in runs for figure in run["figures"]}


def change(figure: Figure, before: dict[str, float]) -> str:
    """How the figure moved since, in words; empty where it was not measured before."""
    earlier = before.get(figure.name)
    if earlier is None:
        return ""
    if earlier == 0:
        return f"was {earlier:,.2f}"
    return f"was {earlier:,.2f}, {(figure.value - earlier) / earlier:+.0%}"


def _commit() -> str:
    """The commit that is checked out, with a + where files were changed since."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def _machine() -> dict[str, object]:
    return {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
    }
