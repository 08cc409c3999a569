"""`reconcile` for people and for programs."""

import json

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import sources
from shared.clock import utc_now
from shared.config.settings import Config, ProviderSettings
from shared.events import Via
from shared.recorder import record
from tests.cli.conftest import Run
from tests.factories import a_build

PROVIDER = ProviderSettings(kind="github", name="github.com", base_url="https://api.github.com", watch=("acme/web",))


@pytest.fixture
def watched(database: Engine) -> None:
    """A source of which a webhook told one build and a poll found another."""
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(PROVIDER,)), utc_now())
        row = session.execute(text("SELECT id, instance_id FROM sources")).one()
        for number, via in enumerate((Via.WEBHOOK, Via.POLL)):
            build = a_build(external_id=str(number), queued_at=utc_now())
            record(session, [build], instance_id=row.instance_id, source_id=row.id, is_backfill=False, via=via)
        session.execute(
            text("""INSERT INTO receipts (instance_id, source_id, kind, body_sha256, state, seen, changed)
                    VALUES (:instance, :source, 'workflow_run', 'x', 'done', 3, 1)"""),
            {"instance": row.instance_id, "source": row.id},
        )


def test_reconcile_is_lines_with_tabs_named_by_their_section(run: Run, watched: None, database_url: str) -> None:
    result = run("reconcile", DATABASE_URL=database_url)

    lines = [line.split("\t") for line in result.output.splitlines()]
    assert result.exit_code == 0, result.output
    assert lines[0][:7] == ["changes", "github.com:acme/web", "1", "1", "0", "1", "2"]
    assert lines[1][:4] == ["webhooks", "github.com", "1", "0"]


def test_reconcile_as_json_has_every_day_and_how_figures_come_about(run: Run, watched: None, database_url: str) -> None:
    result = run("reconcile", "github.com", "--days", "2", "--json", DATABASE_URL=database_url)

    told = json.loads(result.output)
    assert [len(source["days"]) for source in told["sources"]] == [1]
    assert "missed" in told["formula"]


def test_without_any_webhook_it_says_what_to_do(run: Run, watched: None, database_url: str) -> None:
    result = run("reconcile", "elsewhere", DATABASE_URL=database_url)

    assert "observatory webhooks" in result.output
