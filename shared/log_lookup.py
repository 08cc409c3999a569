"""Which log is meant: the build, the attempt and the job that a reader names, by our ids or by the provider's."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.log_requests import WHOLE, Wanted
from shared.rows import Row, rows

MOST_CANDIDATES = 20

_ATTEMPT = text("""
    SELECT a.number FROM builds b JOIN attempts a ON a.build_id = b.id
    WHERE b.id = :build_id AND a.number = coalesce(CAST(:attempt AS int), b.attempt)
""")

_JOB = text("""
    SELECT attempt, external_id, name, status FROM jobs
    WHERE build_id = :build_id AND id = :job AND (CAST(:attempt AS int) IS NULL OR attempt = :attempt)
""")

# A job that is named by the provider's id is in the latest attempt that has it: a run's jobs that were not run again
# keep their id on some providers.
_JOB_BY_NAME = text("""
    SELECT attempt, external_id, name, status FROM jobs
    WHERE build_id = :build_id AND external_id = :job AND (CAST(:attempt AS int) IS NULL OR attempt = :attempt)
    ORDER BY attempt DESC LIMIT 1
""")

_BUILDS = """
    SELECT b.id, i.name AS instance, b.pipeline_id, b.pipeline_name, b.external_id, b.number, b.queued_at
    FROM pipelines p JOIN instances i ON i.id = p.instance_id
    JOIN builds b ON b.pipeline_id = p.id AND b.external_id = :external_id
    WHERE i.provider = :provider AND (CAST(:instance AS text) IS NULL OR i.name = :instance)
    ORDER BY b.id LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class Meant:
    """The log that is meant; `status` is the job's, None for a whole attempt."""

    wanted: Wanted
    status: str | None = None


def attempt_log(session: Session, build_id: int, attempt: int | None) -> Meant | None:
    """Everything an attempt (the build's latest unless named) printed; None when there is no such attempt."""
    number = session.scalar(_ATTEMPT, {"build_id": build_id, "attempt": attempt})
    return None if number is None else Meant(Wanted(build_id, number, WHOLE))


def job_log(session: Session, build_id: int, attempt: int | None, job: int | str) -> Meant | None:
    """What one job of a build printed, named by our id (a number) or by the provider's (text); None when not there."""
    statement = _JOB if isinstance(job, int) else _JOB_BY_NAME
    row = session.execute(statement, {"build_id": build_id, "attempt": attempt, "job": job}).one_or_none()
    return None if row is None else Meant(Wanted(build_id, row.attempt, row.external_id), row.status)


def builds_called(session: Session, provider: str, external_id: str, instance: str | None) -> list[Row]:
    """The builds that a provider calls so: one, unless several of its installations (or pipelines) use the same id."""
    given = {"provider": provider, "external_id": external_id, "instance": instance, "most": MOST_CANDIDATES}
    return rows(session, _BUILDS, given)
