"""What every collector offers: a provider read into observations, without a database and without a clock."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from shared.config.settings import ProviderSettings
from shared.errors import ProviderError
from shared.http.client import Client
from shared.http.rate_limit import Budget
from shared.observation import Observation, ObservedJob, Page

Settings = TypeVar("Settings", bound=ProviderSettings)


class TooManyPages(ProviderError):
    """A list had more pages than one poll reads; what was yielded stands, what lies further back was not seen."""


@dataclass(frozen=True, slots=True)
class Check:
    """What trying a source found: sentences for the operator, the cure in them where it failed."""

    is_ok: bool
    words: tuple[str, ...]


class BaseCollector(ABC, Generic[Settings]):
    """Reads one source (`scope`) of one installation (`settings`) through one `client`.

    Every method may raise `RateLimited`, `Unauthorized`, `NotFound`, `Unavailable` or `MalformedPayload`
    (`shared.errors`). A row that makes no sense raises nothing: it comes out as `Unreadable`, and the others go on.
    """

    kind: ClassVar[str]
    settings_class: ClassVar[type[ProviderSettings]]

    def __init__(self, settings: Settings, scope: str, client: Client, *, default_branch: str | None = None) -> None:
        """`default_branch` is what `fetch_default_branch` last said, for providers whose builds do not tell it."""
        self.settings = settings
        self.scope = scope
        self.client = client
        self.default_branch = default_branch

    @classmethod
    @abstractmethod
    def open_client(
        cls,
        settings: Settings,
        *,
        on_budget: Callable[[Budget], None] | None = None,
        before_try: Callable[[], None] | None = None,
    ) -> Client:
        """A client for this installation, its credential read anew; whoever opens it closes it.

        `on_budget` hears the requests left after each answer; `before_try` runs before each request and may raise.
        """

    @abstractmethod
    def list_recent_builds(self, since: datetime) -> Iterator[Page]:
        """The builds created or changed since an instant, newest first, a page as soon as it is read.

        May yield older builds too, never one (build, attempt) twice. A build that was created earlier and changed
        since is not promised: open builds are fetched by id. Raises TooManyPages after the last page it reads.
        """

    def sweep(self, place: int, since: datetime) -> tuple[Page, int]:  # noqa: ARG002 (most need none)
        """One more page of the past, for providers whose lists do not bring an old build back when it is run again.

        Returns the page and the place of the next one, which is 0 when all since that instant has been seen.
        """
        return Page(), 0

    @abstractmethod
    def fetch_build(self, external_id: str, attempt: int | None = None) -> Observation:
        """One build as it stands now, its latest attempt unless one is named; without jobs."""

    @abstractmethod
    def fetch_jobs(self, external_id: str, attempt: int) -> tuple[ObservedJob, ...]:
        """The complete list of an attempt's jobs, in the provider's order."""

    @abstractmethod
    def with_jobs(self, observation: Observation, jobs: tuple[ObservedJob, ...]) -> Observation:
        """The observation completed by its attempt's jobs: what they tell better than the build itself. Pure."""

    @abstractmethod
    def fetch_default_branch(self) -> str | None:
        """The branch whose health counts, None where the provider knows none; one request, true for about a day."""

    @abstractmethod
    def check(self) -> Check:
        """Try the credential on this source: raises nothing of `ProviderError`, says everything in words."""
