"""How far OpenTelemetry's receiver was told of our builds."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Integer, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.models.base import Base, now_column


class Telemetry(Base):
    """The one row that says up to which event of the log runs were sent, and how that goes.

    `fence` grows with every claim; a settle that carries an older one is refused. `failures` counts those in a row.
    `sent` and `dropped` count runs: taken, and refused for good; `metrics_dropped` those taken whose metrics were not.
    `active_told_at` is when the open ones were last told, and `active_told` which labels may stand above nought there.
    """

    __tablename__ = "telemetry"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    pos: Mapped[int]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    lease_until: Mapped[datetime | None]
    next_try_at: Mapped[datetime] = now_column()
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str | None]
    last_sent_at: Mapped[datetime | None]
    active_told_at: Mapped[datetime | None]
    active_told: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    sent: Mapped[int] = mapped_column(server_default=text("0"))
    dropped: Mapped[int] = mapped_column(server_default=text("0"))
    metrics_dropped: Mapped[int] = mapped_column(server_default=text("0"))
