"""GitHub for the contract test: a repository with some days of every story there is."""

from collections.abc import Iterable

from collectors.github import GitHubSettings
from simulator.ledger import Entry
from tests.collectors.contract.simulated import SimulatedStand, is_since


class GitHubStand(SimulatedStand):
    """Its list shows the latest attempt of each run; earlier ones are fetched by id."""

    def __init__(self) -> None:
        super().__init__()
        self.dialect, self.own_url = self.simulator.github, self.simulator.url
        self.scope = self.simulator.repositories[0]

    def settings(self, url: str) -> GitHubSettings:
        return GitHubSettings(kind="github", name="github.com", base_url=url, token=self.token, page_size=5)

    def listed(self) -> Iterable[Entry]:
        ours = (entry for entry in self.simulator.ledger() if entry["repository"] == self.scope)
        return {entry["external_id"]: entry for entry in ours if is_since(entry, "created_at", self.since)}.values()


STAND = GitHubStand
