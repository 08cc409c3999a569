"""Patterns on a real database, looked through by hand at a simulator: one `look` for whatever is due."""

import threading
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.discovery import Discoverer
from shared import sources
from shared.clock import utc_now
from shared.config.settings import Config, ProjectSettings, ProviderSettings


class Discovering:
    """One provider whose `watch` can be changed, as a reload of the configuration would."""

    def __init__(self, engine: Engine, provider: ProviderSettings, *projects: ProjectSettings) -> None:
        self.engine = engine
        self.config = Config(providers=(provider,), projects=projects)
        self.stop = threading.Event()
        self.sync()

    def sync(self) -> None:
        with Session(self.engine) as session, session.begin():
            sources.sync(session, self.config, utc_now())

    def configure(self, *watch: str) -> None:
        provider = type(self.config.providers[0]).model_validate(dict(self.config.providers[0]) | {"watch": watch})
        self.config = replace(self.config, providers=(provider,))
        self.sync()

    def discoverer(self, owner: str = "test") -> Discoverer:
        return Discoverer(
            self.engine, self.config.providers, COLLECTORS, self.config.projects, owner=owner, stop=self.stop
        )

    def look(self) -> None:
        """Look through every pattern, due or not."""
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE watches SET next_look_at = clock_timestamp()"))
        for _ in self.rows("SELECT FROM watches WHERE is_active"):
            self.discoverer().find_sources()

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]

    def watch(self) -> dict[str, Any]:
        return self.rows("SELECT * FROM watches ORDER BY id")[0]

    def active(self) -> list[str]:
        return [row["scope"] for row in self.rows("SELECT scope FROM sources WHERE is_active ORDER BY scope")]

    def archived(self) -> list[str]:
        found = self.rows("SELECT scope FROM sources WHERE NOT is_active AND archived_at IS NOT NULL ORDER BY scope")
        return [row["scope"] for row in found]

    def source(self, scope: str) -> dict[str, Any]:
        return next(row for row in self.rows("SELECT * FROM sources") if row["scope"] == scope)
