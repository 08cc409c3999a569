"""The oldest server we promise, a stock PostgreSQL 15 with nothing installed into it, does what the newest does."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import migrations
from shared.database import make_engine
from shared.embedded.server import Server
from tests.conftest import Databases
from tests.factories import NOON, a_build, a_job, minutes
from tests.shared.test_events import race, real_append
from tests.shared.test_merge_rule import replay

STOCK = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="module")
def stock() -> Iterator[Databases]:
    if not (STOCK / "initdb").exists():
        pytest.skip(f"no stock PostgreSQL 15 in {STOCK}; install it, as CI does")
    with tempfile.TemporaryDirectory(prefix="observatory-") as parent:
        Path(parent).chmod(0o711)
        with Server(Path(parent) / "data", binaries=STOCK) as server:
            databases = Databases(server.url)
            yield databases
            databases.drop(databases.template)


@pytest.fixture
def fifteen(stock: Databases) -> Iterator[Engine]:
    url = stock.clone()
    engine = make_engine(url, application="test", pool_size=16)
    try:
        yield engine
    finally:
        engine.dispose()
        stock.drop(url)


def test_it_is_a_fifteen_and_its_schema_is_ours(fifteen: Engine) -> None:
    with fifteen.connect() as connection:
        assert connection.execute(text("SHOW server_version_num")).scalar_one().startswith("15")
    with fifteen.connect() as connection:
        command.check(migrations.alembic_config(connection))
    migrations.downgrade(fifteen, "base")
    assert migrations.upgrade(fifteen) == migrations.head()


def test_observations_merge_there_as_everywhere(fifteen: Engine) -> None:
    seen = [
        a_build("queued"),
        a_build("failed", jobs=(a_job("failed"),)),
        a_build("running", attempt=2, updated_at=NOON + minutes(9)),
        a_build("succeeded", attempt=2, updated_at=NOON + minutes(12), finished_at=NOON + minutes(12)),
    ]
    with Session(fifteen) as session, session.begin():
        assert replay(session, [seen]) == replay(session, [seen[::-1], seen])


def test_its_log_has_no_gaps_under_racing_writers(fifteen: Engine) -> None:
    seen, committed = race(fifteen, real_append)

    assert committed == list(range(1, len(committed) + 1))
    assert seen == committed
