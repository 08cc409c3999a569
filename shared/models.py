"""The tables: columns and constraints, nothing else. DESIGN words; instants end in `_at`, durations in `_seconds`."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.incident_status import IncidentStatus
from shared.status import Status


class Base(DeclarativeBase):
    """Naming convention and the few column types everything uses."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text(),
        int: BigInteger(),
        float: Float(),
        bytes: LargeBinary(),
        dict[str, Any]: JSONB(),
        list[int]: ARRAY(BigInteger()),
        list[str]: ARRAY(Text()),
    }


def _id() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


def _now() -> Mapped[datetime]:
    return mapped_column(DateTime(timezone=True), server_default=text("clock_timestamp()"))


def _false() -> Mapped[bool]:
    return mapped_column(server_default=text("false"))


def _status_check(column: str) -> CheckConstraint:
    words = ", ".join(f"'{status}'" for status in Status)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_word")


class Project(Base):
    """A named group of pipelines with an owning team; everything starts in `default`, whose id is 1."""

    __tablename__ = "projects"

    id: Mapped[int] = _id()
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    team: Mapped[str | None]
    created_at: Mapped[datetime] = _now()


class Instance(Base):
    """One installation of a provider, by its configured name."""

    __tablename__ = "instances"

    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(unique=True)
    provider: Mapped[str]
    base_url: Mapped[str]
    created_at: Mapped[datetime] = _now()


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
    is_rejected: Mapped[bool] = _false()
    updated_at: Mapped[datetime] = _now()
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

    id: Mapped[int] = _id()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), server_default=text("1"))
    scope: Mapped[str]
    origin: Mapped[str] = mapped_column(server_default=text("'config'"), comment="config | added | found")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    interval_seconds: Mapped[float] = mapped_column(server_default=text("60"))
    next_poll_at: Mapped[datetime] = _now()
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
    created_at: Mapped[datetime] = _now()
    external_id: Mapped[str | None]
    pattern: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    credential: Mapped[str | None]
    interval_reason: Mapped[str | None]


class Repository(Base):
    """What builds are built from; called what the newest build called it."""

    __tablename__ = "repositories"
    __table_args__ = (UniqueConstraint("instance_id", "external_id"),)

    id: Mapped[int] = _id()
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
    first_seen_at: Mapped[datetime] = _now()
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


class Pipeline(Base):
    """The definition that runs; identity is the provider's id, the name is what the newest build called it."""

    __tablename__ = "pipelines"
    __table_args__ = (
        UniqueConstraint("instance_id", "external_id"),
        Index(None, "source_id"),
        Index(None, "repository_id"),
    )

    id: Mapped[int] = _id()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    repository_id: Mapped[int | None] = mapped_column(ForeignKey("repositories.id"))
    external_id: Mapped[str]
    name: Mapped[str]
    url: Mapped[str | None]
    default_branch: Mapped[str | None]
    created_at: Mapped[datetime] = _now()


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
        _status_check("status"),
        {"postgresql_with": {"fillfactor": 85}},
    )

    id: Mapped[int] = _id()
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
    is_unstable: Mapped[bool] = _false()
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
    merge_key: Mapped[list[int]]
    recorded_at: Mapped[datetime] = _now()


class Attempt(Base):
    """One try of a build; none is ever overwritten by another. `has_jobs`: its complete list of jobs is recorded."""

    __tablename__ = "attempts"
    __table_args__ = (
        _status_check("status"),
        {"postgresql_with": {"fillfactor": 85}},
    )

    build_id: Mapped[int] = mapped_column(ForeignKey("builds.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    status: Mapped[str]
    raw_status: Mapped[str]
    is_finished: Mapped[bool]
    is_unstable: Mapped[bool] = _false()
    cancel_reason: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    duration_seconds: Mapped[float | None]
    queued_seconds: Mapped[float | None]
    web_url: Mapped[str | None]
    has_jobs: Mapped[bool] = _false()
    merge_key: Mapped[list[int]]
    recorded_at: Mapped[datetime] = _now()


class Job(Base):
    """A part of an attempt; `host_id` waits for the day hosts are known."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("build_id", "attempt", "external_id"),
        ForeignKeyConstraint(["build_id", "attempt"], ["attempts.build_id", "attempts.number"]),
        Index("ix_jobs_unknown", "raw_status", postgresql_where=text("status = 'unknown'")),
        _status_check("status"),
    )

    id: Mapped[int] = _id()
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
        Index(None, "subject_kind", "subject_id", "pos"),
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
    is_superseded: Mapped[bool] = _false()
    is_backfill: Mapped[bool] = _false()
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = _now()
    data: Mapped[dict[str, Any] | None]
    via: Mapped[str | None]


class Stream(Base):
    """The one row that names this life of the event log; a restored database gets a new epoch."""

    __tablename__ = "stream"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    epoch: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))


class Process(Base):
    """A heartbeat a few seconds old says that this process lives.

    `reload_outcome` is what came of reading the configuration again: its mistakes, and what has to wait for a restart.
    """

    __tablename__ = "processes"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int] = mapped_column(Integer)
    version: Mapped[str]
    started_at: Mapped[datetime] = _now()
    heartbeat_at: Mapped[datetime] = _now()
    reload_asked_at: Mapped[datetime | None]
    reloaded_at: Mapped[datetime | None]
    reload_outcome: Mapped[dict[str, Any] | None]


class Key(Base):
    """An API key: the public half of it and the hash of the secret half. A browser's session is one with a parent."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret_sha256: Mapped[bytes]
    name: Mapped[str]
    scopes: Mapped[list[str]]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("keys.id"))
    created_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Cursor(Base):
    """How far a consumer of the event log has come."""

    __tablename__ = "cursors"

    name: Mapped[str] = mapped_column(primary_key=True)
    pos: Mapped[int]


class Verdict(Base):
    """The latest verdict of one pipeline on one branch, and whether its failure was told to anyone.

    `passes` counts the good verdicts in a row; `incident_id` is the branch's last incident, open or over; `good_*` is
    the last attempt to pass before the verdict's own.
    """

    __tablename__ = "verdicts"

    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"), primary_key=True)
    branch: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    build_id: Mapped[int]
    attempt: Mapped[int] = mapped_column(Integer)
    queued_at: Mapped[datetime]
    since: Mapped[datetime]
    is_announced: Mapped[bool] = _false()
    passes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    incident_id: Mapped[int | None]
    good_build_id: Mapped[int | None]
    good_attempt: Mapped[int | None] = mapped_column(Integer)


class Incident(Base):
    """One pipeline on one branch from its first failure to its recovery; of each at most one is open.

    `version` counts its events. `opened_at` is the finish of the first failing attempt, `fixed_at` that of the passing
    one that closed it. `failures` counts failing verdicts of the branch's newest builds, `flaps` the incidents of the
    same branch that were opened in the hour before. `last_good_*` is NULL where the branch was never seen to pass.
    `is_flaky`: a build failed and passed in a later attempt. `is_silent`: nobody was told.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        Index("uq_incidents_open", "pipeline_id", "branch", unique=True, postgresql_where=text("fixed_at IS NULL")),
        Index("ix_incidents_newest", desc("opened_at"), desc("id")),
        Index("ix_incidents_branch_newest", "pipeline_id", "branch", desc("opened_at")),
        CheckConstraint(f"status IN ({', '.join(repr(str(word)) for word in IncidentStatus)})", name="status_word"),
        CheckConstraint("(status = 'fixed') = (fixed_at IS NOT NULL)", name="fixed"),
    )

    id: Mapped[int] = _id()
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"))
    branch: Mapped[str]
    project_id: Mapped[int]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    status: Mapped[str]
    opened_at: Mapped[datetime]
    last_failed_at: Mapped[datetime]
    fixed_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    flaps: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    first_bad_build_id: Mapped[int]
    first_bad_attempt: Mapped[int] = mapped_column(Integer)
    last_bad_build_id: Mapped[int]
    last_bad_attempt: Mapped[int] = mapped_column(Integer)
    last_good_build_id: Mapped[int | None]
    last_good_attempt: Mapped[int | None] = mapped_column(Integer)
    fixed_build_id: Mapped[int | None]
    fixed_attempt: Mapped[int | None] = mapped_column(Integer)
    is_flaky: Mapped[bool] = _false()
    is_silent: Mapped[bool] = _false()
    recorded_at: Mapped[datetime] = _now()


class Delivery(Base):
    """One message's way to one receiver: pending -> sending -> sent | dead | expired.

    News is composed at each claim from what the receiver was last told and how the incidents stand then; so it is a
    row from its first claim on, and `delivery_items` are its lines. What `key` names (`event:7`, `digest:…`) goes out
    once. `event_pos`, `build_id` and `attempt` are what one message of the raw feed is about. `thread_id` is the
    conversation it belongs to. `fence` grows with every claim; a settle that carries an older one is refused. A claim
    after the first says "possible repeat", because the one before may have been sent.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("receiver", "event_pos"),
        Index("uq_deliveries_receiver_key", "receiver", "key", unique=True),
        Index("ix_deliveries_receiver_id", "receiver", desc("id")),
        Index(None, "thread_id", postgresql_where=text("thread_id IS NOT NULL")),
        Index(None, "next_try_at", postgresql_where=text("state IN ('pending', 'sending')")),
        CheckConstraint("state IN ('pending', 'sending', 'sent', 'dead', 'expired')", name="state_word"),
    )

    id: Mapped[int] = _id()
    receiver: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str | None]
    event_pos: Mapped[int | None]
    incident_id: Mapped[int | None]
    build_id: Mapped[int | None]
    attempt: Mapped[int | None] = mapped_column(Integer)
    thread_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    lease_until: Mapped[datetime | None]
    next_try_at: Mapped[datetime] = _now()
    message: Mapped[dict[str, Any]]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = _now()
    settled_at: Mapped[datetime | None]


class DeliveryItem(Base):
    """One incident in a message of news: what was said of it, as of which version; `place` is its line, from 0."""

    __tablename__ = "delivery_items"

    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True)
    incident_id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    failures: Mapped[int] = mapped_column(Integer)
    place: Mapped[int] = mapped_column(Integer)


class Telling(Base):
    """What a receiver was last told of an incident, and whether it is to hear of it again.

    `told` and `told_version` are as of the last message it took; NULL means nothing yet. `wanted_at` is since when
    there may be news for it, NULL when there is none; `wants` are the kinds its routes tell, `route` the one that asked
    last, at `wanted_pos` of the log, `asked_by` all that ever did. `due_at` is when it is looked at next: after the
    group's wait, or when what holds it (`held`, in words) ends. `news_at` is the finish of the build that was news.
    `is_reminder`: to be told although nothing changed. `repeat_at` is when it is next said that it still fails.
    `is_tried`: a message about it was begun, and nobody knows whether it arrived.
    """

    __tablename__ = "tellings"
    __table_args__ = (
        Index("ix_tellings_due", "receiver", "due_at", postgresql_where=text("wanted_at IS NOT NULL")),
        Index(None, "repeat_at", postgresql_where=text("repeat_at IS NOT NULL")),
        Index(None, "incident_id"),
        Index(None, "thread_id", postgresql_where=text("thread_id IS NOT NULL")),
        CheckConstraint("told IN ('broken', 'flapping', 'fixed')", name="told_word"),
    )

    receiver: Mapped[str] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True)
    route: Mapped[str]
    told: Mapped[str | None]
    told_version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    told_failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    told_at: Mapped[datetime | None]
    wanted_at: Mapped[datetime | None]
    wanted_pos: Mapped[int | None]
    wants: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    asked_by: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    news_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    why: Mapped[str | None]
    held: Mapped[str | None]
    is_reminder: Mapped[bool] = _false()
    repeat_at: Mapped[datetime | None]
    thread_id: Mapped[int | None]
    is_tried: Mapped[bool] = _false()


class Thread(Base):
    """One conversation at a receiver that has such: its first message and everything said below it later.

    `reference` is the receiver's own name for it (Slack's channel and timestamp); `next_at` is when more may be said.
    """

    __tablename__ = "threads"

    id: Mapped[int] = _id()
    receiver: Mapped[str]
    reference: Mapped[dict[str, Any]]
    next_at: Mapped[datetime] = _now()
    created_at: Mapped[datetime] = _now()


class ReceiverState(Base):
    """How a receiver stands: when it may hear the next news, how long it asked for peace, why it is switched off.

    `off_settings` is a fingerprint of the settings it had then: other ones switch it on again. `digested_until` is the
    end of what its last digest summed up. `rules_version` are the rules by which its news was held back last.
    """

    __tablename__ = "receiver_states"

    receiver: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime] = _now()
    paused_until: Mapped[datetime | None]
    last_sent_at: Mapped[datetime | None]
    off_since: Mapped[datetime | None]
    off_reason: Mapped[str | None]
    off_settings: Mapped[str | None]
    digested_until: Mapped[datetime | None]
    rules_version: Mapped[int] = mapped_column(server_default=text("0"))


class AlertRules(Base):
    """The one row that counts up with every change of a route, a receiver or a silence."""

    __tablename__ = "alert_rules"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, server_default=text("1"))
    version: Mapped[int] = mapped_column(server_default=text("0"))


class Route(Base):
    """Who is told of what, as the file or the API says; where both name one, the file's counts. No secret in it."""

    __tablename__ = "routes"
    __table_args__ = (CheckConstraint("origin IN ('file', 'api')", name="origin_word"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    settings: Mapped[dict[str, Any]]
    author: Mapped[str | None]
    changed_at: Mapped[datetime] = _now()


class Receiver(Base):
    """A place messages go to, as the file or the API says; secrets are named by variable, never in here.

    `problem` is why the scheduler cannot open it, such as a variable that is not set there; NULL when it can.
    """

    __tablename__ = "receivers"
    __table_args__ = (CheckConstraint("origin IN ('file', 'api')", name="origin_word"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    settings: Mapped[dict[str, Any]]
    author: Mapped[str | None]
    changed_at: Mapped[datetime] = _now()
    problem: Mapped[str | None]


class Silence(Base):
    """For a while nothing is told of what it matches; `settled_at` is when its end was looked after."""

    __tablename__ = "silences"
    __table_args__ = (
        Index("ix_silences_unsettled", "ends_at", postgresql_where=text("settled_at IS NULL")),
        Index("ix_silences_newest", desc("ends_at"), desc("id")),
        CheckConstraint("starts_at < ends_at", name="order"),
    )

    id: Mapped[int] = _id()
    matchers: Mapped[dict[str, Any]]
    reason: Mapped[str]
    author: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime] = _now()
    settled_at: Mapped[datetime | None]


class Decision(Base):
    """What the planner made of an event, by reason; `unmatched` says of each route that did not fit why not.

    Events that bring no verdict, and verdicts that change nothing of a branch that works, have none.
    """

    __tablename__ = "decisions"

    event_pos: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decision: Mapped[str]
    incident_id: Mapped[int | None]
    unmatched: Mapped[dict[str, Any] | None]
    decided_at: Mapped[datetime] = _now()


class Routing(Base):
    """What a route that fitted an event came to at one receiver: queued -> held -> told | dropped, or suppressed."""

    __tablename__ = "routings"
    __table_args__ = (
        Index("ix_routings_open", "receiver", "incident_id", postgresql_where=text("outcome IN ('queued', 'held')")),
        Index(None, "receiver", "decided_at"),
        CheckConstraint("outcome IN ('queued', 'held', 'told', 'suppressed', 'dropped')", name="outcome_word"),
    )

    event_pos: Mapped[int] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    receiver: Mapped[str] = mapped_column(primary_key=True)
    incident_id: Mapped[int | None]
    kind: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    delivery_id: Mapped[int | None]
    decided_at: Mapped[datetime] = _now()
    settled_at: Mapped[datetime | None]


class Outage(Base):
    """Something of ours or of a provider's that does not work, which is told once and mutes what it causes.

    `subject` is the instance, the credential's installation or the receiver by name, or `scheduler`.
    """

    __tablename__ = "outages"
    __table_args__ = (
        Index("uq_outages_open", "kind", "subject", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index(None, "instance_id", "began_at"),
        CheckConstraint("kind IN ('provider', 'credential', 'collector', 'receiver')", name="kind_word"),
    )

    id: Mapped[int] = _id()
    kind: Mapped[str]
    subject: Mapped[str]
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("instances.id"))
    reason: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Quarantine(Base):
    """A row of a provider's answer that could not be stored: which one and why, never its content."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("source_id", "kind", "external_id", "reason"), Index(None, "last_seen_at"))

    id: Mapped[int] = _id()
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    kind: Mapped[str]
    external_id: Mapped[str]
    reason: Mapped[str]
    seen: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    first_seen_at: Mapped[datetime] = _now()
    last_seen_at: Mapped[datetime] = _now()


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

    id: Mapped[int] = _id()
    build_id: Mapped[int] = mapped_column(ForeignKey("builds.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
    job_external_id: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'requested'"))
    reason: Mapped[str | None]
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    requested_at: Mapped[datetime] = _now()
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
    stored_at: Mapped[datetime] = _now()


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

    id: Mapped[int] = _id()
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
    is_late: Mapped[bool] = _false()
    at: Mapped[datetime | None]
    received_at: Mapped[datetime] = _now()
    last_received_at: Mapped[datetime] = _now()
    next_try_at: Mapped[datetime] = _now()
    settled_at: Mapped[datetime | None]


class HttpValidator(Base):
    """The `ETag` of a URL's last answer that was recorded, for one credential: another gets another."""

    __tablename__ = "http_validators"
    __table_args__ = (Index(None, "source_id"),)

    credential: Mapped[str] = mapped_column(primary_key=True)
    url_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    etag: Mapped[str]
    noted_at: Mapped[datetime] = _now()


class Watch(Base):
    """A pattern that expands into sources, and when it is next looked through; a lease as a source's."""

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("instance_id", "pattern"),)

    id: Mapped[int] = _id()
    instance_id: Mapped[int] = mapped_column(ForeignKey("instances.id"))
    pattern: Mapped[str]
    exclude: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    next_look_at: Mapped[datetime] = _now()
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

    id: Mapped[int] = _id()
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
    requested_at: Mapped[datetime] = _now()
    settled_at: Mapped[datetime | None]


class CollectorError(Base):
    """What went wrong while collecting a source, counted by kind, with the latest example in words."""

    __tablename__ = "collector_errors"

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    seen: Mapped[int] = mapped_column(server_default=text("1"))
    example: Mapped[str]
    first_seen_at: Mapped[datetime] = _now()
    last_seen_at: Mapped[datetime] = _now()


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
    is_complete: Mapped[bool] = _false()
    reason: Mapped[str | None]
    compared_at: Mapped[datetime] = _now()


class Health(Base):
    """How a part of ourselves stands, and when it was last heard of; a change of `status` is an event, told once."""

    __tablename__ = "health"

    id: Mapped[int] = _id()
    subject: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    since: Mapped[datetime] = _now()
    heard_at: Mapped[datetime] = _now()
    reason: Mapped[str | None]
