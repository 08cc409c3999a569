"""The receivers in force as one list: on, switched off, or not to be opened, each with since when and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shared import alert_rules
from shared.alert_rules import StoredRule, Table
from shared.rows import Row


@dataclass(frozen=True, slots=True)
class ReceiverStanding:
    """How one receiver stands; `state` is `on`, `off` (it refused for good) or `closed` (it cannot be opened here)."""

    name: str
    kind: str
    state: str
    last_sent_at: datetime | None
    reason: str | None


def receivers(session: Session) -> tuple[ReceiverStanding, ...]:
    """Every receiver in force, in the order of its rules; two statements."""
    states = alert_rules.standing(session)
    return tuple(_stands(rule, states.get(rule.name, {})) for rule in alert_rules.in_force(session, Table.RECEIVERS))


def _stands(rule: StoredRule, state: Row) -> ReceiverStanding:
    off_since, off_reason, sent = state.get("off_since"), state.get("off_reason"), state.get("last_sent_at")
    word = "closed" if rule.problem is not None else "off" if off_since is not None else "on"
    reason = rule.problem or (str(off_reason) if off_since is not None else None)
    last_sent_at = sent if isinstance(sent, datetime) else None
    return ReceiverStanding(rule.name, str(rule.settings.get("kind", "")), word, last_sent_at, reason)
