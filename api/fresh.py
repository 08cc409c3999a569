"""What an answer says about its own freshness: the stale sources it depends on."""

from sqlalchemy.orm import Session

from shared.freshness import stale_sources
from shared.rows import Row
from shared.scope import Scope

SHOWN = 50


def staleness(session: Session, scope: Scope) -> Row:
    """`stale_sources` of an answer: longest silent first; `/api/sources` has those past fifty."""
    return {"stale_sources": stale_sources(session, scope, limit=SHOWN)}
