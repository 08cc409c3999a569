"""Where everything is measured: a PostgreSQL of our own, and the data sets in it, made once and kept if wanted."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import orjson
import psycopg
import structlog
from sqlalchemy import make_url

import migrations
from benchmarks import dataset_cells, datasets
from benchmarks.datasets import DataSet
from shared.clock import utc_now
from shared.database import libpq_url, make_engine
from shared.embedded.server import Server

log = structlog.get_logger()

_OWN_SETTINGS = "local.conf"


class Stage:
    """A server for one run of the benchmarks; databases are made on it by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = Server(folder)

    @property
    def url(self) -> str:
        """The server's own database, as a role that may make others."""
        return self._server.url

    def database(self, name: str, template: str | None = None) -> str:
        """The address of a new migrated database, or of a copy of another one."""
        copied = "" if template is None else f" TEMPLATE benchmark_{template} STRATEGY FILE_COPY"
        self._execute(f"DROP DATABASE IF EXISTS benchmark_{name} WITH (FORCE)")
        self._execute(f"CREATE DATABASE benchmark_{name}{copied}")
        if template is None:
            engine = make_engine(self._address(name), application="bench", pool_size=1)
            try:
                migrations.upgrade(engine)
            finally:
                engine.dispose()
        return self._address(name)

    def empty(self, name: str) -> str:
        """The address of a new database without any table."""
        self.drop(name)
        self._execute(f"CREATE DATABASE benchmark_{name}")
        return self._address(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self._execute(f"DROP DATABASE IF EXISTS benchmark_{name} WITH (FORCE)")

    def dataset(self, builds: int) -> tuple[str, DataSet]:
        """The data set of this many builds: the kept one of this version if it is there, else made now."""
        name = name_of(builds)
        kept = self._kept(name)
        if kept is None:
            kept = self._make(name, builds)
        return self._address(name), kept

    def start(self) -> None:
        """Start with the settings the project ships."""
        self._configure("")

    def stop(self) -> None:
        self._server.stop(seconds=300)

    def _make(self, name: str, builds: int) -> DataSet:
        dataset = DataSet(builds, datasets.last_full_minute(utc_now()))
        self._configure(datasets.LOADING)
        try:
            url = self.database(name)
            datasets.fill(url, dataset)
            dataset_cells.count(url)
            datasets.settle(url)
            # Last of all, so that a data set of which only a part was made is never taken for one.
            comment = orjson.dumps({"newest": dataset.newest}).decode()
            self._execute(f"COMMENT ON DATABASE benchmark_{name} IS '{comment}'")
        finally:
            self._configure("")
        return dataset

    def _kept(self, name: str) -> DataSet | None:
        with psycopg.connect(libpq_url(self.url), autocommit=True) as connection:
            statement = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
            row = connection.execute(statement, (f"benchmark_{name}",)).fetchone()
        if row is None or row[0] is None:
            return None
        newest = datetime.fromisoformat(orjson.loads(row[0])["newest"])
        return DataSet(int(name.partition("_")[0]), newest)

    def _configure(self, settings: str) -> None:
        """(Re)start with these settings of the server's own; the folder takes them only once it is the server's."""
        self._server.stop(seconds=300)
        self._server = Server(self._folder)
        own = self._folder / _OWN_SETTINGS
        if not own.exists():
            self._server.start()
            self._server.stop()
            self._server = Server(self._folder)
        own.write_text(settings)
        self._server.start()

    def _address(self, name: str) -> str:
        return make_url(self.url).set(database=f"benchmark_{name}").render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(libpq_url(self.url), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def stage(keep: Path | None) -> Iterator[Stage]:
    """A stage in `keep`, which stays, or in a temporary folder."""
    with _folder(keep) as folder:
        one = Stage(folder)
        one.start()
        try:
            yield one
        finally:
            one.stop()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="observatory-") as parent:
        Path(parent).chmod(0o711)
        yield Path(parent) / "data"


def name_of(builds: int) -> str:
    """What the data set of this many builds is called."""
    return f"{builds}_{_version()}"


def _version() -> str:
    """What a data set depends on, as eight letters: how it is made, and the schema."""
    here = Path(__file__).parent
    made_by = [here / name for name in ("vocabulary.py", "dataset_sql.py", "datasets.py", "dataset_cells.py")]
    schema = sorted((Path(migrations.__file__).parent / "versions").glob("r*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in [*made_by, *schema])).hexdigest()[:8]
