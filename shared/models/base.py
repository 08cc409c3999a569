"""The declarative base: naming convention, column types, and what several tables share."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, DateTime, Float, Identity, LargeBinary, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

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


def id_column() -> Mapped[int]:
    """Our own id, given by the database."""
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


def now_column() -> Mapped[datetime]:
    """The instant at which the row is written."""
    return mapped_column(DateTime(timezone=True), server_default=text("clock_timestamp()"))


def false_column() -> Mapped[bool]:
    """A flag that is down unless raised."""
    return mapped_column(server_default=text("false"))


def status_check(column: str) -> CheckConstraint:
    """The column holds one of the nine."""
    words = ", ".join(f"'{status}'" for status in Status)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_word")
