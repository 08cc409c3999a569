"""The scheduler process and its collectors: one file a provider, one line here."""

from typing import Any

from collectors.base import BaseCollector
from collectors.github import GitHubCollector
from collectors.gitlab import GitLabCollector
from collectors.jenkins import JenkinsCollector

COLLECTORS: dict[str, type[BaseCollector[Any]]] = {
    "github": GitHubCollector,
    "gitlab": GitLabCollector,
    "jenkins": JenkinsCollector,
}
