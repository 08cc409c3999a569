"""Runs, attempts, jobs, workflows, repositories and people as GitHub's JSON: the same keys, types and address forms."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha1
from itertools import pairwise
from urllib.parse import quote

from simulator.github.words import words_for
from simulator.history import Attempt, Commit, Job, Person, Phase, Repository, Run, State, Workflow, job_state_at
from simulator.lineage import Link

Json = Mapping[str, object]

# What every repository object carries beside its names: key -> what follows its own address.
_REPOSITORY_ADDRESSES = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}

_PERSON_ADDRESSES = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


@dataclass(frozen=True, slots=True)
class View:
    """From where and when things are looked at: the API's own address and the provider's clock."""

    base: str
    now: datetime


def stamp(instant: datetime) -> str:
    """An instant as GitHub writes it: UTC, whole seconds, `Z`."""
    return instant.isoformat()[:19] + "Z"


def node_id(prefix: str, number: int) -> str:
    """An opaque id of the newer form."""
    return f"{prefix}_{urlsafe_b64encode(number.to_bytes(9, 'big')).decode()}"


@lru_cache(maxsize=256)
def account(base: str, login: str, number: int, kind: str) -> Json:
    """A user, bot or organisation as it is embedded everywhere."""
    url = f"{base}/users/{quote(login, safe='[]')}"
    head = {
        "login": login,
        "id": number,
        "node_id": node_id("O" if kind == "Organization" else "U", number),
        "avatar_url": f"{base}/avatars/{number}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{base}/{quote(login, safe='[]')}",
    }
    tail = {"type": kind, "user_view_type": "public", "site_admin": False}
    return head | {key: url + path for key, path in _PERSON_ADDRESSES.items()} | tail


def person(view: View, someone: Person) -> Json:
    """A person as an actor."""
    return account(view.base, someone.login, someone.id, "Bot" if someone.is_bot else "User")


def repository(view: View, subject: Repository) -> Json:
    """A repository as it is embedded in runs."""
    return _repository(view.base, subject, subject.name_at(view.now))


@lru_cache(maxsize=64)
def _repository(base: str, subject: Repository, name: str) -> Json:
    owner = account(base, subject.owner, subject.owner_id, "Organization")
    return _repository_object(base, owner, name, subject.id, subject.is_private, is_fork=False)


def _repository_object(base: str, owner: Json, name: str, number: int, is_private: bool, *, is_fork: bool) -> Json:
    full_name = f"{owner['login']}/{name}"
    url = f"{base}/repos/{full_name}"
    head = {
        "id": number,
        "node_id": node_id("R", number),
        "name": name,
        "full_name": full_name,
        "private": is_private,
        "owner": owner,
        "html_url": f"{base}/{full_name}",
        "description": f"Everything about {name}",
        "fork": is_fork,
        "url": url,
    }
    return head | {key: url + path for key, path in _REPOSITORY_ADDRESSES.items()}


def full_repository(view: View, subject: Repository) -> Json:
    """A repository as its own route shows it."""
    page = f"{view.base}/{subject.full_name_at(view.now)}"
    return {
        **repository(view, subject),
        "created_at": stamp(subject.created_at),
        "updated_at": stamp(subject.created_at),
        "pushed_at": stamp(subject.created_at),
        "git_url": page.replace("http://", "git://") + ".git",
        "ssh_url": f"git@localhost:{subject.full_name_at(view.now)}.git",
        "clone_url": page + ".git",
        "svn_url": page,
        "homepage": None,
        "size": 12,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 1,
        "mirror_url": None,
        "archived": subject.is_archived,
        "disabled": False,
        "open_issues_count": 7,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if subject.is_private else "public",
        "forks": 1,
        "open_issues": 7,
        "watchers": 0,
        "default_branch": subject.default_branch,
        "temp_clone_token": None,
        "organization": account(view.base, subject.owner, subject.owner_id, "Organization"),
        "network_count": 1,
        "subscribers_count": 10,
    }


def workflow(view: View, subject: Repository, definition: Workflow) -> Json:
    """A workflow; these are the dates GitHub writes with milliseconds."""
    full_name = subject.full_name_at(view.now)
    page = f"{view.base}/{full_name}"
    return {
        "id": definition.id,
        "node_id": node_id("W", definition.id),
        "name": definition.name,
        "path": definition.path,
        "state": "active",
        "created_at": f"{subject.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "updated_at": f"{subject.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "url": f"{view.base}/repos/{full_name}/actions/workflows/{definition.id}",
        "html_url": f"{page}/blob/{subject.default_branch}/{definition.path}",
        "badge_url": f"{page}/workflows/{quote(definition.name)}/badge.svg",
    }


def run(
    view: View, subject: Run, attempt: Attempt, phase: Phase, *, is_attempt: bool = False, with_pulls: bool = True
) -> Json:
    """A run as its latest attempt stands, or (`is_attempt`) one attempt as its own route shows it.

    Only the attempt's own route gives the attempt's creation; everywhere else `created_at` is the run's first.
    """
    status, conclusion = words_for(phase.state)
    full_name = subject.repository.full_name_at(view.now)
    url = f"{view.base}/repos/{full_name}/actions/runs/{subject.id}"
    suite = subject.id * 2 + 1
    here = repository(view, subject.repository)
    return {
        "id": subject.id,
        "name": subject.workflow.name,
        "node_id": node_id("WFR", subject.id),
        "head_branch": subject.branch,
        "head_sha": subject.commit.sha,
        "path": subject.workflow.path,
        "display_title": subject.title,
        "run_number": subject.number,
        "event": subject.event,
        "status": status,
        "conclusion": conclusion,
        "workflow_id": subject.workflow.id,
        "check_suite_id": suite,
        "check_suite_node_id": node_id("CS", suite),
        "url": url,
        "html_url": f"{view.base}/{full_name}/actions/runs/{subject.id}",
        "pull_requests": _pull_requests(view, subject) if with_pulls else [],
        "created_at": stamp(attempt.created_at if is_attempt else subject.created_at),
        "updated_at": stamp(phase.at),
        "actor": person(view, subject.actor),
        "run_attempt": attempt.number,
        "referenced_workflows": [],
        "run_started_at": stamp(attempt.run_started_at),
        "triggering_actor": person(view, attempt.starter),
        "jobs_url": f"{url}/jobs" if not is_attempt else f"{url}/attempts/{attempt.number}/jobs",
        "logs_url": f"{url}/logs" if not is_attempt else f"{url}/attempts/{attempt.number}/logs",
        "check_suite_url": f"{view.base}/repos/{full_name}/check-suites/{suite}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{attempt.number - 1}" if attempt.number > 1 else None,
        "workflow_url": f"{view.base}/repos/{full_name}/actions/workflows/{subject.workflow.id}",
        "head_commit": _head_commit(subject.commit),
        "repository": here,
        "head_repository": _head_repository(view, subject, here),
    }


def compared(view: View, subject: Repository, links: Sequence[Link], shown: Sequence[Link], base: str) -> Json:
    """A comparison of two commits: all `links` counted, a page of them `shown`, oldest first; files are left out."""
    url = f"{view.base}/repos/{subject.full_name_at(view.now)}"
    head = links[-1].commit.sha if links else base
    return {
        "url": f"{url}/compare/{base}...{head}",
        "html_url": f"{view.base}/{subject.full_name_at(view.now)}/compare/{base}...{head}",
        "base_commit": {"sha": base, "url": f"{url}/commits/{base}"},
        "merge_base_commit": {"sha": base, "url": f"{url}/commits/{base}"},
        "status": "ahead" if links else "identical",
        "ahead_by": len(links),
        "behind_by": 0,
        "total_commits": len(links),
        "commits": [_compared_commit(url, link) for link in shown],
        "files": [],
    }


def _compared_commit(url: str, link: Link) -> Json:
    commit = link.commit
    author = {
        "name": commit.author.name,
        "email": f"{commit.author.id}@users.example",
        "date": stamp(commit.committed_at),
    }
    parents = [] if link.parent is None else [link.parent]
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha[:12]}",
        "commit": {
            "author": author,
            "committer": author,
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
            "comment_count": 0,
        },
        "url": f"{url}/commits/{commit.sha}",
        "parents": [{"sha": sha, "url": f"{url}/commits/{sha}"} for sha in parents],
    }


def _head_commit(commit: Commit) -> Json:
    mail = {"name": commit.author.name, "email": f"{commit.author.id}@users.example"}
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": stamp(commit.committed_at),
        "author": mail,
        "committer": mail,
    }


def _head_repository(view: View, subject: Run, here: Json) -> Json | None:
    """Where the commit lives: the repository itself, a fork, or nothing any more when the fork was deleted."""
    if subject.fork_owner is None:
        return here
    if subject.is_fork_deleted:
        return None
    owner = person(view, subject.fork_owner)
    number = subject.repository.id + subject.fork_owner.id
    return _repository_object(view.base, owner, str(here["name"]), number, is_private=False, is_fork=True)


def _pull_requests(view: View, subject: Run) -> list[Json]:
    """The pull requests of a run; runs from forks show none."""
    if subject.pull_number is None or subject.fork_owner is not None:
        return []
    name = subject.repository.name_at(view.now)
    url = f"{view.base}/repos/{subject.repository.full_name_at(view.now)}"
    where = {"id": subject.repository.id, "url": url, "name": name}
    return [
        {
            "url": f"{url}/pulls/{subject.pull_number}",
            "id": subject.repository.id * 1000 + subject.pull_number,
            "number": subject.pull_number,
            "head": {"ref": subject.branch, "sha": subject.commit.sha, "repo": where},
            "base": {"ref": subject.repository.default_branch, "sha": subject.commit.tree, "repo": where},
        }
    ]


def job(view: View, subject: Run, attempt: Attempt, part: Job) -> Json:
    """A job as it stands; one that waits has no runner yet, and its start repeats its creation."""
    state = job_state_at(part, view.now)
    status, conclusion = words_for(state)
    full_name = subject.repository.full_name_at(view.now)
    url = f"{view.base}/repos/{full_name}"
    is_queued = state is State.QUEUED
    is_finished = conclusion is not None
    has_runner = not is_queued and state is not State.SKIPPED
    return {
        "id": part.id,
        "run_id": subject.id,
        "workflow_name": subject.workflow.name,
        "head_branch": subject.branch,
        "run_url": f"{url}/actions/runs/{subject.id}",
        "run_attempt": attempt.number,
        "node_id": node_id("CR", part.id),
        "head_sha": subject.commit.sha,
        "url": f"{url}/actions/jobs/{part.id}",
        "html_url": f"{view.base}/{full_name}/actions/runs/{subject.id}/job/{part.id}",
        "status": status,
        "conclusion": conclusion,
        "created_at": stamp(part.created_at),
        "started_at": stamp(part.created_at if is_queued or part.started_at is None else part.started_at),
        "completed_at": stamp(part.finished_at) if is_finished and part.finished_at is not None else None,
        "name": part.name,
        "steps": [] if not has_runner else _steps(part, view.now),
        "check_run_url": f"{url}/check-runs/{part.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1_000_000_000 + part.runner if has_runner else None,
        "runner_name": f"GitHub Actions {1_000_000_000 + part.runner}" if has_runner else None,
        "runner_group_id": 0 if has_runner else None,
        "runner_group_name": "GitHub Actions" if has_runner else None,
    }


def _steps(part: Job, now: datetime) -> list[Json]:
    """Three steps that share the job's time; the middle one carries its verdict."""
    if part.started_at is None or part.finished_at is None:
        return []
    length = part.finished_at - part.started_at
    edges = [part.started_at, part.started_at + length * 0.2, part.started_at + length * 0.9, part.finished_at]
    verdicts = (State.PASSED, part.verdict, State.PASSED)
    names = ("Set up job", f"Run {part.name}", "Complete job")
    spans = pairwise(edges)
    return [
        _step(number, name, span, verdict, now)
        for number, (name, span, verdict) in enumerate(zip(names, spans, verdicts, strict=True), start=1)
    ]


def _step(number: int, name: str, span: tuple[datetime, datetime], verdict: State, now: datetime) -> Json:
    started_at, ended_at = span
    state = verdict if ended_at <= now else State.RUNNING if started_at <= now else State.QUEUED
    status, conclusion = words_for(state)
    return {
        "name": name,
        "status": status,
        "conclusion": conclusion,
        "number": number,
        "started_at": stamp(started_at) if started_at <= now else None,
        "completed_at": stamp(ended_at) if ended_at <= now else None,
    }


def user(view: View, someone: Person) -> Json:
    """The account a token belongs to, as `/user` shows it."""
    return {
        **person(view, someone),
        "name": someone.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 3,
        "public_gists": 0,
        "followers": 1,
        "following": 1,
        "created_at": "2011-12-22T11:03:22Z",
        "updated_at": "2021-04-04T11:26:23Z",
    }


def request_id(target: str, now: datetime) -> str:
    """Something that looks like a request id and is the same for the same request."""
    digest = sha1(f"{target} {now.isoformat()}".encode(), usedforsecurity=False).hexdigest().upper()
    return f"{digest[:4]}:{digest[4:9]}:{digest[9:16]}:{digest[16:23]}:{digest[23:31]}"
