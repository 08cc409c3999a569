"""The faults of the list, grouped by what they hit; importing them fills the register."""

from tests.chaos.faults import alerts, database, news, processes, provider, webhooks

__all__ = ["alerts", "database", "news", "processes", "provider", "webhooks"]
