"""What is collected from where: projects, installations, sources, repositories, pipelines."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.models.base import Base, false_column, id_column, now_column


class Project(Base):
    """A named group of pipelines with an owning team; everything starts in `default`, whose id is 1."""

    __tablename__ = "projects"

    id: Mapped[int] = id_column()
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    team: Mapped[str | None]
    created_at: Mapped[datetime] = now_column()


class Instance(Base):
    """One installation of a provider, by its configured name."""

    __tablename__ = "instances"

    id: Mapped[int] = id_column()
    name: Mapped[str] = mapped_column(unique=True)
    provider: Mapped[str]
    base_url: Mapped[str]
    created_at: Mapped[datetime] = now_column()


class Credential(Base):
    """A provider's request budget for one credential (or for none), known by fingerprint; never the secret.

    `lease_owner` is the process that asks with it, where the provider wants one request at a time. `window_seconds` is
    what `request_limit` is for; `strikes` counts refusals in a row that did not say when to come back.
    """

    __tablename__ = "credentials"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    request_limit: Mapped[int | None]
    remaining: Mapped[int | None]
    reset_at: Mapped[datetime | None]
    blocked_until: Mapped[datetime | None]
    is_rejected: Mapped[bool] = false_column()
    updated_at: Mapped[datetime] = now_column()
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    window_seconds: Mapped[int | None] = mapped_column(Integer)
    strikes: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Source(Base):
    """One thing polled on an instance. This table is the schedule: due once `next_poll_at` has passed and
    no lease holds.

    `fence` grows with every claim; a write that carries an older fence is refused. `baseline_at` is the instant of the
    first complete collection: what finished before it never alerts. `external_id` is the provider's own, which stays
    when the scope is renamed; `pattern` is the watch that found it; `archived_at` is when it was no longer found.
    `interval_reason` says in words why it is polled more rarely than every three minutes.
    """

    __tablename__ = "sources"
    __table_args__ = (
        UniqueConstraint("instance_id", "scope"),
        Index(None, "next_poll_at", postgresql_where=text("is_active")),
        Index(
            "uq_sources_instance_id_external_id",
            "instance_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = id_column()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), server_default=text("1"))
    scope: Mapped[str]
    origin: Mapped[str] = mapped_column(server_default=text("'config'"), comment="config | added | found")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    interval_seconds: Mapped[float] = mapped_column(server_default=text("60"))
    next_poll_at: Mapped[datetime] = now_column()
    requested_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    cursor: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    baseline_at: Mapped[datetime | None]
    last_poll_at: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()
    external_id: Mapped[str | None]
    pattern: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    credential: Mapped[str | None]
    interval_reason: Mapped[str | None]


class Repository(Base):
    """What builds are built from; called what the newest build called it."""

    __tablename__ = "repositories"
    __table_args__ = (UniqueConstraint("instance_id", "external_id"),)

    id: Mapped[int] = id_column()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    external_id: Mapped[str]
    name: Mapped[str]
    url: Mapped[str | None]
    default_branch: Mapped[str | None]


class Branch(Base):
    """A branch seen on a build or pushed; kept by name after the provider forgets it."""

    __tablename__ = "branches"

    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime] = now_column()
    head_sha: Mapped[str | None]
    before_sha: Mapped[str | None]
    moved_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Commit(Base):
    """A commit seen on a build."""

    __tablename__ = "commits"

    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    sha: Mapped[str] = mapped_column(primary_key=True)
    message: Mapped[str | None]
    author: Mapped[str | None]
    committed_at: Mapped[datetime | None]


class CommitParent(Base):
    """One parent of a commit; `place` 0 is the first."""

    __tablename__ = "commit_parents"

    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    sha: Mapped[str] = mapped_column(primary_key=True)
    parent_sha: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Compared(Base):
    """A range of commits that the provider was asked for: which it holds, oldest first, or why it cannot be had."""

    __tablename__ = "compared"

    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    base_sha: Mapped[str] = mapped_column(primary_key=True)
    head_sha: Mapped[str] = mapped_column(primary_key=True)
    shas: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    is_complete: Mapped[bool] = false_column()
    reason: Mapped[str | None]
    compared_at: Mapped[datetime] = now_column()


class Pipeline(Base):
    """The definition that runs; identity is the provider's id, the name is what the newest build called it."""

    __tablename__ = "pipelines"
    __table_args__ = (
        UniqueConstraint("instance_id", "external_id"),
        Index(None, "source_id"),
        Index(None, "repository_id"),
    )

    id: Mapped[int] = id_column()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    repository_id: Mapped[int | None] = mapped_column(ForeignKey("repositories.id"))
    external_id: Mapped[str]
    name: Mapped[str]
    url: Mapped[str | None]
    default_branch: Mapped[str | None]
    created_at: Mapped[datetime] = now_column()
