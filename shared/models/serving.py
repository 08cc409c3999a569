"""The processes themselves: heartbeats, health, keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.models.base import Base, id_column, now_column


class Process(Base):
    """A heartbeat a few seconds old says that this process lives, `troubles` what of it fails each time (shared.jobs).

    `reload_outcome` is what came of reading the configuration again: its mistakes, and what has to wait for a restart.
    """

    __tablename__ = "processes"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int] = mapped_column(Integer)
    version: Mapped[str]
    started_at: Mapped[datetime] = now_column()
    heartbeat_at: Mapped[datetime] = now_column()
    reload_asked_at: Mapped[datetime | None]
    reloaded_at: Mapped[datetime | None]
    reload_outcome: Mapped[dict[str, Any] | None]
    troubles: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)


class Health(Base):
    """How a part of ourselves stands, and when it was last heard of; a change of `status` is an event, told once."""

    __tablename__ = "health"

    id: Mapped[int] = id_column()
    subject: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    since: Mapped[datetime] = now_column()
    heard_at: Mapped[datetime] = now_column()
    reason: Mapped[str | None]


class Key(Base):
    """An API key: the public half of it and the hash of the secret half. A browser's session is one with a parent."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret_sha256: Mapped[bytes]
    name: Mapped[str]
    scopes: Mapped[list[str]]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("keys.id"))
    created_at: Mapped[datetime] = now_column()
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
