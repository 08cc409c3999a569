"""Incidents, the rules of who is told, and what became of telling them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, desc, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.incident_status import IncidentStatus
from shared.models.base import Base, false_column, id_column, now_column


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
    is_announced: Mapped[bool] = false_column()
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
        # With all that figures of recovery ask for, so that they read the indexes alone.
        Index("ix_incidents_fixed", "fixed_at", postgresql_include=["pipeline_id", "branch", "opened_at"]),
        Index("ix_incidents_branch_fixed", "branch", "fixed_at", postgresql_include=["pipeline_id", "opened_at"]),
        Index("ix_incidents_branch_newest", "pipeline_id", "branch", desc("opened_at")),
        CheckConstraint(f"status IN ({', '.join(repr(str(word)) for word in IncidentStatus)})", name="status_word"),
        CheckConstraint("(status = 'fixed') = (fixed_at IS NOT NULL)", name="fixed"),
    )

    id: Mapped[int] = id_column()
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
    is_flaky: Mapped[bool] = false_column()
    is_silent: Mapped[bool] = false_column()
    recorded_at: Mapped[datetime] = now_column()


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

    id: Mapped[int] = id_column()
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
    next_try_at: Mapped[datetime] = now_column()
    message: Mapped[dict[str, Any]]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = now_column()
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
    is_reminder: Mapped[bool] = false_column()
    repeat_at: Mapped[datetime | None]
    thread_id: Mapped[int | None]
    is_tried: Mapped[bool] = false_column()


class Thread(Base):
    """One conversation at a receiver that has such: its first message and everything said below it later.

    `reference` is the receiver's own name for it (Slack's channel and timestamp); `next_at` is when more may be said.
    """

    __tablename__ = "threads"

    id: Mapped[int] = id_column()
    receiver: Mapped[str]
    reference: Mapped[dict[str, Any]]
    next_at: Mapped[datetime] = now_column()
    created_at: Mapped[datetime] = now_column()


class ReceiverState(Base):
    """How a receiver stands: when it may hear the next news, how long it asked for peace, why it is switched off.

    `off_settings` is a fingerprint of the settings it had then: other ones switch it on again. `digested_until` is the
    end of what its last digest summed up. `rules_version` are the rules by which its news was held back last.
    """

    __tablename__ = "receiver_states"

    receiver: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime] = now_column()
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
    changed_at: Mapped[datetime] = now_column()


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
    changed_at: Mapped[datetime] = now_column()
    problem: Mapped[str | None]


class Silence(Base):
    """For a while nothing is told of what it matches; `settled_at` is when its end was looked after."""

    __tablename__ = "silences"
    __table_args__ = (
        Index("ix_silences_unsettled", "ends_at", postgresql_where=text("settled_at IS NULL")),
        Index("ix_silences_newest", desc("ends_at"), desc("id")),
        CheckConstraint("starts_at < ends_at", name="order"),
    )

    id: Mapped[int] = id_column()
    matchers: Mapped[dict[str, Any]]
    reason: Mapped[str]
    author: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime] = now_column()
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
    decided_at: Mapped[datetime] = now_column()


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
    decided_at: Mapped[datetime] = now_column()
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

    id: Mapped[int] = id_column()
    kind: Mapped[str]
    subject: Mapped[str]
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("instances.id"))
    reason: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
