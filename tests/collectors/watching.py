"""A scheduler's parts on a real database, watching a simulator, driven by hand: one `turn` polls what is due."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.github import GitHubSettings
from collectors.poll import Poller
from shared import leases, sources
from shared.clock import utc_now
from shared.config.settings import Config, ProjectSettings
from shared.leases import Claim
from shared.secret import SecretSource
from simulator import Simulator

INSTANCE = "github.com"


class Watching:
    """Sources of one simulated GitHub on one database."""

    def __init__(
        self,
        engine: Engine,
        simulator: Simulator,
        scopes: Sequence[str],
        token_file: Path | None,
        *,
        page_size: int = 20,
    ) -> None:
        if token_file is not None:
            token_file.write_text(simulator.token)
        self.engine = engine
        self.simulator = simulator
        self.provider = GitHubSettings(
            kind="github",
            name=INSTANCE,
            base_url=simulator.url,
            watch=tuple(scopes),
            token=SecretSource(file=token_file),
            page_size=page_size,
        )
        self.projects: tuple[ProjectSettings, ...] = ()
        with Session(engine) as session, session.begin():
            sources.sync(session, Config(providers=(self.provider,)), utc_now())

    def poller(self) -> Poller:
        return Poller(self.engine, (self.provider,), COLLECTORS, self.projects, floor_seconds=1)

    def claim(self, owner: str = "test") -> list[Claim]:
        with Session(self.engine) as session, session.begin():
            return leases.claim(session, owner, [INSTANCE], 10)

    def make_due(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE sources SET next_poll_at = clock_timestamp() - interval '1 second'"))

    def turn(self) -> None:
        """Poll every source once."""
        self.make_due()
        for claim in self.claim():
            self.poller().poll(claim)

    def attempts(self) -> dict[tuple[str, int], str]:
        """The status of every attempt we hold."""
        rows = self.rows("""SELECT b.external_id, a.number, a.status FROM attempts a
                            JOIN builds b ON b.id = a.build_id""")
        return {(row["external_id"], row["number"]): row["status"] for row in rows}

    def truth(self) -> dict[tuple[str, int], str]:
        """The status of every attempt of the watched repositories, by the simulator's ledger."""
        return {
            (str(entry["external_id"]), int(str(entry["attempt"]))): str(entry["status"])
            for entry in self.simulator.ledger()
            if entry["repository"] in self.provider.watch
        }

    def source(self) -> dict[str, Any]:
        return self.rows("SELECT * FROM sources ORDER BY id")[0]

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]
