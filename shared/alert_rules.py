"""Routes and receivers in the tables: the file's, brought in whole, and those made by API; each change is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.config.routes import RouteSettings
from shared.config.secrets import is_secret
from shared.config.settings import Config, ReceiverSettings
from shared.rows import Row, rows


class Table(StrEnum):
    """The two kinds of rules that both the file and the API make."""

    ROUTES = "routes"
    RECEIVERS = "receivers"


class Origin(StrEnum):
    """Who made a rule; where both name one, the file's is in force."""

    FILE = "file"
    API = "api"


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A route or receiver as its maker wrote it, secrets by the names of where they are.

    `problem` says why a receiver cannot be opened; `author` made it by API.
    """

    name: str
    origin: Origin
    place: int
    settings: Mapping[str, Any]
    author: str | None
    changed_at: datetime
    problem: str | None = None


_VERSION = text("SELECT version FROM alert_rules")

_COUNT_UP = text("UPDATE alert_rules SET version = version + 1")

# Whoever changes rules waits here for whoever is at it, so that what is checked before a write still holds at it.
_LOCK = text("SELECT version FROM alert_rules FOR UPDATE")

# One row a name, the file's where both have one; routes are asked in this order.
_IN_FORCE = """
    SELECT name, origin, place, settings, author, changed_at{problem} FROM {table} rule
    WHERE origin = 'file' OR NOT EXISTS (SELECT FROM {table} f WHERE f.name = rule.name AND f.origin = 'file')
    ORDER BY origin = 'api', place, name
"""

# Afterwards the rows of the file are exactly the file's; one that stays as it is is not written. Returns the writes.
_SYNC = """
    WITH wanted AS (
        SELECT * FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS wanted (name text, place int, settings jsonb)
    ), gone AS (
        DELETE FROM {table} rule
        WHERE origin = 'file' AND NOT EXISTS (SELECT FROM wanted WHERE wanted.name = rule.name)
        RETURNING 1
    ), put AS (
        INSERT INTO {table} (name, origin, place, settings) SELECT name, 'file', place, settings FROM wanted
        ON CONFLICT (name, origin) DO UPDATE
        SET place = excluded.place, settings = excluded.settings, changed_at = clock_timestamp()
        WHERE ({table}.place, {table}.settings) IS DISTINCT FROM (excluded.place, excluded.settings)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM put)
"""

# A repeat writes nothing and returns no row; `is_new` tells a first one from a change.
_PUT = """
    INSERT INTO {table} AS rule (name, origin, settings, author)
    VALUES (:name, 'api', CAST(:settings AS jsonb), :author)
    ON CONFLICT (name, origin) DO UPDATE
    SET settings = excluded.settings, author = excluded.author, changed_at = clock_timestamp()
    WHERE rule.settings IS DISTINCT FROM excluded.settings
    RETURNING xmax = 0 AS is_new
"""

_REMOVE = "DELETE FROM {table} WHERE name = :name AND origin = 'api' RETURNING 1"

_NOTE_PROBLEM = text("""
    UPDATE receivers SET problem = :problem
    WHERE name = :name AND origin = :origin AND problem IS DISTINCT FROM :problem
""")

_KNOWN_NAMES = text("""
    SELECT ARRAY(SELECT name FROM instances ORDER BY name), ARRAY(SELECT key FROM projects ORDER BY key)
""")

_STANDING = "SELECT receiver, last_sent_at, off_since, off_reason FROM receiver_states"


def version(session: Session) -> int:
    """How often a route, a receiver or a silence was changed."""
    return int(session.execute(_VERSION).scalar_one())


def count_up(session: Session) -> None:
    """Have everybody read the rules anew."""
    session.execute(_COUNT_UP)


def lock(session: Session) -> None:
    """Be the only one who changes rules, until the transaction ends."""
    session.execute(_LOCK)


def in_force(session: Session, table: Table) -> list[StoredRule]:
    """The routes in the order they are asked, or the receivers: the file's in its order, then the API's by name."""
    problem = ", problem" if table is Table.RECEIVERS else ""
    found = session.execute(text(_IN_FORCE.format(table=table, problem=problem)))
    return [StoredRule(row.name, Origin(row.origin), *row[2:]) for row in found]


def known_names(session: Session) -> tuple[list[str], list[str]]:
    """The installations and the projects there are, by the names that routes match."""
    instances, projects = session.execute(_KNOWN_NAMES).one()
    return list(instances), list(projects)


def sync_rules(session: Session, config: Config) -> bool:
    """Make the file's routes and receivers exactly those of the configuration; whether that changed anything."""
    lock(session)
    wanted = {
        Table.ROUTES: [(route.name, written(route)) for route in config.routes],
        Table.RECEIVERS: [
            (each.name, written(each) | dict(config.receiver_secrets.get(each.name, {}))) for each in config.receivers
        ],
    }
    writes = [_sync(session, table, rules) for table, rules in wanted.items()]
    if any(writes):
        count_up(session)
    return any(writes)


def _sync(session: Session, table: Table, rules: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
    wanted = [{"name": name, "place": place, "settings": dict(each)} for place, (name, each) in enumerate(rules)]
    return int(session.execute(text(_SYNC.format(table=table)), {"wanted": orjson.dumps(wanted).decode()}).scalar_one())


def put(session: Session, table: Table, name: str, settings: Mapping[str, Any], author: str) -> bool:
    """Keep a rule made by API as it is written; whether there was none of the name. A repeat writes nothing."""
    parameters = {"name": name, "settings": orjson.dumps(dict(settings)).decode(), "author": author}
    row = session.execute(text(_PUT.format(table=table)), parameters).one_or_none()
    if row is not None:
        count_up(session)
    return bool(row and row.is_new)


def remove(session: Session, table: Table, name: str) -> bool:
    """Forget a rule made by API; whether there was one."""
    is_gone = session.execute(text(_REMOVE.format(table=table)), {"name": name}).first() is not None
    if is_gone:
        count_up(session)
    return is_gone


def note_problem(session: Session, rule: StoredRule, problem: str | None) -> None:
    """Say why a receiver cannot be opened where messages are sent, or that it can; a repeat writes nothing."""
    session.execute(_NOTE_PROBLEM, {"name": rule.name, "origin": rule.origin, "problem": problem})


def standing(session: Session) -> dict[str, Row]:
    """By receiver, when it last took a message, and since when and why it is switched off."""
    return {str(row["receiver"]): row for row in rows(session, _STANDING)}


def written(settings: RouteSettings | ReceiverSettings) -> dict[str, Any]:
    """The keys that were written, as JSON has them; without secrets and where they are."""
    secrets = {name for name in type(settings).model_fields if is_secret(type(settings), name)}
    return settings.model_dump(mode="json", exclude=secrets, exclude_unset=True)
