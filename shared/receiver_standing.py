"""The receivers in force as one list: on, switched off, or not to be opened, each with since when and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shared import alert_rules
from shared.alert_rules import StoredRule, Table
from shared.rows import Row, rows


@dataclass(frozen=True, slots=True)
class ReceiverStanding:
    """How one receiver stands.

    `state` is `on`, `failing` (what it is to be told it did not take at the last try, and is tried again), `off` (it
    refused for good) or `closed` (it cannot be opened here).
    """

    name: str
    kind: str
    state: str
    last_sent_at: datetime | None
    reason: str | None


# Of what waits for another try the message that was tried most; those that nothing was tried of have no error.
_FAILING = """
    SELECT DISTINCT ON (receiver) receiver, tries, last_error FROM deliveries
    WHERE state = 'pending' AND last_error IS NOT NULL ORDER BY receiver, tries DESC, id
"""


def receivers(session: Session) -> tuple[ReceiverStanding, ...]:
    """Every receiver in force, in the order of its rules; three statements."""
    states = alert_rules.standing(session)
    failing = {str(row["receiver"]): row for row in rows(session, _FAILING)}
    rules = alert_rules.in_force(session, Table.RECEIVERS)
    return tuple(_stands(rule, states.get(rule.name, {}), failing.get(rule.name)) for rule in rules)


def _stands(rule: StoredRule, state: Row, failing: Row | None) -> ReceiverStanding:
    off_since, off_reason, sent = state.get("off_since"), state.get("off_reason"), state.get("last_sent_at")
    word, reason = "on", None
    if rule.problem is not None:
        word, reason = "closed", rule.problem
    elif off_since is not None:
        word, reason = "off", str(off_reason)
    elif failing is not None:
        tries = "1 try" if failing["tries"] == 1 else f"{failing['tries']} tries"
        word, reason = "failing", f"{failing['last_error']}; after {tries} it is tried again"
    last_sent_at = sent if isinstance(sent, datetime) else None
    return ReceiverStanding(rule.name, str(rule.settings.get("kind", "")), word, last_sent_at, reason)
