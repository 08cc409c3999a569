"""Open builds that the provider did not show when they were asked for by id, until they are read again."""

from collections.abc import Iterable

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors.follow_up import Want
from collectors.held_source import HeldSource

_DOUBTED = text(f"SELECT DISTINCT external_id FROM quarantine WHERE source_id = :source AND kind = '{Want.OPEN}'")

_FORGET = text(f"""
    DELETE FROM quarantine WHERE source_id = :source AND kind = '{Want.OPEN}' AND external_id = ANY(:builds)
""")


class Doubted:
    """What is noted of one source's absent builds at the beginning of a poll: one read, and no write without need."""

    def __init__(self, engine: Engine, held: HeldSource, source_id: int) -> None:
        self._held = held
        self._source_id = source_id
        with Session(engine) as session:
            self._builds = frozenset(session.scalars(_DOUBTED, {"source": source_id}))

    def were_read(self, external_ids: Iterable[str]) -> None:
        """Forget the notes on these builds: they are there, and a later absence begins anew as the first one."""
        shown = self._builds.intersection(external_ids)
        if shown:
            with self._held.transaction() as session:
                session.execute(_FORGET, {"source": self._source_id, "builds": list(shown)})
