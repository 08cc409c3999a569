"""Builds written by the recorder straight into a drill's database, for histories that no simulated provider plays."""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.observation import Observation
from shared.recorder import record
from shared.status import FINISHED, Status
from tests.factories import a_build, a_job

INSTANCE = "fed.test"
"""What is fed is of this installation, which no scheduler knows; the truth of the simulated ones leaves it out."""

_INSTANCE = text(f"""
    INSERT INTO instances (name, provider, base_url) VALUES ('{INSTANCE}', 'github', 'https://{INSTANCE}') RETURNING id
""")

_SOURCE = text("""
    INSERT INTO sources (instance_id, scope, baseline_at, is_active) VALUES (:instance, 'acme/fed', :at, false)
    RETURNING id
""")


class Feed:
    """One source that was collected in full an hour ago, and whatever a course wants to have happened there since."""

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._numbers = itertools.count(1)
        self._latest: dict[str, int] = {}
        with Session(database) as session, session.begin():
            self._instance_id = session.scalar(_INSTANCE) or 0
            given = {"instance": self._instance_id, "at": utc_now() - timedelta(hours=2)}
            self._source_id = session.scalar(_SOURCE, given) or 0

    def fail(self, *pipelines: str, **overrides: Any) -> None:
        """One more build of each fails, all in one page."""
        self.see(self.a_run(each, "failed", **overrides) for each in pipelines)

    def succeed(self, *pipelines: str, **overrides: Any) -> None:
        """One more build of each passes, all in one page."""
        self.see(self.a_run(each, "succeeded", **overrides) for each in pipelines)

    def see(self, observations: Iterable[Observation], *, is_backfill: bool = False) -> None:
        """Have the recorder write them, committed."""
        with Session(self._database) as session, session.begin():
            record(
                session,
                list(observations),
                instance_id=self._instance_id,
                source_id=self._source_id,
                is_backfill=is_backfill,
            )

    def a_run(
        self,
        pipeline: str,
        status: str,
        *,
        number: int | None = None,
        attempt: int = 1,
        at: datetime | None = None,
        jobs: tuple[str, ...] = ("test",),
        **overrides: Any,
    ) -> Observation:
        """The next build of a pipeline, or the one of that number: queued, run and finished at one instant."""
        number = next(self._numbers) if number is None else number
        self._latest[pipeline] = number
        instant = at or utc_now()
        is_over = Status(status) in FINISHED
        told = [
            a_job(status, external_id=f"{number}-{attempt}-{place}", name=name, updated_at=instant)
            for place, name in enumerate(jobs)
        ]
        fields: dict[str, Any] = {
            "pipeline_external_id": f"fed/{pipeline}",
            "pipeline_name": pipeline,
            "repository_external_id": "fed",
            "repository_name": "acme/fed",
            "external_id": str(number),
            "number": number,
            "attempt": attempt,
            "queued_at": instant,
            "finished_at": instant if is_over else None,
            "web_url": f"https://{INSTANCE}/runs/{number}",
            "jobs": tuple(told) if is_over else None,
        }
        return a_build(status, **(fields | overrides))

    def latest(self, pipeline: str) -> int:
        """The number of a pipeline's newest build."""
        return self._latest[pipeline]
