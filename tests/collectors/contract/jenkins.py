"""Jenkins for the contract test: a multibranch project on a controller that takes its address for another one."""

from collections.abc import Iterable

from collectors.jenkins import JenkinsSettings
from simulator.ledger import Entry
from tests.collectors.contract.simulated import SimulatedStand, is_since


class JenkinsStand(SimulatedStand):
    """Its list shows the builds of every branch."""

    scope = "team/app"

    def __init__(self) -> None:
        super().__init__()
        self.dialect, self.own_url = self.simulator.jenkins, self.simulator.jenkins_url

    def settings(self, url: str) -> JenkinsSettings:
        user = self.simulator.jenkins_user
        return JenkinsSettings(kind="jenkins", name="ci", base_url=url, username=user, token=self.token)

    def listed(self) -> Iterable[Entry]:
        # What was cancelled in the queue never was a build, and the queue forgets it.
        return [
            entry
            for entry in self.simulator.ledger(provider="jenkins")
            if str(entry["job"]).startswith(f"{self.scope}/")
            and is_since(entry, "queued_at", self.since)
            and not (entry["is_deleted"] or entry["is_corrupt"])
            and not (entry["is_finished"] and str(entry["external_id"]).startswith("queue/"))
        ]

    def has_jobs(self, entry: Entry) -> bool:
        return bool(entry["stages"])


STAND = JenkinsStand
