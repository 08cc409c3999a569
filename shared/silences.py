"""Silences: for a while nothing is told of what they match; made and ended by people, each change counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.alert_rules import count_up
from shared.config.routes import Matchers, Subject
from shared.rows import Row, rows

LONGEST = timedelta(days=90)


class State(StrEnum):
    """How a silence stands."""

    PENDING = "pending"
    ACTIVE = "active"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSilence:
    """What whoever makes one says."""

    matchers: Matchers
    reason: str
    author: str
    starts_at: datetime
    ends_at: datetime


_COLUMNS = """
    id, matchers, reason, author, starts_at, ends_at, created_at,
    CASE WHEN ends_at <= :now THEN 'over' WHEN starts_at > :now THEN 'pending' ELSE 'active' END AS state
"""

_ADD = text("""
    INSERT INTO silences (matchers, reason, author, starts_at, ends_at)
    VALUES (CAST(:matchers AS jsonb), :reason, :author, :starts_at, :ends_at) RETURNING id
""")

# One that is over stays as it was.
_CHANGE = text("""
    UPDATE silences SET ends_at = coalesce(:ends_at, ends_at), reason = coalesce(:reason, reason), settled_at = NULL
    WHERE id = :id AND ends_at > :now RETURNING 1
""")

# One that has not begun leaves nothing behind; one that has is over from now on.
_REMOVE = text("DELETE FROM silences WHERE id = :id AND starts_at >= :now RETURNING 1")
_END = text("UPDATE silences SET ends_at = :now, settled_at = NULL WHERE id = :id AND ends_at > :now RETURNING 1")

_ONE = f"SELECT {_COLUMNS} FROM silences WHERE id = :id"

# Those that end last come first; within a state the order is the same.
_LIST = f"""
    SELECT {_COLUMNS} FROM silences
    WHERE (:wants_pending OR NOT (starts_at > :now AND ends_at > :now))
      AND (:wants_active OR NOT (starts_at <= :now AND ends_at > :now))
      AND (:wants_over OR ends_at > :now)
      AND (CAST(:after_at AS timestamptz) IS NULL OR (ends_at, id) < (CAST(:after_at AS timestamptz), :after_id))
    ORDER BY ends_at DESC, id DESC LIMIT :limit
"""

_UNSETTLED = """
    SELECT id, matchers, reason, author, starts_at, ends_at FROM silences WHERE settled_at IS NULL ORDER BY id
"""

# Every pipeline once, by the names that the planner matches.
_PIPELINES = """
    SELECT i.provider, i.name AS instance, j.key AS project, j.team, r.name AS repository, p.name AS pipeline
    FROM pipelines p JOIN instances i ON i.id = p.instance_id JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""


def fits_any(session: Session, matchers: Matchers) -> bool:
    """Whether a pipeline that is known now fits, on whichever branch; most names are mistyped at night."""
    whole = matchers.model_copy(update={"branch": ()})
    known = (Subject(branch=None, is_default_branch=False, **row) for row in _pipelines(session))
    return any(whole.mismatch(subject) is None for subject in known)


def _pipelines(session: Session) -> list[dict[str, Any]]:
    return [dict(row) for row in rows(session, _PIPELINES)]


def add(session: Session, silence: NewSilence) -> int:
    """Keep a silence and return its id."""
    parameters = {
        "matchers": orjson.dumps(written(silence.matchers)).decode(),
        "reason": silence.reason,
        "author": silence.author,
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
    }
    silence_id: int = session.execute(_ADD, parameters).scalar_one()
    count_up(session)
    return silence_id


def change(
    session: Session, silence_id: int, now: datetime, *, ends_at: datetime | None = None, reason: str | None = None
) -> bool:
    """Give a silence that is not over another end or reason; whether there was one."""
    parameters = {"id": silence_id, "now": now, "ends_at": ends_at, "reason": reason}
    is_changed = session.execute(_CHANGE, parameters).first() is not None
    if is_changed:
        count_up(session)
    return is_changed


def end(session: Session, silence_id: int, now: datetime) -> bool:
    """End a silence now, or take it away where it has not begun; False when it is over or there is none."""
    parameters = {"id": silence_id, "now": now}
    is_ended = any(session.execute(each, parameters).first() is not None for each in (_REMOVE, _END))
    if is_ended:
        count_up(session)
    return is_ended


def one(session: Session, silence_id: int, now: datetime) -> Row | None:
    """The silence of this id, with how it stands."""
    return next(iter(rows(session, _ONE, {"id": silence_id, "now": now})), None)


def list_silences(
    session: Session, states: tuple[State, ...], now: datetime, *, limit: int, after: tuple[datetime, int] | None = None
) -> list[Row]:
    """Silences of these states (none given: all), the one that ends last first."""
    wanted = {f"wants_{state}": not states or state in states for state in State}
    place = {"after_at": after and after[0], "after_id": after[1] if after else 0}
    return rows(session, _LIST, wanted | place | {"now": now, "limit": limit})


def unsettled(session: Session) -> list[Row]:
    """Every silence that is in force, will be, or has ended just now."""
    return rows(session, _UNSETTLED)


def written(matchers: Matchers) -> Mapping[str, Any]:
    """The patterns that were given."""
    return {key: value for key, value in matchers.model_dump(mode="json").items() if value}
