"""A served application over a small recorded world, and what a test wants to know of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any

from flask.testing import FlaskClient
from psycopg.pq import Trace
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from api.app import create_app
from shared.clock import utc_now
from shared.config.settings import Config, ServerSettings
from shared.keys import Scope, create_key
from shared.observation import Observation
from shared.recorder import record
from tests.factories import NOON, a_build, minutes


@dataclass(frozen=True)
class World:
    """One GitHub instance with one source, and ways to let things happen there."""

    engine: Engine
    instance_id: int
    source_id: int

    def record(self, *observations: Observation, is_backfill: bool = False) -> None:
        with Session(self.engine) as session, session.begin():
            record(
                session,
                observations,
                instance_id=self.instance_id,
                source_id=self.source_id,
                is_backfill=is_backfill,
            )

    def run(self, statement: str, **parameters: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def ask(self, statement: str, **parameters: object) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(text(statement), parameters)

    def key(self, *scopes: Scope, name: str = "robot") -> str:
        with Session(self.engine) as session, session.begin():
            return create_key(session, name, scopes, utc_now())


def a_world(engine: Engine, *, name: str = "github.com", provider: str = "github", scope: str = "acme/web") -> World:
    """An instance and a source that was reached just now."""
    with engine.begin() as connection:
        instance_id = connection.scalar(
            text("INSERT INTO instances (name, provider, base_url) VALUES (:name, :provider, :url) RETURNING id"),
            {"name": name, "provider": provider, "url": f"https://api.{name}"},
        )
        source_id = connection.scalar(
            text(
                "INSERT INTO sources (instance_id, scope, last_ok_at, baseline_at, next_poll_at) "
                "VALUES (:instance, :scope, now(), now() - interval '1 day', now() + interval '1 minute') RETURNING id"
            ),
            {"instance": instance_id, "scope": scope},
        )
    assert instance_id is not None
    assert source_id is not None
    return World(engine, instance_id, source_id)


def serve(engine: Engine, **server: Any) -> FlaskClient:
    """A client of an application configured so."""
    return create_app(Config(server=ServerSettings(**server)), engine).test_client()


def many_builds(count: int, **overrides: Any) -> list[Observation]:
    """Builds 0, 1, 2, … of one pipeline, a minute apart."""
    return [
        a_build(external_id=f"{number}", number=number, queued_at=NOON + minutes(number), **overrides)
        for number in range(count)
    ]


# libpq's trace: F(rontend), a length, and a statement sent at once or the execution of a prepared one.
STATEMENT = re.compile(r'^F\t\d+\t(?:Execute.*|Query\t "(?!BEGIN|COMMIT|ROLLBACK)[^"]*)', re.MULTILINE)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The statements that go over the wire while the block runs, whoever sends them; BEGIN and its end apart."""
    seen: list[str] = []
    with TemporaryFile("w+") as wire:

        def watch(driver: Any, *_: Any) -> None:
            driver.pgconn.trace(wire.fileno())
            driver.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)

        def unwatch(driver: Any, *_: Any) -> None:
            driver.pgconn.untrace()

        event.listen(engine, "checkout", watch)
        event.listen(engine, "checkin", unwatch)
        try:
            yield seen
        finally:
            event.remove(engine, "checkout", watch)
            event.remove(engine, "checkin", unwatch)
        wire.seek(0)
        seen += STATEMENT.findall(wire.read())
