"""What collecting keeps beside the builds: receipts, validators, logs, backfills, what went wrong."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.models.base import Base, false_column, id_column, now_column


class Watch(Base):
    """A pattern that expands into sources, and when it is next looked through; a lease as a source's."""

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("instance_id", "pattern"),)

    id: Mapped[int] = id_column()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    pattern: Mapped[str]
    exclude: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    next_look_at: Mapped[datetime] = now_column()
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    found: Mapped[int | None] = mapped_column(Integer)
    last_ok_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str | None]


class Backfill(Base):
    """The past of one source being collected, newest first: from `until` back to `since`; `reached` is how far it is.

    `place` is where it stands between `since` and `reached`, in the collector's own words, for those that cannot go by
    time alone. `reason` says why it is there where nobody asked by hand, `last_error` what keeps it from going on.
    waiting -> running -> done | cancelled.
    """

    __tablename__ = "backfills"
    __table_args__ = (
        Index("uq_backfills_open", "source_id", unique=True, postgresql_where=text("state IN ('waiting', 'running')")),
        CheckConstraint("state IN ('waiting', 'running', 'done', 'cancelled')", name="state_word"),
    )

    id: Mapped[int] = id_column()
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    reached: Mapped[datetime]
    place: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    builds: Mapped[int] = mapped_column(server_default=text("0"))
    requests: Mapped[int] = mapped_column(server_default=text("0"))
    reason: Mapped[str | None]
    last_error: Mapped[str | None]
    requested_at: Mapped[datetime] = now_column()
    settled_at: Mapped[datetime | None]


class HttpValidator(Base):
    """The `ETag` of a URL's last answer that was recorded, for one credential: another gets another."""

    __tablename__ = "http_validators"
    __table_args__ = (Index(None, "source_id"),)

    credential: Mapped[str] = mapped_column(primary_key=True)
    url_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    etag: Mapped[str]
    noted_at: Mapped[datetime] = now_column()


class Receipt(Base):
    """A webhook as it was received, verified and redacted: received -> processing -> done | ignored | parked.

    One row for one body: `seen` counts its deliveries. `fence` grows with every claim. `changed` is how many
    transitions it brought, `is_late` says that what it told was older than what we knew, `at` is the provider's own
    instant of what it tells. The body goes once the receipt is done.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("instance_id", "body_sha256"),
        Index("ix_receipts_open", "next_try_at", "id", postgresql_where=text("state IN ('received', 'processing')")),
        Index(None, "received_at"),
        CheckConstraint("state IN ('received', 'processing', 'done', 'ignored', 'parked')", name="state_word"),
    )

    id: Mapped[int] = id_column()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    kind: Mapped[str]
    delivery_id: Mapped[str | None]
    body_sha256: Mapped[bytes]
    body: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(server_default=text("'received'"))
    reason: Mapped[str | None]
    seen: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    changed: Mapped[int | None] = mapped_column(Integer)
    is_late: Mapped[bool] = false_column()
    at: Mapped[datetime | None]
    received_at: Mapped[datetime] = now_column()
    last_received_at: Mapped[datetime] = now_column()
    next_try_at: Mapped[datetime] = now_column()
    settled_at: Mapped[datetime | None]


class LogRequest(Base):
    """A log somebody wanted to read: requested -> fetching -> stored | gone | failed; `shared.log_requests` moves it.

    `job_external_id` is empty for everything an attempt printed. `fence` grows with every claim; a settle that carries
    an older one is refused. `again_at` is when a settled request may be made anew.
    """

    __tablename__ = "log_requests"
    __table_args__ = (
        UniqueConstraint("build_id", "attempt", "job_external_id"),
        Index("ix_log_requests_open", "requested_at", postgresql_where=text("state IN ('requested', 'fetching')")),
        CheckConstraint("state IN ('requested', 'fetching', 'stored', 'gone', 'failed')", name="state_word"),
    )

    id: Mapped[int] = id_column()
    build_id: Mapped[int] = mapped_column(ForeignKey("builds.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
    job_external_id: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'requested'"))
    reason: Mapped[str | None]
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    requested_at: Mapped[datetime] = now_column()
    settled_at: Mapped[datetime | None]
    again_at: Mapped[datetime | None]


class Log(Base):
    """What one job printed, masked. `part` is the job's external id, or "~", a number and a name.

    `content` is the text in blocks compressed each by itself, which end at `block_ends`; `text_bytes` is the text's
    length.
    """

    __tablename__ = "logs"
    __table_args__ = (Index(None, "stored_at"),)

    build_id: Mapped[int] = mapped_column(ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    place: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes]
    block_ends: Mapped[list[int]]
    text_bytes: Mapped[int]
    sha256: Mapped[bytes]
    is_complete: Mapped[bool]
    is_truncated: Mapped[bool]
    masked: Mapped[int]
    stored_at: Mapped[datetime] = now_column()


class Quarantine(Base):
    """A row of a provider's answer that could not be stored: which one and why, never its content."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("source_id", "kind", "external_id", "reason"), Index(None, "last_seen_at"))

    id: Mapped[int] = id_column()
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    kind: Mapped[str]
    external_id: Mapped[str]
    reason: Mapped[str]
    seen: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    first_seen_at: Mapped[datetime] = now_column()
    last_seen_at: Mapped[datetime] = now_column()


class CollectorError(Base):
    """What went wrong while collecting a source, counted by kind, with the latest example in words."""

    __tablename__ = "collector_errors"

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    seen: Mapped[int] = mapped_column(server_default=text("1"))
    example: Mapped[str]
    first_seen_at: Mapped[datetime] = now_column()
    last_seen_at: Mapped[datetime] = now_column()
