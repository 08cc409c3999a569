"""The schema's history: `upgrade` brings a database to the newest revision, whoever else tries it meanwhile."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

HERE = Path(__file__).parent


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file; `connection` is the one to migrate on."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> str:
    """Migrate to `revision` and return the revision reached; concurrent callers wait for each other."""
    with engine.connect() as connection:
        command.upgrade(alembic_config(connection), revision)
    return current(engine) or "base"


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate back to `revision` (`base` for an empty database)."""
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), revision)


def current(engine: Engine) -> str | None:
    """The revision the database is at; None when it never was migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision this code knows."""
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if newest is None:
        raise RuntimeError("the wheel holds no migrations")
    return newest
