"""What the fake GitHub sends when something happens: the bodies of its webhooks, in the order of their instants."""

from collections.abc import Iterator
from datetime import datetime

from simulator.github import payloads
from simulator.github.payloads import Json, View
from simulator.history import OPEN, Attempt, Job, Repository, Run, State
from simulator.hooks import Happening
from simulator.world import World

NONE = "0" * 40
LOOKED_BACK = 40
"""How many earlier runs are looked through for where a branch pointed before a push."""


def happenings(world: World, base: str, since: datetime, until: datetime) -> Iterator[Happening]:
    """What became true after `since` and by `until`, in no order."""
    for repository in world.repositories:
        for slot in world.slots(repository, until):
            run = world.run_in(repository, slot)
            if run.event == "push" and since < run.created_at <= until:
                yield _push(world, View(base, run.created_at), run, slot)
            for attempt in run.attempts:
                yield from _of_attempt(base, run, attempt, since, until)


def _of_attempt(base: str, run: Run, attempt: Attempt, since: datetime, until: datetime) -> Iterator[Happening]:
    for place, phase in enumerate(attempt.phases):
        if since < phase.at <= until:
            view = View(base, phase.at)
            action = "requested" if place == 0 else "in_progress" if phase.state in OPEN else "completed"
            told = payloads.run(view, run, attempt, phase)
            workflow = payloads.workflow(view, run.repository, run.workflow)
            body = {"action": action, "workflow_run": told, "workflow": workflow, **_around(view, run)}
            yield Happening(phase.at, str(run.id), "workflow_run", body)
    for job in attempt.jobs:
        for at, action in _changes(job):
            if since < at <= until:
                view = View(base, at)
                told = payloads.job(view, run, attempt, job)
                yield Happening(
                    at, str(run.id), "workflow_job", {"action": action, "workflow_job": told, **_around(view, run)}
                )


def _changes(job: Job) -> Iterator[tuple[datetime, str]]:
    if job.verdict is not State.SKIPPED:
        yield job.created_at, "queued"
        if job.started_at is not None:
            yield job.started_at, "in_progress"
    if job.finished_at is not None:
        yield job.finished_at, "completed"


def _around(view: View, run: Run) -> Json:
    return {
        "repository": payloads.full_repository(view, run.repository),
        "organization": _organisation(view, run.repository),
        "sender": payloads.person(view, run.actor),
    }


def _organisation(view: View, repository: Repository) -> Json:
    return payloads.account(view.base, repository.owner, repository.owner_id, "Organization")


def _push(world: World, view: View, run: Run, slot: int) -> Happening:
    """The push that started a run: one commit on top of what the branch's last run was about."""
    before = _before(world, run, slot)
    around = _around(view, run)
    repository = {**payloads.full_repository(view, run.repository), "pushed_at": int(run.created_at.timestamp())}
    commit = {
        "id": run.commit.sha,
        "tree_id": run.commit.tree,
        "distinct": True,
        "message": run.commit.message,
        "timestamp": payloads.stamp(run.commit.committed_at),
        "url": f"{view.base}/{run.repository.full_name_at(view.now)}/commit/{run.commit.sha}",
        "author": {"name": run.commit.author.name, "username": run.commit.author.login},
        "committer": {"name": "GitHub", "username": "web-flow"},
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    }
    body = {
        "ref": f"refs/heads/{run.branch}",
        "before": before,
        "after": run.commit.sha,
        "repository": repository,
        "pusher": {"name": run.actor.login},
        "organization": around["organization"],
        "sender": around["sender"],
        "created": before == NONE,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "commits": [commit],
        "head_commit": commit,
    }
    return Happening(run.created_at, str(run.id), "push", body)


def _before(world: World, run: Run, slot: int) -> str:
    for earlier in range(slot - 1, max(-1, slot - LOOKED_BACK), -1):
        other = world.run_in(run.repository, earlier)
        if other.event == "push" and other.branch == run.branch:
            return other.commit.sha
    return NONE
