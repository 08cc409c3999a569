"""What there is on the simulated controller: folders, multibranch projects, jobs, and what becomes of builds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The classes of items, as `_class` names them."""

    ROOT = "hudson.model.Hudson"
    FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
    ORGANIZATION = "jenkins.branch.OrganizationFolder"
    MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
    PIPELINE = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
    FREESTYLE = "hudson.model.FreeStyleProject"


class Fate(StrEnum):
    """What becomes of a build."""

    PASSES = "passes"
    FAILS = "fails"
    UNSTABLE = "unstable"
    WORSENS = "worsens"  # UNSTABLE is set while it still builds, FAILURE in the end
    ABORTED = "aborted"
    TIMES_OUT = "times_out"  # ends as ABORTED, and an action tells why
    NOT_BUILT = "not_built"
    NO_RESULT = "no_result"
    PAUSED = "paused"  # waits for a person before its last stage
    LEAVES_QUEUE = "leaves_queue"  # cancelled before it got a number


_USUAL: Mapping[Fate, int] = {
    Fate.PASSES: 10,
    Fate.FAILS: 4,
    Fate.UNSTABLE: 3,
    Fate.WORSENS: 2,
    Fate.ABORTED: 2,
    Fate.TIMES_OUT: 1,
    Fate.NOT_BUILT: 1,
    Fate.LEAVES_QUEUE: 1,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One job that holds builds. `name` is as Jenkins names it: a branch's is percent-encoded.

    From slot `recreated_from` on the job is another one of the same name, whose numbers begin anew; at `jumps_from` its
    next number was set by hand. A corrupt slot's record is damaged some minutes after the build is over.
    """

    full_name: str
    kind: Kind
    stages: tuple[str, ...] = ()
    weights: Mapping[Fate, int] | None = None
    recreated_from: int | None = None
    jumps_from: int | None = None
    corrupt_each: int | None = None
    upstream: str | None = None
    is_primary: bool = False

    @property
    def fates(self) -> Mapping[Fate, int]:
        """How often each fate is drawn."""
        return self.weights or _USUAL


_STAGES = ("Checkout", "Build", "Test")

FOLDERS: Mapping[str, Kind] = {
    "team": Kind.FOLDER,
    "team/app": Kind.MULTIBRANCH,
    "team/tools": Kind.FOLDER,
    "org": Kind.ORGANIZATION,
    "org/service": Kind.MULTIBRANCH,
    "empty": Kind.FOLDER,
}

PLANS = (
    Plan("nightly", Kind.FREESTYLE, weights={Fate.UNSTABLE: 3, Fate.PASSES: 2, Fate.NO_RESULT: 1}),
    Plan("team/app/main", Kind.PIPELINE, _STAGES, is_primary=True),
    Plan("team/app/feature%2Fcheckout-v2", Kind.PIPELINE, _STAGES),
    Plan("team/app/fix%2Fgr%C3%B6%C3%9Fe", Kind.PIPELINE, _STAGES),
    Plan("team/app/PR-17", Kind.PIPELINE, _STAGES),
    Plan("team/legacy", Kind.FREESTYLE, recreated_from=3),
    Plan(
        "team/tools/Deploy to staging",
        Kind.PIPELINE,
        ("Fetch", "Approve", "Roll out"),
        {Fate.PAUSED: 2, Fate.PASSES: 2, Fate.FAILS: 1},
        upstream="team/app/main",
    ),
    Plan("org/service/main", Kind.PIPELINE, _STAGES, is_primary=True),
    Plan("records", Kind.FREESTYLE, weights={Fate.PASSES: 1}, corrupt_each=3),
    Plan("jumps", Kind.PIPELINE, _STAGES, jumps_from=2),
)
