"""The faults of the list, grouped by what they hit; importing them fills the register."""

from tests.chaos.faults import database, processes, provider, webhooks

__all__ = ["database", "processes", "provider", "webhooks"]
