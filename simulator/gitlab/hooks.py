"""What the fake GitLab sends when something happens: the bodies of its webhooks, which have words of their own."""

from collections.abc import Iterator
from datetime import datetime

from simulator.gitlab import payloads
from simulator.gitlab.history import FINISHED, Job, Pipeline
from simulator.gitlab.payloads import Json, View
from simulator.gitlab.world import GitLabWorld
from simulator.hooks import Happening

NONE = "0" * 40


def happenings(world: GitLabWorld, base: str, since: datetime, until: datetime) -> Iterator[Happening]:
    """What became true after `since` and by `until`, in no order."""
    for project in world.projects:
        for pipeline in world.pipelines(project, until):
            if pipeline.source == "push" and since < pipeline.created_at <= until:
                view = View(base, pipeline.created_at)
                yield Happening(pipeline.created_at, str(pipeline.id), "Push Hook", _push(view, pipeline))
            for phase in pipeline.phases:
                if since < phase.at <= until:
                    view = View(base, phase.at)
                    yield Happening(phase.at, str(pipeline.id), "Pipeline Hook", _pipeline(view, pipeline))
            for job in pipeline.jobs:
                for change in job.phases:
                    if since < change.at <= until:
                        body = _job(View(base, change.at), pipeline, job)
                        yield Happening(change.at, str(pipeline.id), "Job Hook", body)


def stamp(instant: datetime | None) -> str | None:
    """An instant as webhooks write it: whole seconds, and `UTC` in words."""
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M:%S} UTC"


def _pipeline(view: View, subject: Pipeline) -> Json:
    word, started_at = subject.phase_at(view.now).word, subject.started_at(view.now)
    finished_at = subject.finished_at(view.now) if word in FINISHED else None
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": subject.id,
            "iid": subject.iid,
            "name": None,
            "ref": subject.ref,
            "tag": False,
            "sha": subject.commit.sha,
            "before_sha": NONE,
            "source": subject.source,
            "status": word,
            "detailed_status": "passed" if word == "success" else word,
            "stages": list(dict.fromkeys(job.stage for job in subject.shown(view.now))),
            "created_at": stamp(subject.created_at),
            "finished_at": stamp(finished_at),
            "duration": subject.duration(view.now),
            "queued_duration": None if started_at is None else int((started_at - subject.created_at).total_seconds()),
            "protected_ref": True,
            "variables": [{"key": "DEPLOY_PASSWORD", "value": "webhook-canary"}],
            "url": payloads.web_url(view, subject),
        },
        "merge_request": None,
        "user": payloads.person(view, subject.user),
        "project": _project(view, subject),
        "commit": _commit(view, subject),
        "builds": [_build(view, job) for job in subject.shown(view.now)],
    }


def _build(view: View, job: Job) -> Json:
    return {
        "id": job.id,
        "stage": job.stage,
        "name": job.name,
        "status": job.word_at(view.now),
        "created_at": stamp(job.created_at),
        "started_at": stamp(job.started_at(view.now)),
        "finished_at": stamp(job.finished_at(view.now)),
        "when": "on_success",
        "manual": False,
        "allow_failure": job.is_failure_allowed,
        "runner": None,
    }


def _job(view: View, within: Pipeline, job: Job) -> Json:
    """Its `commit` has the pipeline's id, as GitLab's does."""
    return {
        "object_kind": "build",
        "ref": within.ref,
        "tag": False,
        "before_sha": NONE,
        "sha": within.commit.sha,
        "build_id": job.id,
        "build_name": job.name,
        "build_stage": job.stage,
        "build_status": job.word_at(view.now),
        "build_created_at": stamp(job.created_at),
        "build_started_at": stamp(job.started_at(view.now)),
        "build_finished_at": stamp(job.finished_at(view.now)),
        "build_allow_failure": job.is_failure_allowed,
        "build_failure_reason": job.failure_reason,
        "retries_count": job.attempt - 1,
        "pipeline_id": within.id,
        "project_id": within.project.id,
        "user": payloads.person(view, within.user),
        "commit": {"id": within.id, "sha": within.commit.sha, "message": within.commit.message},
        "project": _project(view, within),
    }


def _push(view: View, subject: Pipeline) -> Json:
    return {
        "object_kind": "push",
        "event_name": "push",
        "before": NONE,
        "after": subject.commit.sha,
        "ref": f"refs/heads/{subject.ref}",
        "ref_protected": True,
        "checkout_sha": subject.commit.sha,
        "user_username": subject.user.login,
        "project_id": subject.project.id,
        "project": _project(view, subject),
        "commits": [_commit(view, subject)],
        "total_commits_count": 1,
    }


def _project(view: View, subject: Pipeline) -> Json:
    told = payloads.project(view, subject.project)
    keys = ("id", "name", "description", "web_url", "path_with_namespace", "default_branch")
    return {key: told[key] for key in keys}


def _commit(view: View, subject: Pipeline) -> Json:
    commit = subject.commit
    return {
        "id": commit.sha,
        "message": commit.message,
        "title": commit.message.partition("\n")[0],
        "timestamp": commit.committed_at.isoformat(timespec="seconds"),
        "url": f"{view.base}/{subject.project.path_at(view.now)}/-/commit/{commit.sha}",
        "author": {"name": commit.author.name, "email": f"{commit.author.id}@users.example"},
    }
