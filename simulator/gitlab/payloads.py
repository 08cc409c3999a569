"""Projects, pipelines, jobs and bridges as GitLab's JSON: the same keys, types and address forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from simulator.gitlab.history import FINISHED, Job, Pipeline, Project
from simulator.history import Person
from simulator.lineage import Link

Json = Mapping[str, object]

_TEXTS = {"success": "passed", "canceled": "canceled", "manual": "blocked", "scheduled": "delayed"}


@dataclass(frozen=True, slots=True)
class View:
    """From where and when things are looked at: the server's own address and its clock."""

    base: str
    now: datetime


def stamp(instant: datetime | None) -> str | None:
    """An instant as GitLab writes it: UTC, milliseconds, `Z`."""
    return None if instant is None else instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def person(view: View, someone: Person) -> Json:
    """A user."""
    return {
        "id": someone.id,
        "username": someone.login,
        "name": someone.name,
        "state": "active",
        "locked": False,
        "avatar_url": f"{view.base}/uploads/-/system/user/avatar/{someone.id}/avatar.png",
        "web_url": f"{view.base}/{someone.login}",
    }


def project(view: View, subject: Project) -> Json:
    """A project as its own route shows it."""
    path = subject.path_at(view.now)
    name = path.rpartition("/")[2]
    return {
        "id": subject.id,
        "description": f"Everything about {name}",
        "name": name,
        "name_with_namespace": path.replace("/", " / "),
        "path": name,
        "path_with_namespace": path,
        "created_at": stamp(subject.paths[0][0]),
        "default_branch": subject.default_branch,
        "http_url_to_repo": f"{view.base}/{path}.git",
        "web_url": f"{view.base}/{path}",
        "visibility": "private" if subject.is_private else "public",
        "jobs_enabled": subject.has_ci,
        "builds_access_level": "enabled" if subject.has_ci else "disabled",
        "archived": False,
    }


def pipeline_row(view: View, subject: Pipeline) -> Json:
    """A pipeline as a list shows it: without start, finish, duration and user."""
    phase = subject.phase_at(view.now)
    return {
        "id": subject.id,
        "iid": subject.iid,
        "project_id": subject.project.id,
        "sha": subject.commit.sha,
        "ref": subject.ref,
        "status": phase.word,
        "source": subject.source,
        "created_at": stamp(subject.created_at),
        "updated_at": stamp(phase.at),
        "web_url": web_url(view, subject),
        "name": None,
    }


def web_url(view: View, subject: Pipeline) -> str:
    """Where people see a pipeline."""
    return f"{view.base}/{subject.project.path_at(view.now)}/-/pipelines/{subject.id}"


def pipeline(view: View, subject: Pipeline) -> Json:
    """A pipeline as its own route shows it."""
    started_at = subject.started_at(view.now)
    queued = None if started_at is None else int((started_at - subject.created_at).total_seconds())
    return {
        **pipeline_row(view, subject),
        "before_sha": "0" * 40,
        "tag": False,
        "yaml_errors": subject.yaml_errors,
        "user": person(view, subject.user),
        "started_at": stamp(started_at),
        "finished_at": stamp(subject.finished_at(view.now)),
        "committed_at": None,
        "duration": subject.duration(view.now),
        "queued_duration": queued or None,
        "coverage": None,
        "detailed_status": _detailed(view, subject),
        "archived": False,
    }


def _detailed(view: View, subject: Pipeline) -> Json:
    word = subject.phase_at(view.now).word
    warned = any(job.is_failure_allowed and job.word_at(view.now) == "failed" for job in subject.shown(view.now))
    has_warnings = word == "success" and warned
    text = "passed" if has_warnings else _TEXTS.get(word, word)
    label = "passed with warnings" if has_warnings else _TEXTS.get(word, word)
    return {
        "icon": "status_warning" if has_warnings else f"status_{word}",
        "text": text,
        "label": label,
        "group": "success-with-warnings" if has_warnings else word,
        "tooltip": label,
        "has_details": True,
        "details_path": f"/{subject.project.path_at(view.now)}/-/pipelines/{subject.id}",
        "illustration": None,
        "favicon": f"/assets/ci_favicons/favicon_status_{word}.png",
    }


def job(view: View, within: Pipeline, subject: Job) -> Json:
    """A job; one that has ended keeps its instants, one that was revived shows none until it runs."""
    now = view.now
    word = subject.word_at(now)
    started_at, finished_at = subject.started_at(now), subject.finished_at(now)
    reason = {"failure_reason": subject.failure_reason} if word == "failed" else {}
    return {
        "id": subject.id,
        "status": word,
        "stage": subject.stage,
        "name": subject.name,
        "ref": within.ref,
        "tag": False,
        "coverage": None,
        "allow_failure": subject.is_failure_allowed,
        "created_at": stamp(subject.created_at),
        "started_at": stamp(started_at),
        "finished_at": stamp(finished_at),
        "erased_at": None,
        "duration": None if started_at is None else ((finished_at or now) - started_at).total_seconds(),
        "queued_duration": _queued(subject, now),
        "user": person(view, within.user),
        "commit": _commit(view, within),
        "pipeline": {
            "id": within.id,
            "iid": within.iid,
            "project_id": within.project.id,
            "sha": within.commit.sha,
            "ref": within.ref,
            "status": within.phase_at(now).word,
            "source": within.source,
            "created_at": stamp(within.created_at),
            "updated_at": stamp(within.phase_at(now).at),
            "web_url": web_url(view, within),
        },
        **reason,
        "web_url": f"{view.base}/{within.project.path_at(now)}/-/jobs/{subject.id}",
        "project": {"ci_job_token_scope_enabled": False},
        "artifacts": [],
        "runner": _runner(subject) if started_at is not None else None,
        "artifacts_expire_at": None,
        "archived": False,
        "tag_list": [],
    }


def _queued(subject: Job, now: datetime) -> float | None:
    """Since it last began to wait, up to its start; a job that waits is told up to now."""
    pending_at = subject.last("pending", now)
    if pending_at is None:
        return None
    started_at = subject.started_at(now)
    until = started_at if started_at is not None and started_at >= pending_at else subject.finished_at(now) or now
    return (until - pending_at).total_seconds()


def _commit(view: View, within: Pipeline) -> Json:
    commit = within.commit
    return {
        "id": commit.sha,
        "short_id": commit.sha[:8],
        "created_at": stamp(commit.committed_at),
        "parent_ids": [],
        "title": commit.message.partition("\n")[0],
        "message": commit.message,
        "author_name": commit.author.name,
        "author_email": f"{commit.author.id}@users.invalid",
        "authored_date": stamp(commit.committed_at),
        "committer_name": commit.author.name,
        "committed_date": stamp(commit.committed_at),
        "web_url": f"{view.base}/{within.project.path_at(view.now)}/-/commit/{commit.sha}",
    }


def _runner(subject: Job) -> Json:
    return {
        "id": subject.runner,
        "description": f"runner-{subject.runner}.lumen",
        "ip_address": None,
        "active": True,
        "paused": False,
        "is_shared": True,
        "runner_type": "instance_type",
        "name": "gitlab-runner",
        "online": True,
        "status": "online",
    }


def bridge(view: View, within: Pipeline, subject: Job, started: Pipeline | None) -> Json:
    """A bridge: a job without runner and artifacts, with the pipeline it started once it has."""
    row = job(view, within, subject)
    left = {key: value for key, value in row.items() if key not in {"runner", "artifacts", "tag_list"}}
    return {**left, "downstream_pipeline": None if started is None else pipeline_row(view, started)}


def trace(within: Pipeline, subject: Job, now: datetime) -> str:
    """What a job printed: colours, folded sections, and an error where it failed. Empty before it ran."""
    started_at, finished_at = subject.started_at(now), subject.finished_at(now)
    if started_at is None:
        return ""
    at = int(started_at.timestamp())
    lines = [
        f"\x1b[0KRunning with gitlab-runner 17.5.0\x1b[0;m on runner-{subject.runner}.lumen",
        f"section_start:{at}:get_sources\r\x1b[0K\x1b[36;1mGetting source from Git repository\x1b[0;m",
        f"Checking out {within.commit.sha[:8]} as detached HEAD (ref is {within.ref})...",
        f"section_end:{at + 1}:get_sources\r\x1b[0K",
        f"\x1b[32;1m$ make {subject.name}\x1b[0;m",
        *(f"test_{number:03d} ok" for number in range(subject.id % 37 + 3)),
    ]
    if finished_at is not None:
        word = subject.word_at(now)
        ends = {"failed": "\x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m", "canceled": "ERROR: Job failed: canceled"}
        lines.append(ends.get(word, "\x1b[32;1mJob succeeded\x1b[0;m"))
    return "\n".join(lines) + "\n"


def is_finished(word: str) -> bool:
    """Whether GitLab counts a state as completed."""
    return word in FINISHED


def compared(view: View, links: Sequence[Link]) -> Json:
    """A comparison of two commits, the oldest first; differences are left out."""
    commits = [_compared_commit(view, link) for link in links]
    return {
        "commit": commits[-1] if commits else None,
        "commits": commits,
        "diffs": [],
        "compare_timeout": False,
        "compare_same_ref": not commits,
    }


def _compared_commit(view: View, link: Link) -> Json:
    commit = link.commit
    title = commit.message.partition("\n")[0]
    mail = f"{commit.author.id}@users.example"
    return {
        "id": commit.sha,
        "short_id": commit.sha[:8],
        "created_at": stamp(commit.committed_at),
        "parent_ids": [] if link.parent is None else [link.parent],
        "title": title,
        "message": commit.message,
        "author_name": commit.author.name,
        "author_email": mail,
        "authored_date": stamp(commit.committed_at),
        "committer_name": commit.author.name,
        "committer_email": mail,
        "committed_date": stamp(commit.committed_at),
        "web_url": f"{view.base}/-/commit/{commit.sha}",
    }
