"""The relay in front of Postgres: what it passes, swallows, cuts and loses."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from shared.database import libpq_url
from tests.chaos.proxy import Proxy

ROWS = "SELECT count(*) FROM projects WHERE key = 'relayed'"
INSERT = "INSERT INTO projects (key, name) VALUES ('relayed', 'Relayed')"


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(database_url) as proxy:
        yield proxy


def count(url: str) -> int:
    with psycopg.connect(libpq_url(url)) as connection:
        row = connection.execute(ROWS.encode()).fetchone()
    return int(row[0]) if row else -1


def test_the_relay_shows_the_same_database(proxy: Proxy, database_url: str) -> None:
    with psycopg.connect(libpq_url(proxy.url)) as connection:
        connection.execute(INSERT.encode())

    assert count(database_url) == 1


def test_a_commit_whose_reply_is_lost_has_happened(proxy: Proxy, database_url: str) -> None:
    proxy.manner.lost_commits = 1

    with pytest.raises(psycopg.OperationalError), psycopg.connect(libpq_url(proxy.url)) as connection:
        connection.execute(INSERT.encode())

    assert count(database_url) == 1
    assert proxy.lost_replies == 1


def test_a_black_hole_answers_once_it_is_gone(proxy: Proxy) -> None:
    with psycopg.connect(libpq_url(proxy.url), autocommit=True) as connection:
        proxy.manner.is_black_hole = True
        threading.Timer(0.5, setattr, (proxy.manner, "is_black_hole", False)).start()
        began = time.monotonic()
        connection.execute("SELECT 1")

    assert time.monotonic() - began >= 0.4


def test_connections_that_are_cut_are_errors_and_new_ones_work(proxy: Proxy) -> None:
    with psycopg.connect(libpq_url(proxy.url), autocommit=True) as connection:
        connection.execute("SELECT 1")
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    assert count(proxy.url) == 0


def test_notifications_are_dropped_and_answers_are_not(proxy: Proxy, database_url: str) -> None:
    proxy.manner.drops_notifications = True
    with psycopg.connect(libpq_url(proxy.url), autocommit=True) as listener:
        listener.execute("LISTEN news")
        with psycopg.connect(libpq_url(database_url), autocommit=True) as teller:
            teller.execute("NOTIFY news")

        heard = list(listener.notifies(timeout=0.5))
        answer = listener.execute("SELECT 1").fetchone()

    assert (heard, answer) == ([], (1,))
