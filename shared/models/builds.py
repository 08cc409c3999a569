"""Builds, their attempts and jobs, the one event log, and where its readers stand."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.models.base import Base, false_column, id_column, now_column, status_check


class Build(Base):
    """One run of a pipeline, showing its greatest attempt.

    `version` counts its events. `queued_at` is the sort key of every list, set at insert and never moved. The fill
    factor leaves room on the page, so that a change of columns that no index holds rewrites no index.
    """

    __tablename__ = "builds"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "external_id"),
        Index("ix_builds_newest", desc("queued_at"), desc("id")),
        Index("ix_builds_pipeline_newest", "pipeline_id", desc("queued_at"), desc("id")),
        Index("ix_builds_status_newest", "status", desc("queued_at"), desc("id")),
        Index("ix_builds_branch_newest", "branch", desc("queued_at"), desc("id")),
        Index("ix_builds_author_newest", "author", desc("queued_at"), desc("id")),
        Index("ix_builds_commit", "commit_sha", postgresql_using="hash"),
        Index("ix_builds_deployments", "queued_at", postgresql_where=text("event = 'deployment'")),
        Index("ix_builds_open", "pipeline_id", postgresql_where=text("NOT is_finished")),
        Index("ix_builds_formerly", "pipeline_id", "formerly", postgresql_where=text("formerly IS NOT NULL")),
        Index("ix_builds_rerun", "pipeline_id", postgresql_where=text("attempt > 1")),
        # Only builds that another one started are in it; their parent is written once, so no change rewrites it.
        Index(
            "ix_builds_parent",
            text("((metadata -> 'parent') ->> 'external_id')"),
            text("((metadata -> 'parent') ->> 'pipeline_external_id')"),
            desc("queued_at"),
            desc("id"),
            postgresql_where=text("((metadata -> 'parent') ->> 'external_id') IS NOT NULL"),
        ),
        status_check("status"),
        {"postgresql_with": {"fillfactor": 85}},
    )

    id: Mapped[int] = id_column()
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"))
    project_id: Mapped[int]
    external_id: Mapped[str]
    formerly: Mapped[str | None]
    number: Mapped[int | None]
    attempt: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    status: Mapped[str]
    raw_status: Mapped[str]
    is_finished: Mapped[bool]
    is_unstable: Mapped[bool] = false_column()
    cancel_reason: Mapped[str | None]
    pipeline_name: Mapped[str]
    branch: Mapped[str | None]
    commit_sha: Mapped[str | None]
    commit_message: Mapped[str | None]
    author: Mapped[str | None]
    event: Mapped[str | None]
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    duration_seconds: Mapped[float | None]
    queued_seconds: Mapped[float | None]
    progress: Mapped[float | None]
    web_url: Mapped[str | None]
    # `metadata` is taken on a declarative class, so the attribute has another name than the column.
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
    recorded_at: Mapped[datetime] = now_column()


class Attempt(Base):
    """One try of a build; none is ever overwritten by another. `has_jobs`: its complete list of jobs is recorded."""

    __tablename__ = "attempts"
    __table_args__ = (
        status_check("status"),
        {"postgresql_with": {"fillfactor": 85}},
    )

    build_id: Mapped[int] = mapped_column(ForeignKey("builds.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    status: Mapped[str]
    raw_status: Mapped[str]
    is_finished: Mapped[bool]
    is_unstable: Mapped[bool] = false_column()
    cancel_reason: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    duration_seconds: Mapped[float | None]
    queued_seconds: Mapped[float | None]
    web_url: Mapped[str | None]
    has_jobs: Mapped[bool] = false_column()
    merge_key: Mapped[list[int]]
    recorded_at: Mapped[datetime] = now_column()


class Job(Base):
    """A part of an attempt; `host_id` waits for the day hosts are known."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("build_id", "attempt", "external_id"),
        ForeignKeyConstraint(["build_id", "attempt"], ["attempts.build_id", "attempts.number"]),
        Index("ix_jobs_unknown", "raw_status", postgresql_where=text("status = 'unknown'")),
        status_check("status"),
    )

    id: Mapped[int] = id_column()
    build_id: Mapped[int]
    attempt: Mapped[int] = mapped_column(Integer)
    external_id: Mapped[str]
    name: Mapped[str]
    stage: Mapped[str | None]
    status: Mapped[str]
    raw_status: Mapped[str]
    is_finished: Mapped[bool]
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    runner: Mapped[str | None]
    host_id: Mapped[int | None]
    web_url: Mapped[str | None]
    merge_key: Mapped[list[int]]


class Event(Base):
    """One row of the one log: dense, in commit order. Written by `events.append` alone, last thing in a transaction.

    `via` is the way it was learnt: `poll`, `sweep`, `webhook`, `backfill`; NULL before anybody noted it.
    """

    __tablename__ = "events"
    __table_args__ = (
        # Nearly all events are of builds, and their kind would be a quarter of the index.
        Index("ix_events_build", "subject_id", "pos", postgresql_where=text("subject_kind = 'build'")),
        Index(
            "ix_events_others", "subject_kind", "subject_id", "pos", postgresql_where=text("subject_kind <> 'build'")
        ),
        Index(None, "recorded_at", postgresql_using="brin"),
    )

    pos: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[int]
    project_id: Mapped[int]
    attempt: Mapped[int | None] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)
    from_status: Mapped[str | None]
    to_status: Mapped[str | None]
    is_superseded: Mapped[bool] = false_column()
    is_backfill: Mapped[bool] = false_column()
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = now_column()
    data: Mapped[dict[str, Any] | None]
    via: Mapped[str | None]


class Stream(Base):
    """The one row that names this life of the event log; a restored database gets a new epoch."""

    __tablename__ = "stream"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    epoch: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))


class Cursor(Base):
    """How far a consumer of the event log has come."""

    __tablename__ = "cursors"

    name: Mapped[str] = mapped_column(primary_key=True)
    pos: Mapped[int]
