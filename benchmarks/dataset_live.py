"""Builds that go on where a data set ends: what the recorder is given for the data set's own pipelines."""

from datetime import datetime, timedelta
from hashlib import sha1

from benchmarks import vocabulary as words
from benchmarks.dataset_sql import REPOSITORIES
from shared.observation import Observation, finished_first
from shared.status import Status

PIPELINES = 1_200
"""Of the first instance, with as many of each repository."""


def observation(number: int, status: Status, now: datetime) -> Observation:
    """Build `number` (any at all) of a GitHub pipeline of the data set, as it stands at `now`."""
    is_finished = status not in (Status.QUEUED, Status.RUNNING)
    repository = (number * 7) % 30 * 10 + number % 6 % 5
    pipeline = repository + REPOSITORIES * (number % 4)
    service = words.SERVICES[repository % len(words.SERVICES)]
    verb, thing = words.VERBS[number % len(words.VERBS)], words.THINGS[number * 3 % len(words.THINGS)]
    return Observation(
        provider="github",
        pipeline_external_id=f"{repository}/{pipeline}",
        pipeline_name=words.PIPELINES[pipeline // REPOSITORIES],
        repository_external_id=str(repository),
        repository_name=f"acme/{service}-{repository}",
        default_branch="main",
        external_id=str(90_000_000_000 + number),
        number=number % 1_000_000,
        status=status,
        raw_status="completed" if is_finished else "in_progress",
        is_finished=is_finished,
        merge_key=finished_first(is_finished, now, status),
        queued_at=now - timedelta(seconds=5),
        started_at=None if status is Status.QUEUED else now - timedelta(seconds=3),
        finished_at=now if is_finished else None,
        is_finish_guessed=True,
        duration_seconds=None,
        branch="main" if number % 2 else f"feature/{service}-{number // 7}",
        commit_sha=sha1(str(number // 2).encode()).hexdigest(),
        commit_message=f"{verb} the {thing} of {service}",
        author=f"{words.FIRST_NAMES[number % 25]}.{words.LAST_NAMES[number % 20]}",
        event="push",
        web_url=f"https://code.acme.test/acme/{service}-{repository}/runs/{90_000_000_000 + number}",
    )
