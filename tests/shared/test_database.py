"""Connections that died while nobody looked: replaced before they are used."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from shared.database import TRUSTED_SECONDS, libpq_url, make_engine


@pytest.fixture
def idle(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url, application="idle", pool_size=1)
    _backend(engine)
    yield engine
    engine.dispose()


def _backend(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def _end(backend: int, server_url: str) -> None:
    with psycopg.connect(libpq_url(server_url)) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


def test_a_connection_that_died_while_idle_is_replaced_without_a_word(idle: Engine, server_url: str) -> None:
    before = _backend(idle)

    _end(before, server_url)
    time.sleep(TRUSTED_SECONDS * 1.1)

    assert _backend(idle) != before


def test_a_connection_that_died_just_after_its_use_fails_once(idle: Engine, server_url: str) -> None:
    before = _backend(idle)

    _end(before, server_url)

    with pytest.raises(OperationalError, match="terminat"):
        _backend(idle)
    assert _backend(idle) != before
