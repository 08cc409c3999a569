"""A changed configuration taken by running processes: asked for through the tables, so from any machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.config.mistakes import Mistakes

_ASK = text("""
    UPDATE processes SET reload_asked_at = clock_timestamp()
    WHERE kind = :kind AND heartbeat_at > clock_timestamp() - interval '30 seconds'
    RETURNING id, host, pid
""")

_IS_ASKED = text("""
    SELECT reload_asked_at > coalesce(reloaded_at, '-infinity') FROM processes WHERE id = :id
""")

_NOTE = text("""
    UPDATE processes SET reloaded_at = clock_timestamp(), reload_outcome = CAST(:outcome AS jsonb) WHERE id = :id
""")

_ANSWERED = text("""
    SELECT id, reload_outcome FROM processes WHERE id = ANY(:ids) AND reloaded_at >= reload_asked_at
""")


@dataclass(frozen=True, slots=True)
class Asked:
    """A process that was asked to read its configuration again."""

    id: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of reading `path`: the mistakes, which leave the old in force, or what waits for a restart."""

    path: str | None = None
    mistakes: tuple[tuple[str, str], ...] = ()
    waits_for_restart: tuple[str, ...] = ()


def ask(session: Session, kind: str) -> list[Asked]:
    """Ask every living process of a kind to read its configuration again."""
    return [Asked(*row) for row in session.execute(_ASK, {"kind": kind})]


def is_asked(session: Session, process_id: str) -> bool:
    """Whether somebody asked since this process read its configuration last."""
    return bool(session.scalar(_IS_ASKED, {"id": process_id}))


def note(session: Session, process_id: str, outcome: Outcome) -> None:
    """Say what came of it."""
    session.execute(_NOTE, {"id": process_id, "outcome": orjson.dumps(outcome).decode()})


def answers(session: Session, ids: Sequence[str]) -> dict[str, Outcome]:
    """The outcome of each process that has done what it was asked."""
    rows = session.execute(_ANSWERED, {"ids": list(ids)})
    return {row.id: _outcome(row.reload_outcome) for row in rows}


def _outcome(told: dict[str, Any]) -> Outcome:
    mistakes: Mistakes = [(str(path), str(words)) for path, words in told["mistakes"]]
    return Outcome(told["path"], tuple(mistakes), tuple(told["waits_for_restart"]))
