"""Real Postgres for every test: a savepoint per test, or a clone of the migrated template where commits must be real.

With `CI_NO_SKIPS=1` a skipped test is a failed run: on the build server everything has to be there.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import tenacity
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.orm import Session

import migrations
from shared.database import libpq_url, make_engine
from shared.embedded import server as embedded
from shared.embedded.settings import SUPERUSER

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4_000_000_000


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI_NO_SKIPS") == "1":
        terminalreporter.write_line(f"CI_NO_SKIPS=1, but {len(skipped)} test(s) were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter is not None and reporter.stats.get("skipped")
    if os.environ.get("CI_NO_SKIPS") == "1" and exitstatus == pytest.ExitCode.OK and skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server we may create databases on: `OBSERVATORY_TEST_DATABASE_URL`, or a private one of our own."""
    given = os.environ.get("OBSERVATORY_TEST_DATABASE_URL")
    if given:
        yield given
        return
    # Not under pytest's own folder: as root an unprivileged account runs the server and must be able to enter.
    with tempfile.TemporaryDirectory(prefix="observatory-", dir=fast_folder()) as parent:
        Path(parent).chmod(0o711)
        with embedded.Server(Path(parent) / "data") as server:
            trust_the_power(server.url)
            yield server.url


def fast_folder() -> str | None:
    """Memory, for the thousand databases that are made and dropped, where it has room; otherwise the usual folder.

    A container's may be 64 MB, and from some no program may be started, as the server's sometimes has to be.
    """
    if not MEMORY.is_dir():
        return None
    its = os.statvfs(MEMORY)
    has_room = its.f_bavail * its.f_frsize >= ENOUGH_BYTES
    return str(MEMORY) if has_room and not its.f_flag & os.ST_NOEXEC else None


def trust_the_power(server_url: str) -> None:
    """Have a private server wait for no disk: what is killed loses nothing by it, and no test cuts the power.

    `ALTER SYSTEM` alone may say so: an operator's own settings have no say in `fsync`.
    """
    superuser = make_url(libpq_url(server_url)).set(username=SUPERUSER, database="postgres")
    with psycopg.connect(superuser.render_as_string(hide_password=False), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "wal_compression"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")


class Databases:
    """Creates databases on one server and drops them again; every clone starts as the migrated template."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self.prefix = f"observatory_test_{uuid.uuid4().hex[:8]}"
        self.template = self.create("template")
        engine = make_engine(self.template, application="test", pool_size=1)
        migrations.upgrade(engine)
        engine.dispose()

    def create(self, name: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another, and return its URL.

        Copying its files is several times as fast as writing them through the log, which is what Postgres would do.
        """
        database = f"{self.prefix}_{name}"
        source = "" if template is None else f" TEMPLATE {make_url(template).database} STRATEGY file_copy"
        self._execute(f"CREATE DATABASE {database}{source}")
        return make_url(self.server_url).set(database=database).render_as_string(hide_password=False)

    def clone(self) -> str:
        return self.create(uuid.uuid4().hex[:8], self.template)

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse)),
        stop=tenacity.stop_after_delay(20),
        wait=tenacity.wait_fixed(0.2),
        reraise=True,
    )
    def drop(self, url: str) -> None:
        """Drop a database with whoever is connected; an autovacuum worker in it cannot be thrown out, but ends."""
        self._execute(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(libpq_url(self.server_url), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def databases(server_url: str) -> Iterator[Databases]:
    databases = Databases(server_url)
    try:
        yield databases
    finally:
        databases.drop(databases.template)


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of a fresh migrated database, for processes and threads that connect by themselves."""
    url = databases.clone()
    try:
        yield url
    finally:
        databases.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh migrated database: commits are real."""
    engine = make_engine(database_url, application="test", pool_size=16)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def shared_connection(databases: Databases) -> Iterator[Connection]:
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=2)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
        databases.drop(url)


@pytest.fixture
def session(shared_connection: Connection) -> Iterator[Session]:
    """A session in a transaction that is rolled back when the test ends; its own commits are savepoints."""
    with shared_connection.begin() as transaction:
        with Session(shared_connection, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A short writable folder of this test's own."""
    return tmp_path


@pytest.fixture
def place() -> Iterator[Path]:
    """A short folder that the account which runs Postgres for root may pass through, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="observatory-", dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)
