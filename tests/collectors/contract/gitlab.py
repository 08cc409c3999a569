"""GitLab for the contract test: a project with children, retries, manual jobs and warnings."""

from collections.abc import Iterable

from collectors.gitlab import GitLabSettings
from simulator.ledger import Entry
from tests.collectors.contract.simulated import SimulatedStand, is_since


class GitLabStand(SimulatedStand):
    """Its list shows every attempt of each pipeline that changed."""

    def __init__(self) -> None:
        super().__init__()
        self.dialect, self.own_url = self.simulator.gitlab, self.simulator.gitlab_url
        self.scope = self.simulator.gitlab_projects[0]

    def settings(self, url: str) -> GitLabSettings:
        return GitLabSettings(kind="gitlab", name="gitlab.com", base_url=url, token=self.token, page_size=5)

    def listed(self) -> Iterable[Entry]:
        ours = [entry for entry in self.simulator.ledger(provider="gitlab") if entry["repository"] == self.scope]
        changed = {entry["external_id"] for entry in ours if is_since(entry, "updated_at", self.since)}
        return [entry for entry in ours if entry["external_id"] in changed]


STAND = GitLabStand
