"""The attempts of a GitLab pipeline, which has none of its own: a pure function of its jobs' instants.

Retrying keeps the pipeline and makes a new job; all others were made together with the pipeline. So a job that was
created after every earlier one had come to rest was retried by somebody, and opens the next attempt. What GitLab
retries by itself is created in the very moment of the failure or while other jobs go on, and a played manual job is
not a new one: neither opens an attempt. A job belongs to the attempt in which it went on its way: later stages that a
failure skipped keep their ids when a retry revives them; in the attempts before they are told as skipped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collectors.gitlab_payload import Commit, PipelineJob, job_key
from shared.observation import MergeKey, Observation, ObservedJob, latest_first, microseconds
from shared.status import Status

BY_ITSELF = timedelta(seconds=1)
"""GitLab's own retry is created in the transaction that ends the failed job; no person is that quick."""

_ENDED = (Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED)
_BROKEN = (Status.FAILED, Status.TIMED_OUT)
_WORDS = {
    Status.FAILED: "failed",
    Status.CANCELLED: "canceled",
    Status.SUCCEEDED: "success",
    Status.SKIPPED: "skipped",
}


@dataclass(frozen=True, slots=True)
class _Span:
    """When a job was on its way: from `begin` (None: not at all) to `end` (None: it still is)."""

    begin: datetime | None
    end: datetime | None

    def is_open_at(self, instant: datetime) -> bool:
        return self.begin is not None and self.begin < instant and (self.end is None or self.end > instant)


def complete(pipeline: Observation, jobs: Sequence[PipelineJob]) -> tuple[Observation, ...]:
    """Every attempt of a pipeline, oldest first, from its detail and all of its jobs, retried ones included.

    The last attempt stands as the pipeline does; the earlier ones take verdict, times and duration from their jobs.
    """
    described = _described(pipeline, jobs)
    spans = _spans(jobs)
    openings = _openings(jobs, spans)
    groups = _groups(jobs, spans, openings)
    earlier = [
        _earlier(described, groups[:number], _at_rest(groups[number:], ended_at), (opened_at, ended_at))
        for number, (opened_at, ended_at) in enumerate(zip([None, *openings], openings, strict=False), 1)
    ]
    return (*earlier, _last(described, groups, openings[-1] if openings else None))


def openings(jobs: Sequence[PipelineJob]) -> tuple[datetime, ...]:
    """When the second and every later attempt was opened."""
    return tuple(_openings(jobs, _spans(jobs)))


def _spans(jobs: Sequence[PipelineJob]) -> list[_Span]:
    """A retried job is on its way from its creation, the others from when they were enqueued."""
    ends = [job.seen.finished_at for job in jobs if job.seen.finished_at is not None]
    first_end = min(ends, default=None)
    return [_span(job, first_end) for job in jobs]


def _span(job: PipelineJob, first_end: datetime | None) -> _Span:
    is_retry = first_end is not None and job.created_at is not None and job.created_at >= first_end
    has_ended = job.seen.status in _ENDED
    begin = job.enqueued_at or job.seen.started_at
    if is_retry and (has_ended or _is_on_its_way(job)):
        begin = job.created_at
    if has_ended and begin is None:
        begin = job.seen.finished_at  # it never started: it only ended
    return _Span(begin, (job.seen.finished_at or begin) if has_ended else None)


def _is_on_its_way(job: PipelineJob) -> bool:
    return job.seen.status in (Status.QUEUED, Status.RUNNING, Status.UNKNOWN)


def _openings(jobs: Sequence[PipelineJob], spans: Sequence[_Span]) -> list[datetime]:
    found: list[datetime] = []
    ordered = sorted(
        ((job.created_at, span) for job, span in zip(jobs, spans, strict=True) if job.created_at is not None),
        key=lambda pair: pair[0],
    )
    first_end = min((span.end for span in spans if span.end is not None), default=None)
    for created_at, _ in ordered:
        if first_end is None or created_at < first_end or created_at in found:
            continue  # made together with the pipeline, or with the job that opened this attempt
        # The job that opened an attempt is on its way from then on, even a bridge, whose predecessor nobody shows.
        before = [replace(span, begin=at) if at in found else span for at, span in ordered if at < created_at]
        ends = [span.end for span in before if span.end is not None and span.end <= created_at]
        is_at_rest = not any(span.is_open_at(created_at) for span in before)
        if ends and is_at_rest and created_at - max(ends) >= BY_ITSELF:
            found.append(created_at)
    return found


def _groups(
    jobs: Sequence[PipelineJob], spans: Sequence[_Span], openings: Sequence[datetime]
) -> list[list[PipelineJob]]:
    """The jobs of each attempt, in the given order; those that never went on their way are the last attempt's."""
    groups: list[list[PipelineJob]] = [[] for _ in range(len(openings) + 1)]
    for job, span in zip(jobs, spans, strict=True):
        begin = span.begin
        number = len(openings) if begin is None else sum(opened_at <= begin for opened_at in openings)
        groups[number].append(job)
    return groups


def _at_rest(later: Sequence[Sequence[PipelineJob]], ended_at: datetime) -> list[PipelineJob]:
    """The jobs of later attempts that were there when an attempt ended: in it they did not run."""
    there = [job for group in later for job in group if job.created_at is not None and job.created_at < ended_at]
    return [replace(job, seen=_not_run(job.seen)) for job in there]


def _not_run(job: ObservedJob) -> ObservedJob:
    return replace(
        job,
        status=Status.SKIPPED,
        raw_status=_WORDS[Status.SKIPPED],
        is_finished=True,
        started_at=None,
        finished_at=None,
        runner=None,
    )


def _earlier(
    pipeline: Observation,
    groups: Sequence[Sequence[PipelineJob]],
    at_rest: Sequence[PipelineJob],
    span: tuple[datetime | None, datetime],
) -> Observation:
    """An attempt that a later one superseded: final at the instant at which that one was opened."""
    own, (opened_at, ended_at) = groups[-1], span
    status, is_unstable = _verdict(_shown(groups))
    starts = _starts(own)
    return replace(
        pipeline,
        attempt=len(groups),
        status=status,
        raw_status=_WORDS[status],
        is_finished=True,
        is_unstable=is_unstable,
        merge_key=latest_first(True, ended_at, status),
        started_at=min(starts, default=None),
        finished_at=max(_ends(own), default=ended_at),
        duration_seconds=running_seconds(job.seen for job in own),
        queued_seconds=_waited(opened_at or pipeline.queued_at, starts),
        jobs=_observed([*own, *at_rest], microseconds(ended_at)),
    )


def _last(pipeline: Observation, groups: Sequence[Sequence[PipelineJob]], opened_at: datetime | None) -> Observation:
    """The latest attempt: it stands as the pipeline does, whose own start may be that of an earlier or a later run."""
    own, starts = groups[-1], _starts(groups[-1])
    started_at, finished_at = pipeline.started_at, pipeline.finished_at
    queued_seconds = pipeline.queued_seconds
    if opened_at is not None:
        started_at, queued_seconds = min(starts, default=None), _waited(opened_at, starts)
    elif started_at is not None:
        started_at = min([started_at, *starts])
    if pipeline.is_finished and finished_at is None:  # skipped: it never ran
        finished_at = max(_ends(own), default=pipeline.queued_at)
    return replace(
        pipeline,
        attempt=len(groups),
        is_unstable=pipeline.status is Status.SUCCEEDED and (pipeline.is_unstable or _verdict(_shown(groups))[1]),
        started_at=started_at,
        finished_at=finished_at,
        queued_seconds=queued_seconds,
        jobs=_observed(own, pipeline.merge_key[0]),
    )


def _shown(groups: Sequence[Sequence[PipelineJob]]) -> list[PipelineJob]:
    """What the pipeline shows after the last of these attempts: of each name the newest job."""
    newest: dict[str, PipelineJob] = {}
    for group in groups:
        for job in sorted(group, key=_age):
            newest[job.seen.name] = job
    return list(newest.values())


def _age(job: PipelineJob) -> tuple[int, int]:
    return microseconds(job.created_at), int(job.seen.external_id)


def _verdict(jobs: Iterable[PipelineJob]) -> tuple[Status, bool]:
    """How a pipeline of these jobs ended, and whether it passed in spite of an allowed failure."""
    counted, is_unstable = set(), False
    for job in jobs:
        is_excused = job.is_failure_allowed and job.seen.status in (*_BROKEN, Status.CANCELLED)
        is_unstable |= is_excused
        counted.add(Status.SUCCEEDED if is_excused else job.seen.status)
    if counted.intersection(_BROKEN):
        return Status.FAILED, False
    for status in (Status.CANCELLED, Status.SUCCEEDED):
        if status in counted:
            return status, is_unstable and status is Status.SUCCEEDED
    return Status.SKIPPED, False


def running_seconds(jobs: Iterable[ObservedJob]) -> float | None:
    """How long any of these jobs ran, as GitLab counts it: the union of their times, without the waiting."""
    spans = sorted((job.started_at, job.finished_at) for job in jobs if job.started_at and job.finished_at)
    if not spans:
        return None
    total, reached = timedelta(0), spans[0][0]
    for start, end in spans:
        total += max(end, reached) - max(start, reached)
        reached = max(end, reached)
    return total.total_seconds()


def _starts(jobs: Iterable[PipelineJob]) -> list[datetime]:
    return [job.seen.started_at for job in jobs if job.seen.started_at is not None]


def _ends(jobs: Iterable[PipelineJob]) -> list[datetime]:
    return [job.seen.finished_at for job in jobs if job.seen.finished_at is not None]


def _waited(opened_at: datetime, starts: Sequence[datetime]) -> float | None:
    return max(0.0, (min(starts) - opened_at).total_seconds()) if starts else None


def _observed(jobs: Iterable[PipelineJob], changed: int) -> tuple[ObservedJob, ...]:
    """The jobs as they are recorded; `changed` is when their pipeline last changed, in microseconds."""
    return tuple(_keyed(job.seen, job_key(job.seen.status, job.seen.raw_status, changed)) for job in jobs)


def _keyed(job: ObservedJob, key: MergeKey) -> ObservedJob:
    return job if job.merge_key == key else replace(job, merge_key=key)


def _described(pipeline: Observation, jobs: Sequence[PipelineJob]) -> Observation:
    """The pipeline with what only its jobs say about the commit, and with their problems."""
    commit = next((job.commit for job in jobs if job.commit.message is not None), Commit())
    unknown = tuple(
        f"job {job.seen.external_id}: status {job.seen.raw_status} is unknown"
        for job in jobs
        if job.seen.status is Status.UNKNOWN
    )
    return replace(
        pipeline,
        commit_message=pipeline.commit_message or commit.message,
        commit_author=pipeline.commit_author or commit.author,
        committed_at=pipeline.committed_at or commit.committed_at,
        problems=pipeline.problems + unknown,
    )
