"""What a provider was seen to say about one attempt of one build at one moment, in our words.

Collectors make observations, the recorder merges them; neither knows the other. All instants are aware UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from shared.status import CancelReason, Status

MergeKey = tuple[int, int, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(instant: datetime | None) -> int:
    """An instant as integer microseconds since 1970, exactly; an unknown instant sorts before every known one."""
    if instant is None:
        return -(2**62)
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def finished_first(is_finished: bool, instant: datetime | None, status: Status) -> MergeKey:
    """The merge key where finished is final within an attempt (GitHub, Jenkins)."""
    return (int(is_finished), microseconds(instant), status.rank)


def latest_first(is_finished: bool, instant: datetime | None, status: Status) -> MergeKey:
    """The merge key where an attempt may re-open, so that the provider's clock decides first (GitLab)."""
    return (microseconds(instant), int(is_finished), status.rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedJob:
    """One job (or stage) of an attempt.

    `merge_key` orders observations of the same job exactly as it does for attempts.
    """

    external_id: str
    name: str
    status: Status
    raw_status: str
    is_finished: bool
    merge_key: MergeKey
    stage: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    runner: str | None = None
    web_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentBuild:
    """The build of the same instance that started this one, by the provider's ids."""

    pipeline_external_id: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One attempt of one build as seen once.

    Identity is (instance, pipeline_external_id, external_id, attempt). Everything that says how the attempt stands
    moves together from the observation with the greatest `merge_key`; the descriptive fields only fill what was
    unknown. `queued_at` is the provider's creation instant of the *build* and never moves once recorded.

    `is_finish_guessed` is a property of the provider, not of the moment: True where the API has no finish instant
    (GitHub) and `finished_at` is an upper bound; the recorder keeps the earliest guess and computes the duration as
    `finished_at - started_at`. `jobs` is None when this observation says nothing about jobs, and the *complete* list
    of the attempt's jobs otherwise. `formerly` is the external id under which the provider showed this build before it
    got its own (a queue item of Jenkins): both are one build. `problems` are the things that looked wrong and were read
    around, in words.
    """

    provider: str
    pipeline_external_id: str
    pipeline_name: str
    external_id: str
    status: Status
    raw_status: str
    is_finished: bool
    merge_key: MergeKey
    queued_at: datetime
    attempt: int = 1
    number: int | None = None
    is_unstable: bool = False
    cancel_reason: CancelReason | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    is_finish_guessed: bool = False
    duration_seconds: float | None = None
    queued_seconds: float | None = None
    web_url: str | None = None
    pipeline_url: str | None = None
    default_branch: str | None = None
    repository_external_id: str | None = None
    repository_name: str | None = None
    repository_url: str | None = None
    branch: str | None = None
    commit_sha: str | None = None
    commit_message: str | None = None
    commit_author: str | None = None
    committed_at: datetime | None = None
    author: str | None = None
    event: str | None = None
    progress: float | None = None
    formerly: str | None = None
    parent: ParentBuild | None = None
    jobs: tuple[ObservedJob, ...] | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """One row of a provider's answer that could not become an observation, and why; it goes to quarantine."""

    kind: str
    external_id: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one answer of a provider yielded: observations to record and rows to quarantine.

    `watermark` is the provider's instant from which the next list may begin once all pages are recorded; None means the
    newest `queued_at` of the page's builds. `elsewhere` are builds of pipelines that another source reads, told here
    because only here their parent shows; their pipelines stay with their own source.
    """

    observations: tuple[Observation, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    watermark: datetime | None = None
    elsewhere: tuple[Observation, ...] = ()
