"""The scheduler process and its collectors: one file a provider, one line here."""

from typing import Any

from collectors.base import BaseCollector
from collectors.github import GitHubCollector

COLLECTORS: dict[str, type[BaseCollector[Any]]] = {
    "github": GitHubCollector,
}
