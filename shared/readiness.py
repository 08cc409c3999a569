"""Whether everything a reader depends on is there: the database, its schema, a scheduler that lives."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import jobs
from shared.health import HEARD_AT

HEARTBEAT_SECONDS = 30
"""A scheduler that has not been heard of for longer is not collecting."""

_REVISION = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_API = text("""
    SELECT count(*) FROM processes
    WHERE kind = 'api' AND heartbeat_at > now() - make_interval(secs => :seconds)
""")
_HEARTBEAT = text(f"""
    SELECT extract(epoch FROM now() - max(heartbeat_at)) AS age, extract(epoch FROM now() - {HEARD_AT}) AS ended_age
    FROM processes WHERE kind = 'scheduler'
""")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be right, and how it stands in words."""

    is_ok: bool
    detail: str


def check_schema(session: Session, head: str) -> Check:
    """Whether the database is at the revision this code needs."""
    is_migrated = session.scalar(_REVISION)
    found = session.scalar(text("SELECT version_num FROM alembic_version")) if is_migrated else None
    if found == head:
        return Check(is_ok=True, detail=f"at {head}")
    return Check(is_ok=False, detail=f"at {found or 'nothing'}, needs {head}: run observatory migrate")


def check_scheduler(session: Session) -> Check:
    """Whether a scheduler was heard of lately, by the database's clock."""
    age, ended_age = session.execute(_HEARTBEAT).one()
    if age is None:
        words = "has ever started" if ended_age is None else f"runs, the last one ended {max(0, int(ended_age))} s ago"
        return Check(is_ok=False, detail=f"no scheduler {words}: run observatory scheduler")
    words = f"last heard of {max(0, int(age))} s ago"
    if age > HEARTBEAT_SECONDS:
        return Check(is_ok=False, detail=f"{words}, more than {HEARTBEAT_SECONDS} s: builds are not collected")
    return Check(is_ok=True, detail=words)


def check_jobs(session: Session) -> Check:
    """Whether what the living schedulers do comes through."""
    trouble = jobs.told_troubles(session)
    return Check(is_ok=trouble is None, detail=trouble or "none fails")


def check_api(session: Session) -> Check:
    """How many API processes were heard of lately. Whoever asks is answered by one, so this is never wrong."""
    count = session.scalar(_API, {"seconds": HEARTBEAT_SECONDS}) or 0
    return Check(is_ok=True, detail=f"answers; heartbeats of the last {HEARTBEAT_SECONDS} s: {count}")
