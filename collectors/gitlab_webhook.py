"""What a webhook of GitLab's asks of us: pipelines and jobs name a pipeline to fetch, pushes move branches. Pure."""

from datetime import datetime

from collectors.fields import Fields
from collectors.gitlab_reading import named_by_webhook
from collectors.gitlab_status import STATUSES
from collectors.pushes import branch_of, commits_in, sha_in
from collectors.webhook import Fetch, Moved, Nothing, Subject, Task
from shared.branches import BranchChange, PushedRepository
from shared.status import FINISHED


def read(_event: str, body: object, host: str, received_at: datetime) -> Task:
    """What a delivery asks, by its `object_kind`: group, project and system hooks share it, `X-Gitlab-Event` not."""
    hook = Fields(body)
    kind = hook.text("object_kind") or hook.text("event_name") or "nameless"
    if kind in ("pipeline", "build", "job"):
        return _pipeline(kind, body, received_at)
    if kind == "push":
        return _push(hook, host, received_at)
    if kind == "tag_push":
        return Nothing("tags are not kept")
    return Nothing(f"{kind} events are not used; untick them at the provider")


def _pipeline(kind: str, body: object, received_at: datetime) -> Task:
    """The pipeline is fetched: its webhook has no instant of the last change to order it by (PROVIDERS §3.9)."""
    named = named_by_webhook(body)
    if named is None:
        return Nothing(f"a {kind} event that names no pipeline")
    hook = Fields(body)
    attributes = hook.inside("object_attributes")
    word = attributes.text("status") if kind == "pipeline" else None
    at = attributes.instant("finished_at") or received_at
    subject = Subject((named.project_path,) if named.project_path else (), named.project_external_id)
    return Fetch(subject, named.external_id, at, None if word is None else STATUSES.get(word) in FINISHED)


def _push(hook: Fields, host: str, received_at: datetime) -> Task:
    """A push has no instant of its own, so it counts from when it came; nor does it say whether it was forced.

    Its commits are at most twenty; `total_commits_count` tells whether some are missing.
    """
    project = hook.inside("project")
    external_id = project.identifier("id") or hook.identifier("project_id")
    path, branch = project.text("path_with_namespace"), branch_of(hook)
    if branch is None:
        return Nothing("a push that is not to a branch")
    if external_id is None or path is None:
        return Nothing("a push that does not say to which project")
    url, default_branch = project.link("web_url", host), project.text("default_branch")
    head, commits = sha_in(hook, "after"), commits_in(hook.listed("commits"))
    change = BranchChange(
        repository=PushedRepository(external_id=external_id, name=path, url=url, default_branch=default_branch),
        name=branch,
        at=received_at,
        is_dated=False,
        head_sha=head,
        before_sha=sha_in(hook, "before"),
        is_deleted=head is None,
        commits=commits,
        is_complete=bool(commits) and commits[-1].sha == head and hook.whole("total_commits_count") == len(commits),
    )
    return Moved(Subject((path,), external_id), change)
