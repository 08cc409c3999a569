"""Builds as the recorder writes them, on a source with a baseline; positions and decisions come from the real log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.rules import Rules
from shared.config.routes import RouteSettings
from shared.config.settings import ReceiverSettings
from shared.observation import Observation
from shared.recorder import record
from shared.status import Status
from tests.factories import NOON, a_build, minutes

BASELINE = NOON - minutes(60)

_INSTANCE = text("INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'x') RETURNING id")
_SOURCE = text("INSERT INTO sources (instance_id, scope, baseline_at) VALUES (:instance, :scope, :at) RETURNING id")


class History:
    """One source of one instance, and what was seen there."""

    def __init__(self, session: Session, baseline_at: datetime | None = BASELINE) -> None:
        self.session = session
        self.instance_id = session.scalar(_INSTANCE) or 0
        given = {"instance": self.instance_id, "scope": "acme/web", "at": baseline_at}
        self.source_id = session.scalar(_SOURCE, given) or 0
        # The planner's place, so that a test's first events are news to it.
        session.execute(text("INSERT INTO cursors (name, pos) VALUES ('alerts', 0)"))

    def see(self, *observations: Observation, is_backfill: bool = False) -> None:
        record(
            self.session,
            observations,
            instance_id=self.instance_id,
            source_id=self.source_id,
            is_backfill=is_backfill,
        )

    def finish(self, status: str, number: int = 1, *, is_backfill: bool = False, **overrides: Any) -> None:
        """Build `number` runs, queued that many minutes after noon, and finishes five minutes later."""
        self.see(a_run(number, "running", **overrides), is_backfill=is_backfill)
        self.see(a_run(number, status, **overrides), is_backfill=is_backfill)


def a_run(number: int, status: str, **overrides: Any) -> Observation:
    """Build `number` of a pipeline, queued `number` minutes after noon."""
    queued_at = NOON + minutes(number)
    fields: dict[str, Any] = {"external_id": str(number), "number": number, "queued_at": queued_at} | overrides
    return a_build(Status(status), **fields)


def rules(*routes: RouteSettings, receivers: Sequence[str] = ("ops",)) -> Rules:
    """These routes, or the default one, to receivers that wait for nothing."""
    settings = {name: ReceiverSettings(kind="slack", name=name, group_wait=0, group_interval=0) for name in receivers}
    return Rules(routes={each.name: each for each in routes}, receivers=settings) if routes else Rules.default(settings)


def a_route(name: str = "main", **settings: Any) -> RouteSettings:
    """A route to ops."""
    return RouteSettings.model_validate({"name": name, "receivers": ["ops"]} | settings)


def routings(session: Session, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of what the routes made of every event, in the log's order."""
    statement = text(f"SELECT {', '.join(columns)} FROM routings ORDER BY event_pos, route, receiver")
    return [tuple(row) for row in session.execute(statement)]


def queued(session: Session) -> list[str]:
    """The kinds of what is to be told, in the log's order."""
    statement = text("SELECT kind FROM routings WHERE outcome = 'queued' ORDER BY event_pos, route, receiver")
    return list(session.scalars(statement))


def tellings(session: Session, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of what receivers are to hear, by incident."""
    statement = text(f"SELECT {', '.join(columns)} FROM tellings ORDER BY incident_id, receiver")
    return [tuple(row) for row in session.execute(statement)]


def deliveries(session: Session, *columns: str) -> Sequence[tuple[Any, ...]]:
    """These columns of every delivery, in the log's order."""
    statement = text(f"SELECT {', '.join(columns)} FROM deliveries ORDER BY event_pos, receiver")
    return [tuple(row) for row in session.execute(statement)]
