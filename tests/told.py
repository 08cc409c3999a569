"""Decisions, routings, tellings and messages written as rows, for those who only read them."""

from typing import Any

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from alerts.notice import to_row
from alerts.trial import trial_notice
from tests.factories import NOON

MESSAGE = to_row(trial_notice("ops", "ada", NOON))


def a_decision(engine: Engine, event_pos: int, decision: str, **more: Any) -> None:
    """Commit what the planner made of an event, and that it has read so far."""
    _insert(engine, "decisions", {"event_pos": event_pos, "decision": decision} | more, "unmatched")
    planned_to(engine, event_pos)


def planned_to(engine: Engine, pos: int) -> None:
    """Commit that the planner has read up to here."""
    statement = text("""
        INSERT INTO cursors (name, pos) VALUES ('alerts', :pos)
        ON CONFLICT (name) DO UPDATE SET pos = greatest(cursors.pos, excluded.pos)
    """)
    with engine.begin() as connection:
        connection.execute(statement, {"pos": pos})


def a_routing(engine: Engine, event_pos: int, outcome: str, **more: Any) -> None:
    """Commit what the route ops came to at the receiver slack."""
    columns = {"event_pos": event_pos, "route": "ops", "receiver": "slack", "kind": "broke", "outcome": outcome}
    _insert(engine, "routings", columns | more)


def a_telling(engine: Engine, incident_id: int, **more: Any) -> None:
    """Commit what the receiver slack knows of an incident: nothing yet, unless said."""
    _insert(engine, "tellings", {"receiver": "slack", "incident_id": incident_id, "route": "ops"} | more)


def a_delivery(engine: Engine, **more: Any) -> int:
    """Commit a message to slack that was sent; returns its id."""
    columns = {"receiver": "slack", "kind": "news", "state": "sent", "tries": 1, "message": MESSAGE} | more
    return int(_insert(engine, "deliveries", columns, "message", returning="id"))


def an_item(engine: Engine, delivery_id: int, incident_id: int, place: int, **more: Any) -> None:
    """Commit a line of a message: that an incident broke."""
    columns = {"delivery_id": delivery_id, "incident_id": incident_id, "place": place}
    _insert(engine, "delivery_items", columns | {"kind": "broke", "version": 1, "failures": 1} | more)


def _insert(engine: Engine, table: str, columns: dict[str, Any], *as_json: str, returning: str = "1") -> Any:
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    statement = text(f"INSERT INTO {table} ({names}) VALUES ({values}) RETURNING {returning}")
    for name in as_json:
        if name in columns:
            statement = statement.bindparams(bindparam(name, type_=JSONB))
    with engine.begin() as connection:
        return connection.execute(statement, columns).scalar_one()
