"""One short writing transaction of a request: a deadline for every statement, instants in UTC."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.reading import STATEMENT_TIMEOUT_SECONDS

_BEGIN = text(f"""
    SELECT set_config('statement_timeout', '{STATEMENT_TIMEOUT_SECONDS}s', true), set_config('TimeZone', 'UTC', true)
""")


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Write within one transaction that cannot last, committed at the end."""
    with Session(engine) as session, session.begin():
        session.execute(_BEGIN)
        yield session
