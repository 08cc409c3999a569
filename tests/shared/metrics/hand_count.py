"""Figures counted by hand: in plain Python, one build after the other; and a history of builds to count."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics.fold import fold_once
from shared.observation import Observation
from shared.recorder import record
from shared.rows import Row
from shared.status import CancelReason
from tests.factories import NOON, a_build

VERDICTS = ("succeeded", "failed", "timed_out")
FINISHED = (*VERDICTS, "cancelled", "skipped")
FIRST = NOON - timedelta(days=20)
SPAN = timedelta(days=24)

_BUILDS = """
    SELECT b.id, b.pipeline_id, b.branch, b.queued_at, b.status, b.is_finished, b.cancel_reason, b.duration_seconds,
           b.queued_seconds, a.status AS first_status, a.is_finished AS has_first, f.build_id IS NOT NULL AS is_flaky,
           i.provider, i.name AS instance, j.key AS project, r.name AS repository
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN attempts a ON a.build_id = b.id AND a.number = 1 LEFT JOIN flakes f ON f.build_id = b.id
"""


def a_history(session: Session, *, builds: int = 400, seed: int = 7) -> None:
    """Builds of six pipelines on two installations, on three branches; two thirds of them are added up already."""
    random = Random(seed)
    ids = [_instance(session, name, provider) for name, provider in (("github.com", "github"), ("ci", "jenkins"))]
    session.execute(text("INSERT INTO projects (key, name) VALUES ('shop', 'Shop')"))
    seen = [_observations(random, number) for number in range(builds)]
    for place, observations in enumerate(seen):
        for each in observations:
            instance = ids[int(each.pipeline_external_id) % 2]
            record(session, [each], instance_id=instance, source_id=None, is_backfill=False)
        if place == builds // 3:
            session.execute(
                text(
                    "UPDATE pipelines SET project_id = (SELECT id FROM projects WHERE key = 'shop') "
                    "WHERE external_id IN ('0', '1')"
                )
            )
        if place in (builds // 3, builds * 2 // 3):
            fold_once(session)


def _instance(session: Session, name: str, provider: str) -> int:
    statement = text("INSERT INTO instances (name, provider, base_url) VALUES (:name, :provider, 'x') RETURNING id")
    found: int = session.execute(statement, {"name": name, "provider": provider}).scalar_one()
    return found


def _observations(random: Random, number: int) -> list[Observation]:
    """One build: an attempt, or two of them."""
    pipeline = random.randrange(6)
    queued_at = FIRST + timedelta(seconds=random.randrange(int(SPAN.total_seconds())))
    # Some are queued to the microsecond on an hour: a window's edges have to take or leave them.
    if random.random() < 0.2:
        queued_at = queued_at.replace(minute=random.choice((0, 30)), second=0)
    told: dict[str, Any] = {
        "external_id": f"{number}",
        "pipeline_external_id": f"{pipeline}",
        "repository_external_id": f"{pipeline // 2}",
        "repository_name": f"acme/{pipeline // 2}",
        "default_branch": "trunk" if pipeline == 5 else "main",
        "branch": random.choice(("main", "main", "trunk", "feature", None)),
        "commit_sha": f"{random.randrange(60):040x}",
        "queued_at": queued_at,
    }
    tries = 2 if random.random() < 0.25 else 1
    return [_attempt(random, attempt, told) for attempt in range(1, tries + 1)]


def _attempt(random: Random, attempt: int, told: dict[str, Any]) -> Observation:
    status = random.choice(("succeeded",) * 5 + FINISHED + ("running", "queued", "unknown"))
    reason = random.choice((None, *CancelReason)) if status == "cancelled" else None
    took = timedelta(seconds=random.lognormvariate(5, 1))
    end = told["queued_at"] + took if status in FINISHED else None
    wait = random.choice((None, random.lognormvariate(2, 1)))
    more: dict[str, Any] = {"is_finished": random.random() < 0.5} if status == "unknown" else {}
    return a_build(status, attempt=attempt, cancel_reason=reason, finished_at=end, queued_seconds=wait, **more, **told)


@dataclass(frozen=True)
class Counted:
    """What a set of builds adds up to."""

    builds: list[Any]

    @property
    def verdicts(self) -> list[Any]:
        return [build for build in self.builds if build.status in VERDICTS]

    @property
    def figures(self) -> Row:
        """What an answer has to say of them, but for percentiles."""
        statuses = Counter(build.status for build in self.builds)
        finished = [build for build in self.builds if build.is_finished]
        reasons = Counter(build.cancel_reason for build in finished if build.status == "cancelled")
        firsts = Counter(build.first_status for build in self.builds if build.has_first)
        broken = statuses["failed"] + statuses["timed_out"]
        return {
            "builds": len(self.builds),
            "counts": {status: count for status, count in statuses.items() if count},
            "verdicts": len(self.verdicts),
            "exclusions": {
                "cancelled_superseded": reasons["superseded"],
                "cancelled_person": reasons["person"],
                "cancelled_timeout": reasons["timeout"],
                "cancelled_unknown": reasons[None],
                "skipped": statuses["skipped"],
                "unknown_status": statuses["unknown"],
                "open": statuses["queued"] + statuses["running"],
            },
            "success_rate": share(statuses["succeeded"], len(self.verdicts)),
            "failure_rate": share(broken, len(self.verdicts)),
            "error_rate": share(broken, len(finished)),
            "duration_builds": sum(build.duration_seconds is not None for build in self.verdicts),
            "duration_average": average(build.duration_seconds for build in self.verdicts),
            "queued_builds": sum(build.queued_seconds is not None for build in self.verdicts),
            "queued_average": average(build.queued_seconds for build in self.verdicts),
            "first_succeeded": firsts["succeeded"],
            "first_verdicts": sum(firsts[status] for status in VERDICTS),
            "flaky": sum(build.is_flaky for build in self.builds),
        }

    def percentile(self, name: str, percent: float) -> float | None:
        """The value that so many of 100 do not exceed, exactly."""
        values = sorted(getattr(build, name) for build in self.verdicts if getattr(build, name) is not None)
        return values[max(0, -int(-len(values) * percent // 100) - 1)] if values else None


def counted(session: Session, since: datetime, until: datetime | None, **wanted: object) -> Counted:
    """The builds of a window, by hand; `wanted` are values of a build's `branch`, `instance`, and so on."""
    return Counted(
        [
            build
            for build in session.execute(text(_BUILDS))
            if build.queued_at >= since
            and (until is None or build.queued_at < until)
            and all(getattr(build, name) == value for name, value in wanted.items())
        ]
    )


def shown(figures: Row) -> Row:
    """What `Counted.figures` says, from an answer."""
    found: dict[str, Any] = dict(figures)
    return {
        **{name: found[name] for name in ("builds", "verdicts", "exclusions", "success_rate", "failure_rate")},
        "counts": {status: count for status, count in found["counts"].items() if count},
        "error_rate": found["error_rate"],
        "duration_builds": found["duration_seconds"]["builds"],
        "duration_average": rounded(found["duration_seconds"]["average"]),
        "queued_builds": found["queued_seconds"]["builds"],
        "queued_average": rounded(found["queued_seconds"]["average"]),
        "first_succeeded": found["first_try"]["succeeded"],
        "first_verdicts": found["first_try"]["verdicts"],
        "flaky": found["flaky"]["builds"],
    }


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def average(values: Iterable[float | None]) -> float | None:
    """Of those that are known, to the millisecond in which they are kept."""
    known = [round(value * 1000) for value in values if value is not None]
    return rounded(sum(known) / len(known) / 1000) if known else None


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
