"""Keys are made before anything runs, shown once, listed and revoked."""

import json
from pathlib import Path

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.embedded.server import Server, running_url
from shared.keys import authenticate
from tests.cli.conftest import Run


def test_a_key_is_printed_once_and_works(run: Run, database: Engine, database_url: str) -> None:
    result = run("key", "create", "grafana", "--scope", "read", "--scope", "collect", DATABASE_URL=database_url)

    assert result.exit_code == 0, result.output
    assert result.stderr == "Key grafana (scope read, collect). It is shown only now:\n"
    printed = result.stdout.strip()
    with Session(database) as session, session.begin():
        key = authenticate(session, printed, utc_now())
        assert printed not in str(session.execute(text("SELECT * FROM keys")).all())
    assert key is not None
    assert (key.name, set(key.scopes)) == ("grafana", {"read", "collect"})


def test_a_key_reads_unless_told_otherwise(run: Run, database: Engine, database_url: str) -> None:
    document = json.loads(run("key", "create", "tv", "--json", DATABASE_URL=database_url).stdout)

    assert document["scopes"] == ["read"]
    with Session(database) as session, session.begin():
        assert authenticate(session, document["key"], utc_now()) is not None


def test_the_first_key_is_made_while_nothing_runs(run: Run, place: Path) -> None:
    folder = str(place / "data")

    migrated = run("migrate", OBSERVATORY_DATABASE__FOLDER=folder)
    made = run("key", "create", "board", OBSERVATORY_DATABASE__FOLDER=folder)
    rests = running_url(place / "data") is None

    assert (migrated.exit_code, made.exit_code, rests) == (0, 0, True), migrated.output + made.output
    with Server(place / "data") as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT name FROM keys").fetchall() == [("board",)]


def test_a_name_that_exists_is_said_with_the_other_keys_id(run: Run, database_url: str) -> None:
    first = run("key", "create", "tv", DATABASE_URL=database_url)
    second = run("key", "create", "tv", DATABASE_URL=database_url)

    assert "already" not in first.stderr
    assert f"There is a key called tv already ({first.stdout.split('_')[2]})" in second.stderr


def test_a_revoked_key_is_listed_as_such_and_opens_nothing(run: Run, database: Engine, database_url: str) -> None:
    ids = [
        run("key", "create", name, DATABASE_URL=database_url).stdout.split("_")[2] for name in ("tv", "grafana", "old")
    ]
    with Session(database) as session, session.begin():
        session.execute(text("UPDATE keys SET expires_at = now() - interval '1 day' WHERE name = 'old'"))

    revoked = run("key", "revoke", ids[0], DATABASE_URL=database_url)
    again = run("key", "revoke", ids[0], DATABASE_URL=database_url)
    listed = run("key", "list", DATABASE_URL=database_url)
    document = json.loads(run("key", "list", "--json", DATABASE_URL=database_url).stdout)

    assert revoked.stdout == f"Key tv ({ids[0]}) is revoked.\n"
    assert "was revoked before" in again.stdout
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("keys", ids[0], "revoked"),
        ("keys", ids[1], "valid"),
        ("keys", ids[2], "expired"),
    ]
    assert [(one["name"], one["state"], one["last_used_at"]) for one in document] == [
        ("tv", "revoked", None),
        ("grafana", "valid", None),
        ("old", "expired", None),
    ]


def test_what_is_no_key_cannot_be_revoked(run: Run, database_url: str) -> None:
    result = run("key", "revoke", "nobody", DATABASE_URL=database_url)

    assert result.exit_code == 1
    assert "no key has the id nobody" in result.stderr
    assert "key list" in result.stderr
