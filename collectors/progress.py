"""What one poll has learnt and spent so far."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.http.rate_limit import Budget
from shared.observation import Observation
from shared.recorder import Recorded
from shared.validators import Validators

LEARNT_FOR = timedelta(days=1)
NEWEST_COST = 0.5
"""How much the latest poll counts in what a list is said to cost."""


@dataclass
class Progress:
    """What one poll has learnt so far; `cursor` is written when the source is given back.

    `unchanged` are open builds that stand as they are recorded, because the list that shows them is "not modified".
    """

    cursor: dict[str, Any]
    budget: Budget | None
    is_anonymous: bool
    validators: Validators
    is_listed: bool = False
    requests: int = 0
    has_more: bool = False
    seen: dict[str, Observation] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    recorded: Recorded = field(default_factory=Recorded)

    @property
    def spent(self) -> int:
        """The requests that count against the budget: "not modified" is free for whoever has a credential."""
        return self.requests - (0 if self.is_anonymous else self.validators.free)

    def newest_change(self, now: datetime) -> datetime:
        """When the provider says that one of the builds this poll saw changed last; not later than now."""
        changes = (each.finished_at or each.started_at or each.queued_at for each in self.seen.values())
        return min(now, max(changes, default=now))

    def instant(self, key: str) -> datetime | None:
        """An instant that the cursor holds."""
        return datetime.fromisoformat(self.cursor[key]) if key in self.cursor else None

    def is_old(self, key: str, now: datetime) -> bool:
        """Whether what was learnt then has to be learnt anew, about once a day."""
        learnt_at = self.instant(key)
        return learnt_at is None or learnt_at < now - LEARNT_FOR

    def note_cost(self) -> None:
        """Keep what this source's list costs a poll; the first collection is read once, what follows is free by tag."""
        before: float | None = self.cursor.get("cost")
        if before is None:
            self.cursor["cost"] = 0.0 if self.validators.settled and not self.is_anonymous else 1.0
        else:
            self.cursor["cost"] = round(before + NEWEST_COST * (self.spent - before), 3)
