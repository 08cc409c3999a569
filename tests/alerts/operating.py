"""Sources and credentials as a scheduler left them, for tests of what is made of their troubles."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import NOON, minutes


class Installation:
    """One instance with sources that were asked a minute before noon, and a credential."""

    def __init__(self, session: Session, name: str = "github.com") -> None:
        self.session = session
        self.name = name
        self.id = session.execute(
            text("INSERT INTO instances (name, provider, base_url) VALUES (:name, 'github', 'x') RETURNING id"),
            {"name": name},
        ).scalar_one()

    def source(self, scope: str, **overrides: Any) -> int:
        """A source that works, unless told otherwise."""
        columns: dict[str, Any] = {
            "instance_id": self.id,
            "scope": scope,
            "created_at": NOON - minutes(600),
            "baseline_at": NOON - minutes(60),
            "last_poll_at": NOON - minutes(1),
            "last_ok_at": NOON - minutes(1),
        } | overrides
        statement = f"""
            INSERT INTO sources ({", ".join(columns)}) VALUES ({", ".join(f":{name}" for name in columns)}) RETURNING id
        """
        return int(self.session.execute(text(statement), columns).scalar_one())

    def broken_source(self, scope: str, **overrides: Any) -> int:
        """A source whose last three polls failed, the last good one ten minutes before noon."""
        failing = {
            "failures": 3,
            "last_ok_at": NOON - minutes(10),
            "last_error": "github.com could not be reached: connection refused",
            "last_error_at": NOON - minutes(1),
        }
        return self.source(scope, **failing | overrides)

    def comes_back(self, source_id: int, at: datetime) -> None:
        """A poll of the source ends well."""
        self.session.execute(
            text("""
                UPDATE sources SET failures = 0, last_error = NULL, last_poll_at = :at, last_ok_at = :at WHERE id = :id
            """),
            {"id": source_id, "at": at},
        )

    def refuses(self, at: datetime, fingerprint: str = "one") -> None:
        """The instance said 401 to a credential."""
        self.session.execute(
            text("""
                INSERT INTO credentials (fingerprint, instance_id, is_rejected, updated_at)
                VALUES (:fingerprint, :instance, true, :at)
                ON CONFLICT (fingerprint) DO UPDATE SET is_rejected = true, updated_at = excluded.updated_at
            """),
            {"fingerprint": fingerprint, "instance": self.id, "at": at},
        )

    def failed_with(self, source_id: int, kind: str, example: str) -> None:
        """What a poll of the source was last ended by."""
        self.session.execute(
            text("INSERT INTO collector_errors (source_id, kind, example) VALUES (:source, :kind, :example)"),
            {"source": source_id, "kind": kind, "example": example},
        )


def an_outage(session: Session, kind: str, subject: str, began_at: datetime, **overrides: Any) -> int:
    """A row of `outages`, open unless told otherwise; returns its id."""
    columns: dict[str, Any] = {"kind": kind, "subject": subject, "reason": "it broke", "began_at": began_at} | overrides
    statement = f"""
        INSERT INTO outages ({", ".join(columns)}) VALUES ({", ".join(f":{name}" for name in columns)}) RETURNING id
    """
    return int(session.execute(text(statement), columns).scalar_one())
