"""What every command begins with: the configuration, and the database it means."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine

from shared.config.settings import Config, ProviderSettings, ReceiverSettings, WebhookSettings, load
from shared.errors import CannotStart
from shared.log.setup import configure
from shared.signatures import SCHEMES


def provider_settings() -> Mapping[str, type[ProviderSettings]]:
    """The settings class of every kind of provider."""
    from collectors import COLLECTORS  # noqa: PLC0415 (loads every collector and the HTTP client)

    return {kind: collector.settings_class for kind, collector in COLLECTORS.items()}


def receiver_settings() -> Mapping[str, type[ReceiverSettings]]:
    """The settings class of every kind of receiver."""
    from alerts import RECEIVERS  # noqa: PLC0415 (loads every receiver)

    return RECEIVERS


def load_own(path: Path | None) -> Config:
    """The configuration without providers and receivers, whose secrets this command does not need."""
    _log_to_stderr()
    return load(path, environ=os.environ)


def load_webhooks(path: Path | None) -> Config:
    """The configuration without receivers, and of providers only what webhooks need: no token has to be there."""
    _log_to_stderr()
    return load(path, providers=dict.fromkeys(SCHEMES, WebhookSettings), environ=os.environ)


def load_receivers(path: Path | None) -> Config:
    """The configuration without providers: whoever looks after alerts needs no token of a CI system."""
    _log_to_stderr()
    return load(path, receivers=receiver_settings(), environ=os.environ)


def load_all(path: Path | None) -> Config:
    """The whole configuration, every section checked."""
    _log_to_stderr()
    return load(path, providers=provider_settings(), receivers=receiver_settings(), environ=os.environ)


def _log_to_stderr() -> None:
    """What a command prints is its answer; what it would log goes elsewhere, and only if it matters."""
    configure("debug" if os.environ.get("OBSERVATORY_DEBUG") else "warning", "auto", "cli")


def database_url(config: Config) -> str:
    """The address of the configured database, or of the private one if it runs; raises CannotStart otherwise."""
    from shared.embedded.server import running_url  # noqa: PLC0415 (only without a database of one's own)

    if config.database.url is not None:
        return config.database.url.get_secret_value()
    if url := running_url(config.database.folder):
        return url
    raise CannotStart(
        f"no database is running in {config.database.folder}, and DATABASE_URL is not set",
        "Start everything with `observatory up` in another terminal, or set DATABASE_URL to a PostgreSQL of yours.",
    )


def with_database(config: Config) -> Config:
    """The configuration with the database's address filled in, for a process that takes it from there."""
    database = config.database.model_copy(update={"url": SecretStr(database_url(config))})
    return dataclasses.replace(config, database=database)


@contextmanager
def open_engine(config: Config) -> Iterator[Engine]:
    """An engine for one command. Raises CannotStart when no database runs."""
    with _engine_on(database_url(config), config) as engine:
        yield engine


@contextmanager
def borrow_engine(config: Config) -> Iterator[Engine]:
    """An engine for a command that comes before the first `up`: a private database that rests is woken for so long."""
    from shared.embedded.server import borrowed_url  # noqa: PLC0415 (only without a database of one's own)

    with ExitStack() as stack:
        url = config.database.url and config.database.url.get_secret_value()
        yield stack.enter_context(_engine_on(url or stack.enter_context(borrowed_url(config.database.folder)), config))


@contextmanager
def _engine_on(url: str, config: Config) -> Iterator[Engine]:
    from shared.database import make_engine  # noqa: PLC0415

    engine = make_engine(url, application="cli", pool_size=2, is_pooled=config.database.is_pooled)
    try:
        yield engine
    finally:
        engine.dispose()
