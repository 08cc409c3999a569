"""Observations -> builds, attempts, jobs, names, figures, words and events, in the caller's transaction.

One page costs a constant number of set-based statements, whatever its size, and none but the first when nothing
changed. Everything merges by a maximum over a total order (`merge_key`, then `raw_status`), so observations may come
in any order, any number of times, from anyone. That is why the first statement may look without a lock: what does not
beat the committed state can never beat a later one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import orjson
from sqlalchemy.orm import Session

from shared import events, recorder_sql, recorder_words
from shared.events import Via
from shared.observation import Observation, ObservedJob, microseconds
from shared.status import CancelReason

_CANCEL_REASONS = (None, *CancelReason)

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a page did: how many observations changed something, how many transitions went to the log."""

    changed: int = 0
    transitions: int = 0
    new_pipelines: int = 0

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(
            self.changed + other.changed,
            self.transitions + other.transitions,
            self.new_pipelines + other.new_pipelines,
        )


def record(
    session: Session,
    observations: Sequence[Observation],
    *,
    instance_id: int,
    source_id: int | None,
    is_backfill: bool,
    via: Via = Via.POLL,
) -> Recorded:
    """Record observations of one instance; the caller commits, soon: the event log is locked until then.

    `is_backfill` marks the events as the past being collected: nobody is alerted about them; `via` is how we learnt of
    them. Raises what Postgres raises; a row that cannot be stored fails the whole call (`poll` then halves the page
    until it stands alone).
    """
    page = _Page(session, instance_id, source_id)
    recorded = Recorded()
    for layer in _layers(observations):
        recorded = recorded + page.merge(layer)
    if page.transitions:
        events.append(session, _in_a_row(page.transitions), is_backfill=is_backfill, via=via)
    return recorded


def _layers(observations: Sequence[Observation]) -> Iterable[list[Observation]]:
    """Split so that no layer sees one attempt twice: a set-based statement may touch a row only once."""
    layers: list[list[Observation]] = []
    depth: dict[tuple[str, str, int], int] = {}
    for observation in observations:
        identities = [_attempt(observation)]
        if observation.formerly:
            identities.append((observation.pipeline_external_id, observation.formerly, observation.attempt))
        layer = max(depth.get(identity, 0) for identity in identities)
        depth.update(dict.fromkeys(identities, layer + 1))
        if layer == len(layers):
            layers.append([])
        layers[layer].append(observation)
    return layers


class _Page:
    """One page in one transaction; `transitions` are the merges' documents, appended to the log after all else."""

    def __init__(self, session: Session, instance_id: int, source_id: int | None) -> None:
        self.transitions: list[str] = []
        self._session = session
        self._instance_id = instance_id
        self._source_id = source_id

    def merge(self, observations: list[Observation]) -> Recorded:
        """Merge observations of which no two are about the same attempt; writes everything but the events."""
        session, sightings = self._session, self._given(map(_sighting, observations))
        if any(seen.formerly for seen in observations):
            session.execute(recorder_sql.REKEY, sightings)
        changed = session.execute(recorder_sql.CHANGED, sightings).all()
        if not changed:
            return Recorded()
        known = [_known_as(observations[change.ordinal], change.external_id) for change in changed]
        new, again = _first_of_each(known)
        given = self._given(map(_row, new))
        new_pipelines = 0
        if any(change.needs_names for change in changed):
            new_pipelines = session.execute(recorder_sql.NAMES, given | {"source": self._source_id}).scalar_one()
        inserted = self._insert_and_lock(given, new, is_any_new=any(change.build_id is None for change in changed))
        merged = session.execute(recorder_sql.MERGE, given | {"inserted": inserted}).one()
        if any(seen.jobs is not None for seen in new):
            session.execute(recorder_sql.MERGE_JOBS, given)
        described = [seen for seen, change in zip(known, changed, strict=True) if change.needs_words]
        if described:
            recorder_words.write(session, described, instance_id=self._instance_id)
        if merged.transitions:
            self.transitions.append(merged.document)
        recorded = Recorded(len(new), merged.transitions, new_pipelines)
        return recorded + self.merge(again) if again else recorded

    def _insert_and_lock(
        self, given: dict[str, object], observations: list[Observation], *, is_any_new: bool
    ) -> list[int]:
        """Insert the builds that are new and lock those that are not; returns the ids of the inserted ones."""
        inserted = list(self._session.scalars(recorder_sql.INSERT_BUILDS, given)) if is_any_new else []
        builds = {(seen.pipeline_external_id, seen.external_id) for seen in observations}
        if len(inserted) < len(builds):
            pipelines, external_ids = zip(*builds, strict=True)
            names = {"pipelines": list(pipelines), "external_ids": list(external_ids), "instance": self._instance_id}
            self._session.execute(recorder_sql.LOCK_BUILDS, names)
        return inserted

    def _given(self, rows: Iterable[Row]) -> dict[str, object]:
        # What is unknown is left out: Postgres reads a missing key as NULL, and less of it is parsed.
        known = [
            {column: value for column, value in row.items() if value is not None} | {"ordinal": ordinal}
            for ordinal, row in enumerate(rows)
        ]
        return {"page": orjson.dumps(known).decode(), "instance": self._instance_id}


def _known_as(seen: Observation, external_id: str | None) -> Observation:
    """The observation under the id that its build has by now, where it is stored."""
    return seen if external_id in (None, seen.external_id) else replace(seen, external_id=external_id)


def _first_of_each(observations: list[Observation]) -> tuple[list[Observation], list[Observation]]:
    """Those about different attempts, and apart the others: a queue item and the build that it became are one."""
    first: dict[tuple[str, str, int], Observation] = {}
    again = [seen for seen in observations if first.setdefault(_attempt(seen), seen) is not seen]
    return list(first.values()), again


def _attempt(seen: Observation) -> tuple[str, str, int]:
    return seen.pipeline_external_id, seen.external_id, seen.attempt


def _in_a_row(documents: list[str]) -> str:
    """The merges' transitions as one document, numbered through."""
    if len(documents) == 1:
        return documents[0]
    transitions = [transition for document in documents for transition in orjson.loads(document)]
    return orjson.dumps([each | {"ordinal": number} for number, each in enumerate(transitions, start=1)]).decode()


def _sighting(seen: Observation) -> Row:
    """What decides whether the observation changes anything; the keys are `recorder_sql.SIGHTINGS`' columns."""
    return {
        "pipeline": seen.pipeline_external_id,
        "external_id": seen.external_id,
        "formerly": seen.formerly,
        "attempt": seen.attempt,
        "merge_key": _whole_key(seen),
        "raw_status": seen.raw_status,
        "guessed_finish": seen.finished_at if seen.is_finish_guessed and seen.is_finished else None,
        "queued_seconds": seen.queued_seconds,
        "web_url": seen.web_url,
        "number": _is_known(seen.number),
        "branch": _is_known(seen.branch),
        "commit_sha": _is_known(seen.commit_sha),
        "commit_message": _is_known(seen.commit_message),
        "author": _is_known(seen.author),
        "event": _is_known(seen.event),
        "metadata": _is_known(seen.parent),
        "jobs": None if seen.jobs is None else [_job_sighting(job) for job in seen.jobs],
    }


def _is_known(value: object) -> Literal[True] | None:
    return None if value is None else True


def _job_sighting(job: ObservedJob) -> Row:
    return {"external_id": job.external_id, "merge_key": _whole_job_key(job), "raw_status": job.raw_status}


def _row(seen: Observation) -> Row:
    """One observation as the writing statements read it; the keys are `recorder_sql.PAGE`'s columns."""
    return {
        "pipeline": seen.pipeline_external_id,
        "pipeline_name": seen.pipeline_name,
        "pipeline_url": seen.pipeline_url,
        "default_branch": seen.default_branch,
        "repository": seen.repository_external_id,
        "repository_name": seen.repository_name,
        "repository_url": seen.repository_url,
        "external_id": seen.external_id,
        "formerly": seen.formerly,
        "number": seen.number,
        "attempt": seen.attempt,
        "merge_key": _whole_key(seen),
        "status": seen.status,
        "raw_status": seen.raw_status,
        "is_finished": seen.is_finished,
        "is_unstable": seen.is_unstable,
        "cancel_reason": seen.cancel_reason,
        "queued_at": seen.queued_at,
        "started_at": seen.started_at,
        "finished_at": seen.finished_at if seen.is_finished else None,
        "is_finish_guessed": seen.is_finish_guessed,
        "duration_seconds": seen.duration_seconds,
        "queued_seconds": seen.queued_seconds,
        "progress": seen.progress,
        "web_url": seen.web_url,
        "branch": seen.branch,
        "commit_sha": seen.commit_sha,
        "commit_message": seen.commit_message,
        "commit_author": seen.commit_author,
        "committed_at": seen.committed_at,
        "author": seen.author,
        "event": seen.event,
        "metadata": None if seen.parent is None else {"parent": asdict(seen.parent)},
        "has_jobs": seen.jobs is not None,
        "jobs": None if seen.jobs is None else [_job_row(job) for job in seen.jobs],
    }


def _whole_key(seen: Observation) -> list[int]:
    """The merge key, then everything else that moves with it: equal keys are decided by the whole tuple.

    A guessed finish is left out: it takes the earliest guess of all, whichever observation wins.
    """
    exact = not seen.is_finish_guessed
    return [
        *seen.merge_key,
        microseconds(seen.started_at),
        microseconds(seen.finished_at) if exact else 0,
        _place_of(seen.duration_seconds) if exact else 0,
        int(seen.is_unstable),
        _CANCEL_REASONS.index(seen.cancel_reason),
        _place_of(seen.progress),
    ]


def _place_of(known: float | None) -> int:
    """Where a number stands in the key: what is unknown stands below all that is known, zero too."""
    return 0 if known is None else 1 + round(known * 1000)


def _whole_job_key(job: ObservedJob) -> list[int]:
    return [*job.merge_key, microseconds(job.started_at), microseconds(job.finished_at)]


def _job_row(job: ObservedJob) -> Row:
    return {
        "external_id": job.external_id,
        "name": job.name,
        "stage": job.stage,
        "merge_key": _whole_job_key(job),
        "status": job.status,
        "raw_status": job.raw_status,
        "is_finished": job.is_finished,
        "queued_at": job.queued_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "runner": job.runner,
        "web_url": job.web_url,
    }
