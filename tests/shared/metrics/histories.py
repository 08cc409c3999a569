"""Random histories of builds as a provider tells them: late, out of order, several times, with holes filled later."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

from shared.observation import Observation, finished_first, latest_first
from shared.status import FINISHED, CancelReason, Status
from tests.factories import NOON, a_build

PIPELINES = 60
VERDICTS = (Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.SKIPPED, Status.UNKNOWN)


def pages(rng: Random, count: int, size: int) -> Iterator[list[Observation]]:
    """The observations of `count` histories in pages: each soon after the one before it, or long after, or before."""
    waiting = [(start + rng.expovariate(1 / 4), seen) for start in range(count) for seen in history(rng, start)]
    waiting.sort(key=lambda entry: entry[0])
    seen = [observation for _, observation in waiting]
    for start in range(0, len(seen), size):
        yield seen[start : start + size]


def history(rng: Random, number: int) -> list[Observation]:
    """What is seen of one commit in one pipeline: one to three builds, each tried once to three times."""
    pipeline = rng.randrange(PIPELINES)
    commit = a_build(
        pipeline_external_id=f"pipeline-{pipeline}",
        default_branch=rng.choices(("main", "develop", None), (90, 2, 8))[0],
        repository_external_id=f"repository-{pipeline // 3 + (rng.random() < 0.02)}",
        repository_name="acme/web",
        branch=rng.choice(("main", "main", "develop", "feature/x")),
        commit_sha=f"{number:040x}",
        event=rng.choice(("push", "schedule")),
        is_finish_guessed=rng.random() < 0.4,
    )
    queued_at = NOON + timedelta(minutes=number, days=rng.choice((0, 0, -40)))
    return [
        seen
        for build in range(rng.choice((1, 1, 2, 3)))
        for seen in _of_build(
            rng,
            replace(
                commit,
                external_id=f"{number}/{build}",
                number=None,
                queued_at=queued_at + timedelta(minutes=rng.randrange(90), seconds=rng.choice((0, 59.7))),
            ),
        )
    ]


def _of_build(rng: Random, build: Observation) -> Iterator[Observation]:
    for attempt in range(1, rng.choice((1, 1, 1, 2, 3)) + 1):
        statuses = [Status.RUNNING] * rng.randrange(2) + [rng.choice(VERDICTS)]
        if rng.random() < 0.2:  # opened again, and finished otherwise
            statuses += [Status.RUNNING] * rng.randrange(2) + [rng.choice(VERDICTS)]
        for step, status in enumerate(statuses):
            yield (told := _told(rng, replace(build, attempt=attempt), status, step))
            if told.is_finish_guessed and told.finished_at is not None and rng.random() < 0.3:
                # A better guess of the same end: nothing else changes.
                yield replace(told, finished_at=told.finished_at - timedelta(seconds=rng.randrange(1, 60)))


def _told(rng: Random, build: Observation, status: Status, step: int) -> Observation:
    is_finished = status in FINISHED or status is Status.UNKNOWN
    at = build.queued_at + timedelta(minutes=10 * build.attempt + step)
    order = finished_first if build.is_finish_guessed else latest_first
    took = rng.choice((None, 0.0004, rng.lognormvariate(5, 1)))
    return replace(
        build,
        status=status,
        raw_status=str(status),
        is_finished=is_finished,
        merge_key=order(is_finished, at, status),
        started_at=build.queued_at,
        finished_at=at if is_finished else None,
        duration_seconds=took if is_finished and not build.is_finish_guessed else None,
        queued_seconds=rng.choice((None, rng.expovariate(0.1))),
        cancel_reason=rng.choice((None, *CancelReason)) if status is Status.CANCELLED else None,
        branch=build.branch if rng.random() < 0.8 else None,
        commit_sha=build.commit_sha if rng.random() < 0.9 else None,
        event=build.event if rng.random() < 0.9 else None,
    )
