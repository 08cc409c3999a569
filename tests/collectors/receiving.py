"""An inbox on a real database beside a simulator: webhooks stored as the API stores them, then worked off by hand."""

import hashlib
import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.github import GitHubSettings
from collectors.gitlab import GitLabSettings
from collectors.inbox import Inbox
from collectors.jenkins import JenkinsSettings
from collectors.poll import Poller
from shared import leases, receipts, sources, webhook_body
from shared.clock import utc_now
from shared.config.settings import Config, ProviderSettings
from shared.jobs import Jobs
from shared.listener import Listener
from shared.receipts import Delivery
from shared.secret import SecretSource
from simulator import Simulator
from simulator.hooks import Happening
from tests.api.stand import wait_for

INSTANCES = {"github": "github.com", "gitlab": "gitlab.test", "jenkins": "jenkins.test"}


def providers_of(simulator: Simulator, token_file: Path) -> tuple[ProviderSettings, ...]:
    """The three simulated installations as they would be configured."""
    token_file.write_text(simulator.token)
    token = SecretSource(file=token_file)
    return (
        GitHubSettings(
            kind="github",
            name=INSTANCES["github"],
            base_url=simulator.url,
            watch=simulator.repositories,
            token=token,
        ),
        GitLabSettings(
            kind="gitlab",
            name=INSTANCES["gitlab"],
            base_url=simulator.gitlab_url,
            watch=simulator.gitlab_projects,
            token=token,
        ),
        JenkinsSettings(
            kind="jenkins",
            name=INSTANCES["jenkins"],
            base_url=simulator.jenkins_url,
            watch=("/",),
            username=simulator.jenkins_user,
            token=token,
        ),
    )


def an_inbox(
    engine: Engine,
    providers: tuple[ProviderSettings, ...] = (),
    owner: str = "test",
    listener: Listener | None = None,
) -> Inbox:
    url = engine.url.render_as_string(hide_password=False)
    listener = listener or Listener(url, application="test", channel=receipts.CHANNEL)
    return Inbox(engine, providers, COLLECTORS, (), owner=owner, listener=listener, jobs=Jobs())


def end(*inboxes: Inbox) -> None:
    """Stop them, all there are, and wait for their threads: a stop waits for none that still asks a provider."""
    for inbox in inboxes:
        inbox.stop()
    wait_for(lambda: not any(thread.name.startswith("inbox") for thread in threading.enumerate()), 40)


def a_delivery(
    body: object, *, event: str = "workflow_run", provider: str = "github", instance: str | None = None
) -> Delivery:
    """A verified webhook as the API hands it over to be stored."""
    raw = orjson.dumps(body)
    kept = webhook_body.keep(raw, "application/json", provider)
    return Delivery(
        provider=provider,
        instance=instance or INSTANCES[provider],
        kind=event,
        sha256=hashlib.sha256(raw).digest(),
        body=kept.json,
        reason=kept.reason,
    )


class Receiving:
    """Every source of a simulator on one database, with an inbox but without a poll."""

    def __init__(self, engine: Engine, simulator: Simulator, token_file: Path) -> None:
        self.engine = engine
        self.simulator = simulator
        self.providers = providers_of(simulator, token_file)
        with Session(engine) as session, session.begin():
            sources.sync(session, Config(providers=self.providers), utc_now())
        self.execute("UPDATE sources SET baseline_at = clock_timestamp() - interval '40 days'")
        self.inbox = an_inbox(engine, self.providers)

    def happened(self, site: str, seconds: float) -> list[Happening]:
        """What the site's webhooks tell of the last so many seconds, in order."""
        now = self.simulator.clock.now()
        return self.simulator.hooks.happenings(site, now - timedelta(seconds=seconds), now)

    def store(self, site: str, happenings: Iterable[Happening]) -> None:
        """Store webhooks as the API does, each in a transaction of its own."""
        for happening in happenings:
            with Session(self.engine) as session, session.begin():
                receipts.store(session, [a_delivery(happening.body, event=happening.event, provider=site)])

    def work_off(self) -> None:
        """Process everything that is due, and wait for what is being fetched."""
        open_now = "SELECT count(*) AS n FROM receipts WHERE state = 'processing'"
        while self.inbox.work():
            wait_for(lambda: self.rows(open_now)[0]["n"] == 0, 60)

    def poll(self, instance: str, *, turns: int) -> None:
        """Poll every source of an instance so many times."""
        poller = Poller(self.engine, self.providers, COLLECTORS, (), floor_seconds=1)
        for _ in range(turns):
            self.execute("UPDATE sources SET next_poll_at = clock_timestamp() - interval '1 second'")
            with Session(self.engine) as session, session.begin():
                claims = leases.claim(session, "test", [instance], 10)
            for claim in claims:
                poller.poll(claim)

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]

    def states(self) -> dict[str, int]:
        """How many receipts stand where."""
        counted = self.rows("SELECT state, count(*) AS n FROM receipts GROUP BY state")
        return {row["state"]: row["n"] for row in counted}

    def attempts(self, instance: str) -> dict[tuple[str, int], str]:
        """The status of every attempt of an instance that is recorded."""
        rows = self.rows(f"""
            SELECT b.external_id, a.number, a.status FROM attempts a JOIN builds b ON b.id = a.build_id
            JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
            WHERE i.name = '{instance}'""")
        return {(row["external_id"], row["number"]): row["status"] for row in rows}

    def truth(self, provider: str) -> dict[tuple[str, int], str]:
        return {
            (str(entry["external_id"]), int(str(entry["attempt"]))): str(entry["status"])
            for entry in self.simulator.ledger(provider=provider)
        }
