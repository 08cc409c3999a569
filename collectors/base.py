"""What every collector offers: a provider read into observations, without a database and without a clock."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import BinaryIO, ClassVar, Generic, TypeVar

from collectors.held_builds import HeldBuilds, nothing_held
from collectors.reading import Reading
from shared.config.patterns import Pattern
from shared.config.settings import ProviderSettings
from shared.errors import ProviderError
from shared.found_sources import Found
from shared.http.client import Client, Limits
from shared.http.rate_limit import Budget
from shared.observation import Observation, ObservedJob, Page
from shared.status import Status
from shared.validators import Validators

Settings = TypeVar("Settings", bound=ProviderSettings)

OVERLAP = timedelta(minutes=5)
"""A poll's list begins this far behind the watermark, for builds that appear late."""


class TooManyPages(ProviderError):
    """A list had more pages than one poll reads; what was yielded stands, what lies further back was not seen.

    `is_newest_first`: what was not seen is older than everything that was.
    """

    def __init__(self, message: str, *, is_newest_first: bool = True) -> None:
        self.is_newest_first = is_newest_first
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Check:
    """What trying a source found: sentences for the operator, the cure in them where it failed."""

    is_ok: bool
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """A page of the past: with it, all builds from `reached` on have been told.

    `place` is where to go on below `reached`, in the collector's own words, for one that cannot go by time alone.
    """

    page: Page
    reached: datetime
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCommit:
    """One commit of a range; `parents` are the shas it was made from, the first parent first."""

    sha: str
    parents: tuple[str, ...] = ()
    author: str | None = None
    message: str | None = None
    committed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRange:
    """The commits that are in `head` and not in `base`, oldest first; `reason` says in words why some are missing."""

    commits: tuple[RangeCommit, ...] = ()
    is_complete: bool = True
    reason: str | None = None


class LogForm(StrEnum):
    """What a downloaded log is: text, or a zip of a text file for each job."""

    TEXT = "text"
    ZIP = "zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLog:
    """A log as it was downloaded, in a file that ends with the next one: hostile until `log_unpacking` was over it.

    `job_external_id` is None for what belongs to no job (everything an attempt printed), `name` what people call it.
    `is_complete` is False when the provider says that more will come, `is_cut` when it was larger than we take.
    """

    file: BinaryIO
    form: LogForm = LogForm.TEXT
    job_external_id: str | None = None
    name: str = ""
    is_complete: bool = True
    is_cut: bool = False


LARGEST_LOG_BYTES = 20 * 1024 * 1024
"""Of one job's text; what is longer is cut there, and says so."""

LARGEST_ZIP_BYTES = 100 * 1024 * 1024


class BaseCollector(ABC, Generic[Settings]):
    """Reads one source (`scope`) of one installation (`settings`) through one `client`.

    Every method may raise `RateLimited`, `Unauthorized`, `NotFound`, `Unavailable` or `MalformedPayload`
    (`shared.errors`). A row that makes no sense raises nothing: it comes out as `Unreadable`, and the others go on.
    """

    kind: ClassVar[str]
    settings_class: ClassVar[type[ProviderSettings]]

    words: ClassVar[Mapping[str, Mapping[str, Status]]]
    """The provider's words and ours, by the field that says them: the documentation's tables are made of these."""

    is_serial: ClassVar[bool] = False
    """Whether the provider wants one request of a credential at a time, over all its sources and all our processes."""

    log_secrets: ClassVar[tuple[str, ...]] = ()
    """Regular expressions for secrets that only this provider's logs hold, masked besides all others."""

    def __init__(
        self,
        settings: Settings,
        scope: str,
        client: Client,
        *,
        default_branch: str | None = None,
        held: HeldBuilds = nothing_held,
        validators: Validators | None = None,
    ) -> None:
        """`default_branch` is what `fetch_default_branch` last said, for providers whose builds do not tell it.

        `held` tells which builds are recorded already, for providers whose lists are too dear to be read for nothing;
        `validators` make what did not change since free, where the provider has entity tags.
        """
        self.settings = settings
        self.scope = scope
        self.client = client
        self.default_branch = default_branch
        self.held = held
        self.validators = Validators() if validators is None else validators

    @classmethod
    @abstractmethod
    def open_client(
        cls,
        settings: Settings,
        *,
        on_budget: Callable[[Budget], None] | None = None,
        before_try: Callable[[], None] | None = None,
        limits: Limits | None = None,
    ) -> Client:
        """A client for this installation, its credential read anew; whoever opens it closes it.

        `on_budget` hears the requests left after each answer; `before_try` runs before each request and may raise.
        """

    @classmethod
    @abstractmethod
    def discover(cls, settings: Settings, client: Client, pattern: Pattern) -> Iterator[Found]:
        """What could be collected where a pattern points, whether it matches it or not, as the pages come in.

        What the provider has archived or switched off is left out. Raises TooManyPages after the last page it reads.
        """

    @abstractmethod
    def list_recent_builds(self, since: datetime) -> Iterator[Page]:
        """The builds created or changed since an instant, newest first, a page as soon as it is read.

        May yield older builds too, never one (build, attempt) twice. A build that was created earlier and changed
        since is not promised: open builds are fetched by id. Raises TooManyPages after the last page it reads. No page
        at all means that nothing has changed since the list was recorded last (`validators`).
        """

    def list_active(self) -> Iterator[Page]:
        """Builds said to wait or run, however old: a hint at re-runs that `list_recent_builds` does not show again."""
        yield from ()

    def sweep(self, place: int, since: datetime) -> tuple[Page, int]:  # noqa: ARG002 (most need none)
        """One more page of the past, for providers whose lists do not bring an old build back when it is run again.

        Returns the page and the place of the next one, which is 0 when all since that instant has been seen.
        """
        return Page(), 0

    @abstractmethod
    def list_builds_between(self, since: datetime, until: datetime, place: str | None = None) -> Iterator[Past]:
        """The builds from `since` up to `until`, the newest first: a page, and how far back everything is told.

        A backfill that was broken off goes on with the `reached` it had as `until`, and with its `place`. The last
        page's `reached` is `since`. GitLab counts by the last change, the others by creation.
        """

    def fetch_commits_between(self, base_sha: str, head_sha: str) -> CommitRange | None:  # noqa: ARG002 (not all can)
        """The commits in `head_sha` that are not in `base_sha`, 250 at most; None where the provider has no such call.

        Raises NotFound when the provider does not know one of the two, or no longer.
        """
        return None

    @abstractmethod
    def fetch_build(self, external_id: str, attempt: int | None = None) -> Observation:
        """One build as it stands now, its latest attempt unless one is named; `jobs` is None if they cost more."""

    def fetch_attempts(self, external_id: str, attempt: int | None = None) -> tuple[Observation, ...]:
        """What one look at a build tells: the attempt asked for, or all of them where the provider tells all at once.

        Empty where the build would not hold still; it is looked at again in the next poll.
        """
        return (self.fetch_build(external_id, attempt),)

    @abstractmethod
    def fetch_jobs(self, external_id: str, attempt: int) -> tuple[ObservedJob, ...]:
        """The complete list of an attempt's jobs, in the provider's order."""

    @abstractmethod
    def with_jobs(self, observation: Observation, jobs: tuple[ObservedJob, ...]) -> Observation:
        """The observation completed by its attempt's jobs: what they tell better than the build itself. Pure."""

    @abstractmethod
    def fetch_log(self, external_id: str, attempt: int, job_external_id: str | None) -> Iterator[RawLog]:
        """What a job printed (None: everything the attempt did), one file after another.

        Raises NotFound in words a reader understands when the provider has no such log, or no longer.
        """

    @classmethod
    @abstractmethod
    def read(cls, payload: object, url: str | None = None) -> Reading:
        """Whatever this provider sent, webhook or answer, read without asking anybody: `observatory observe`. Pure.

        `url` is the address that answered with it, or merely the installation's; by default the payload's own links
        say where it is from. `<kind>_reading.parse_any` does the work.
        """

    @abstractmethod
    def fetch_default_branch(self) -> str | None:
        """The branch whose health counts, None where the provider knows none; one request, true for about a day."""

    @abstractmethod
    def check(self) -> Check:
        """Try the credential on this source: raises nothing of `ProviderError`, says everything in words."""
