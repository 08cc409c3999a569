"""`python -m tests.chaos [F01 …] [--seed 7] [--smoke] [--teeth] [--jobs 3] [--json FILE]`: the drills' verdicts."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path

from tests.chaos import table
from tests.chaos.drill import DRILLS
from tests.chaos.pool import Task, is_killed, running, verdict_of
from tests.chaos.run import Verdict
from tests.chaos.variants import CAUGHT_BY, Variant


def main() -> int:
    """Run what was asked for; 1 when a drill is red that should be green, or a variant survived."""
    asked = _arguments()
    if asked.teeth:
        return _teeth(asked.seed, asked.jobs)
    names = asked.faults or sorted(name for name, drill in DRILLS.items() if drill.is_smoke or not asked.smoke)
    verdicts = _run([Task(name, asked.seed, keep=asked.keep) for name in names], asked.jobs)
    table.write(asked.json, verdicts)
    print(f"{table.summary(verdicts)}; seed {asked.seed}, written to {asked.json}")
    return 0 if all(verdict.is_green for verdict in verdicts) else 1


def _run(tasks: Sequence[Task], jobs: int) -> list[Verdict]:
    """All verdicts in the order of the list, each told as it comes."""
    print(table.heading(), flush=True)
    verdicts = []
    with running(tasks, jobs) as begun:
        names = {future: task for task, future in begun.items()}
        for done in as_completed(names):
            verdicts.append(verdict_of(names[done], done))
            print(table.line(verdicts[-1]), flush=True)
    return sorted(verdicts, key=lambda verdict: verdict.fault)


def _teeth(seed: int, jobs: int) -> int:
    """Each known-bad variant against the drill that has to notice it."""
    tasks = [Task(CAUGHT_BY[variant], seed, variant) for variant in Variant]
    killed = 0
    with running(tasks, jobs) as begun:
        for task, future in begun.items():
            verdict = verdict_of(task, future)
            killed += is_killed(verdict)
            word = "killed" if is_killed(verdict) else "SURVIVED"
            print(f"{task.variant or '':18} {task.fault}  {word}: {'; '.join(verdict.breaches)[:160]}", flush=True)
    print(f"killed {killed}/{len(tasks)}")
    return 0 if killed == len(tasks) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description="Break things on purpose and see what holds.")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"some of {', '.join(sorted(DRILLS))}; else all")
    parser.add_argument("--seed", type=int, default=7, help="of the world and of every moment (default 7)")
    parser.add_argument("--jobs", type=int, default=3, help="drills at the same time (default 3)")
    parser.add_argument("--smoke", action="store_true", help="only the few that every change has to pass")
    parser.add_argument("--teeth", action="store_true", help="prove that known-bad variants turn drills red")
    parser.add_argument("--json", type=Path, default=Path("chaos.json"), help="where the verdicts are written")
    parser.add_argument("--keep", type=Path, help="a folder for the logs of what is red")
    asked = parser.parse_args()
    unknown = sorted(set(asked.faults) - set(DRILLS))
    if unknown:
        parser.error(f"there is no drill {', '.join(unknown)}; there are {', '.join(sorted(DRILLS))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
