"""Jenkins' builds, queue items and stages read into observations: pure functions, the same for polls and webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collectors.fields import MESSAGE, Fields
from collectors.jenkins_actions import (
    Revision,
    read_cancel_reason,
    read_queued_seconds,
    read_revision,
    read_start,
)
from collectors.jenkins_status import Standing, class_name, read_stage, read_standing
from collectors.jenkins_tree import CORRUPT, Place, build_id
from shared.observation import Observation, ObservedJob, Unreadable, finished_first
from shared.status import Status

BUILD = (
    "number,result,building,timestamp,duration,estimatedDuration,queueId,"
    "actions[causes[shortDescription,userId,userName,upstreamProject,upstreamBuild],"
    "lastBuiltRevision[SHA1,branch[name]],remoteUrls,queuingDurationMillis,queuingTimeMillis],"
    "changeSet[items[commitId,msg,timestamp,author[fullName]]{0,20}],"
    "changeSets[items[commitId,msg,timestamp,author[fullName]]{0,20}]"
)
"""What is asked of a build; a core that does not know a name leaves it out."""

QUEUE_ITEM = (
    "id,inQueueSince,blocked,buildable,buildableStartMilliseconds,cancelled,task[name,url],executable[number,url],"
    "actions[causes[shortDescription,userId,userName,upstreamProject,upstreamBuild]]"
)

_LONGEST_MILLIS = 10 * 365 * 86_400_000
_NO_QUEUE_ID = -1
"""What a build says whose queue item was never known."""


@dataclass(frozen=True, slots=True)
class Left:
    """A queue item that got its number: the build it became."""

    queue_id: str
    number: int


def parse_build(
    payload: object, place: Place, base_url: str, *, seen_at: datetime | None = None, default_branch: str | None = None
) -> Observation | Unreadable:
    """A build of a list or by itself; `seen_at` is the answer's `Date`, by which looks at a running build are ordered.

    Its finish is `timestamp + duration`, both of which Jenkins tells; the executor's own start it does not export.
    """
    build = Fields(payload)
    number, started_at = build.whole("number", smallest=1), build.epoch("timestamp")
    if number is None or started_at is None:
        # Core reloads damaged records with timestamp 0: never let one stand for the build it once was.
        return Unreadable(kind="build", external_id=f"{place.full_name}/{number or '?'}", reason=CORRUPT)
    standing, actions = read_standing(build), build.listed("actions")
    millis = build.whole("duration", largest=_LONGEST_MILLIS) if standing.is_finished else None
    finished_at = None if millis is None else started_at + timedelta(milliseconds=millis)
    instant = (finished_at if standing.is_finished else seen_at) or started_at
    queue_id, start = build.whole("queueId", smallest=_NO_QUEUE_ID) or _NO_QUEUE_ID, read_start(actions)
    observation = Observation(
        provider="jenkins",
        pipeline_external_id=place.pipeline,
        pipeline_name=place.pipeline,
        external_id=build_id(place, number, build.whole("timestamp") or 0),
        number=number,
        status=standing.status,
        raw_status=standing.raw,
        is_finished=standing.is_finished,
        is_unstable=standing.is_unstable,
        cancel_reason=read_cancel_reason(actions) if standing.status is Status.CANCELLED else None,
        merge_key=finished_first(standing.is_finished, instant, standing.status),
        queued_at=started_at,
        started_at=started_at,
        finished_at=finished_at,
        duration_seconds=None if millis is None else millis / 1000,
        queued_seconds=read_queued_seconds(actions),
        progress=None if standing.is_finished else _progress(build, started_at, seen_at),
        web_url=f"{base_url}{place.path}/{number}/",
        pipeline_url=pipeline_url(place, base_url),
        author=start.author,
        event=start.event,
        formerly=None if queue_id == _NO_QUEUE_ID else f"queue/{queue_id}",
    )
    described = _built(observation, build, read_revision(actions, place.branch), place, default_branch)
    return replace(described, problems=tuple(dict.fromkeys(build.problems)))


def parse_queue_item(
    payload: object, place: Place, base_url: str, *, seen_at: datetime | None = None
) -> Observation | Left | Unreadable:
    """An item of the queue, waiting, cancelled, or gone to be a build; `place` is the job it waits to run."""
    item = Fields(payload)
    queue_id, queued_at = item.identifier("id"), item.epoch("inQueueSince")
    if queue_id is None or queued_at is None:
        reason = "a queue item without a usable id or inQueueSince"
        return Unreadable(kind="queue item", external_id=queue_id, reason=reason)
    number = item.inside("executable").whole("number", smallest=1)
    if number is not None:
        return Left(queue_id, number)
    standing, start = _queue_standing(item), read_start(item.listed("actions"))
    # The word changes as it waits on; each kind of item tells since when it is one.
    since = queued_at if standing.is_finished else item.epoch("buildableStartMilliseconds") or queued_at
    return Observation(
        provider="jenkins",
        pipeline_external_id=place.pipeline,
        pipeline_name=place.pipeline,
        external_id=f"queue/{queue_id}",
        status=standing.status,
        raw_status=standing.raw,
        is_finished=standing.is_finished,
        merge_key=finished_first(standing.is_finished, since, standing.status),
        queued_at=queued_at,
        # Nobody tells when it was cancelled; by the time of this look it was.
        finished_at=(seen_at or queued_at) if standing.is_finished else None,
        is_finish_guessed=standing.is_finished,
        web_url=f"{base_url}{place.path}/",
        pipeline_url=pipeline_url(place, base_url),
        branch=place.branch,
        author=start.author,
        event=start.event,
        problems=tuple(dict.fromkeys(item.problems)),
    )


def parse_stages(payload: object) -> tuple[ObservedJob, ...]:
    """The stages of the stage view's description of a build, in order; one without an id is left out."""
    described = Fields(payload)
    parsed = (_stage(stage) for stage in described.listed("stages"))
    return tuple(stage for stage in parsed if stage is not None)


def is_paused(payload: object) -> bool:
    """Whether the stage view says that a person is waited for; the build itself only says that it is building."""
    return read_stage(Fields(payload)).status is Status.BLOCKED


def as_paused(observation: Observation) -> Observation:
    """A running build that waits for a person."""
    _, instant, _ = observation.merge_key
    return replace(
        observation,
        status=Status.BLOCKED,
        raw_status="PAUSED_PENDING_INPUT",
        merge_key=(0, instant, Status.BLOCKED.rank),
    )


def pipeline_url(place: Place, base_url: str) -> str:
    """The page of a pipeline: of a branch job the multibranch project's."""
    return f"{base_url}{Place(place.pipeline, place.pipeline).path}/"


def _built(
    observation: Observation, build: Fields, revision: Revision, place: Place, default_branch: str | None
) -> Observation:
    commit = _commit(build, revision.sha)
    return replace(
        observation,
        branch=revision.branch,
        # A job that is no multibranch project's has one health: that of whatever it builds.
        default_branch=default_branch if place.branch is not None else revision.branch,
        commit_sha=revision.sha,
        commit_message=commit.text("msg", MESSAGE),
        commit_author=commit.inside("author").text("fullName"),
        committed_at=commit.epoch("timestamp") if (commit.whole("timestamp", smallest=-1) or 0) > 0 else None,
        repository_external_id=revision.repository_id,
        repository_name=revision.repository_name,
    )


def _commit(build: Fields, sha: str | None) -> Fields:
    """The change that was built, where it is among the changes since the build before."""
    sets = (*build.listed("changeSets"), build.inside("changeSet"))
    items = (item for changes in sets for item in changes.listed("items"))
    return next((item for item in items if sha is not None and item.text("commitId") == sha), Fields(None))


def _progress(build: Fields, started_at: datetime, seen_at: datetime | None) -> float | None:
    """How far it should be by Jenkins' own estimate, which is -1 where there is none."""
    estimated = build.whole("estimatedDuration", smallest=-1, largest=_LONGEST_MILLIS) or 0
    if seen_at is None or estimated <= 0:
        return None
    return min(1.0, max(0.0, (seen_at - started_at).total_seconds() * 1000 / estimated))


def _queue_standing(item: Fields) -> Standing:
    if item.flag("cancelled"):
        return Standing(Status.CANCELLED, "cancelled in the queue", is_finished=True)
    word = "BlockedItem" if item.flag("blocked") else "BuildableItem" if item.flag("buildable") else "WaitingItem"
    return Standing(Status.QUEUED, class_name(item) or word, is_finished=False)


def _stage(stage: Fields) -> ObservedJob | None:
    external_id = stage.text("id")
    if external_id is None:
        return None
    standing = read_stage(stage)
    started_at = stage.epoch("startTimeMillis") if standing.status is not Status.SKIPPED else None
    # A running stage has been seen with a negative duration.
    millis = stage.whole("durationMillis", smallest=-_LONGEST_MILLIS, largest=_LONGEST_MILLIS) or 0
    has_ended = standing.is_finished and started_at is not None and millis >= 0
    finished_at = started_at + timedelta(milliseconds=millis) if has_ended and started_at is not None else None
    return ObservedJob(
        external_id=external_id,
        name=stage.text("name") or f"stage {external_id}",
        status=standing.status,
        raw_status=standing.raw,
        is_finished=standing.is_finished,
        merge_key=finished_first(standing.is_finished, finished_at or started_at, standing.status),
        started_at=started_at,
        finished_at=finished_at,
        runner=stage.text("execNode"),
    )


def stage_problems(jobs: Sequence[ObservedJob]) -> tuple[str, ...]:
    """The stages whose word nobody knows, in words."""
    return tuple(
        f"stage {job.external_id}: status {job.raw_status} is unknown" for job in jobs if job.status is Status.UNKNOWN
    )


def upstream_of(payload: object) -> tuple[str, int] | None:
    """The full name of the job and the number of the build that started this one."""
    return read_start(Fields(payload).listed("actions")).upstream
