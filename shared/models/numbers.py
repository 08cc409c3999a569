"""What figures, flake lists and search are read from, so that none of them scans builds."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    desc,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from shared.models.base import Base, now_column

metric_changes = Table(
    "metric_changes",
    Base.metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("pipeline_id", BigInteger, nullable=False),
    Column("branch", Text),
    Column("queued_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False),
    Column("cancel_reason", Text),
    Column("builds", SmallInteger, nullable=False),
    Column("first_tries", SmallInteger, nullable=False),
    Column("duration_ms", BigInteger),
    Column("queued_ms", BigInteger),
    postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
)
"""How recording and planning changed what builds and incidents add up to, until the scheduler adds it to
`metric_cells`; without a key.

`builds` and `first_tries` are +1 or -1: this build, by its latest attempt, and this build's first attempt ended with
this status. Durations go with `builds`. A row of zeros says only that an attempt's verdict came. Of incidents
`build_id` is 0, `status` is `opened` or `fixed`, and `builds` says how many more or fewer did so at that instant; what
else it holds is in `shared.metrics.contributions`.
"""


class MetricCell(Base):
    """What the finished builds of one scope, branch class and span of time add up to, by status; and the incidents.

    The span, `grain`, is an hour, a quarter of a day (of the wide scopes only), a day, a week, eight weeks, or all
    time. The codes are `shared.metrics.cells`' enums; `status` is its rank. `builds` counts builds whose latest attempt
    ended so, `first_tries` those whose first attempt did, `flaky` those that passed right after a failure of the same
    commit (with the succeeded). `timed` and `waited` count those whose duration, whose wait in the queue is known.
    Histograms are pairs of arrays: bins (`shared.metrics.histogram`), ascending, and how many lie in each; NULL when
    empty. Two codes are no status: of incidents that opened in the span, and of those that ended in it, `builds` is how
    many there are, `queued_ms` the sum of these instants and `duration_ms` of how long they lasted.
    """

    __tablename__ = "metric_cells"
    __table_args__ = ({"postgresql_with": {"fillfactor": 80}},)

    scope: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    scope_id: Mapped[int] = mapped_column(primary_key=True)
    grain: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    branch_class: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    status: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    cancel_reason: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    builds: Mapped[int] = mapped_column(Integer)
    first_tries: Mapped[int] = mapped_column(Integer)
    flaky: Mapped[int] = mapped_column(Integer)
    timed: Mapped[int] = mapped_column(Integer)
    waited: Mapped[int] = mapped_column(Integer)
    duration_ms: Mapped[int]
    queued_ms: Mapped[int]
    duration_bins: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    duration_counts: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    queued_bins: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    queued_counts: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))


class MetricMember(Base):
    """A pipeline whose builds are counted in `metric_cells`, and as whose.

    One without a row is new: all that is known of it is in `metric_changes`. Of one that was on record before figures
    were kept `is_counted` is false until its builds are counted: no figure holds any of them until then.
    """

    __tablename__ = "metric_members"
    __table_args__ = (Index("ix_metric_members_uncounted", "pipeline_id", postgresql_where=text("NOT is_counted")),)

    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"), primary_key=True)
    instance_id: Mapped[int]
    project_id: Mapped[int]
    repository_id: Mapped[int | None]
    default_branch: Mapped[str | None]
    is_counted: Mapped[bool] = mapped_column(server_default=true())


class Flake(Base):
    """A build in which a commit passed right after it had failed: in an attempt before, or in the build before.

    Attempts of one pipeline, branch, event and commit follow one another by `queued_at`, build and number.
    """

    __tablename__ = "flakes"
    __table_args__ = (
        Index("ix_flakes_newest", desc("queued_at"), desc("build_id")),
        Index("ix_flakes_pipeline_newest", "pipeline_id", desc("queued_at"), desc("build_id")),
    )

    build_id: Mapped[int] = mapped_column(ForeignKey("builds.id"), primary_key=True)
    pipeline_id: Mapped[int]
    branch: Mapped[str | None]
    commit_sha: Mapped[str]
    queued_at: Mapped[datetime]
    passed_attempt: Mapped[int] = mapped_column(Integer)
    failed_build_id: Mapped[int]
    failed_attempt: Mapped[int] = mapped_column(Integer)
    recorded_at: Mapped[datetime] = now_column()


class BuildSearch(Base):
    """The words of a build: pipeline, repository, branch, commit, author, message.

    Each word bears the eight hours in which the build was queued in front (`shared.search`), so that a search walks
    from the newest builds on and never gathers a common word's every build. Every step of that walk reads GIN's list of
    pending words first, so whoever writes words sorts them in before the commit (`shared.recorder_words`).
    """

    __tablename__ = "build_search"
    __table_args__ = (Index("ix_build_search_words", "words", postgresql_using="gin"),)

    build_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    queued_at: Mapped[datetime]
    words: Mapped[str] = mapped_column(TSVECTOR)
