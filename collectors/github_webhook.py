"""What a webhook of GitHub's asks of us: runs are recorded as they are, jobs are a hint, pushes move branches. Pure."""

from datetime import UTC, datetime, timedelta

from collectors.fields import Fields
from collectors.github_payload import parse_run
from collectors.pushes import branch_of, commits_in, sha_in
from collectors.webhook import LookSoon, Moved, Nothing, Subject, Task, Told
from shared.branches import BranchChange, PushedRepository
from shared.observation import Unreadable

MOST_COMMITS = 2048
"""A push lists no more [docs: webhook-events-and-payloads, push]; a list as long as this may be cut."""

_UNIX, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), 4_102_444_800


def read(event: str, body: object, host: str, received_at: datetime) -> Task:
    """What a delivery with this `X-GitHub-Event` asks; what the object says counts, `action` may disagree with it.

    `host` is where links may lead; `received_at` stands in for an instant that is not told.
    """
    hook = Fields(body)
    readers = {"workflow_run": _run, "workflow_job": _job, "push": _push, "create": _made, "delete": _made}
    reader = readers.get(event)
    if reader is None:
        return Nothing(f"{event} events are not used; untick them at the provider")
    subject = _subject(hook.inside("repository"))
    if subject is None:
        return Nothing(f"a {event} event that names no repository")
    if event in ("workflow_run", "workflow_job") and not hook.is_object(event):
        return Nothing(f"a {event} event without a {event}")
    return reader(event, body, subject, host, received_at)


def _subject(repository: Fields) -> Subject | None:
    name, number = repository.text("full_name"), repository.identifier("id")
    return None if name is None and number is None else Subject((name,) if name else (), number)


def _run(_event: str, body: object, subject: Subject, host: str, _received_at: datetime) -> Task:
    hook = Fields(body)
    run = body["workflow_run"] if isinstance(body, dict) else None
    parsed = parse_run(run, host, default_branch=hook.inside("repository").text("default_branch"))
    if isinstance(parsed, Unreadable):
        return Nothing(f"{parsed.reason}; the next poll will tell")
    return Told(subject, parsed, hook.inside("workflow_run").instant("updated_at"))


def _job(_event: str, body: object, subject: Subject, _host: str, received_at: datetime) -> Task:
    """A job alone is not the list of an attempt's jobs, and only a complete list is recorded."""
    job = Fields(body).inside("workflow_job")
    run_id = job.identifier("run_id")
    if run_id is None:
        return Nothing("a job without a usable run_id")
    instants = (job.instant("completed_at"), job.instant("started_at"), job.instant("created_at"))
    at = next((instant for instant in instants if instant is not None), received_at)
    return LookSoon(subject, run_id, job.whole("run_attempt", smallest=1) or 1, at)


def _push(_event: str, body: object, subject: Subject, host: str, received_at: datetime) -> Task:
    hook = Fields(body)
    branch, repository = branch_of(hook), _repository(hook.inside("repository"), host)
    if branch is None:
        return Nothing("a push that is not to a branch")
    if repository is None:
        return Nothing("a push that does not say to which repository")
    head, commits = sha_in(hook, "after"), commits_in(hook.listed("commits"))
    is_complete = bool(commits) and len(commits) < MOST_COMMITS and commits[-1].sha == head
    change = BranchChange(
        repository=repository,
        name=branch,
        at=_pushed_at(hook.inside("repository")) or received_at,
        head_sha=head,
        before_sha=sha_in(hook, "before"),
        is_deleted=head is None,
        commits=commits,
        is_complete=is_complete,
        is_forced=hook.flag("forced"),
    )
    return Moved(subject, change)


def _made(event: str, body: object, subject: Subject, host: str, received_at: datetime) -> Task:
    """`create` and `delete` name the branch and nothing more; a push tells where a new one points."""
    hook = Fields(body)
    name, repository = hook.text("ref"), _repository(hook.inside("repository"), host)
    if hook.text("ref_type") != "branch":
        return Nothing(f"{event} of a {hook.text('ref_type') or 'nameless ref'}, which is not kept")
    if name is None or repository is None:
        return Nothing(f"{event} of a branch without a name or a repository")
    at = _pushed_at(hook.inside("repository")) or received_at
    return Moved(subject, BranchChange(repository=repository, name=name, at=at, is_deleted=event == "delete"))


def _repository(fields: Fields, host: str) -> PushedRepository | None:
    external_id, name = fields.identifier("id"), fields.text("full_name")
    if external_id is None or name is None:
        return None
    url, default_branch = fields.link("html_url", host), fields.text("default_branch")
    return PushedRepository(external_id=external_id, name=name, url=url, default_branch=default_branch)


def _pushed_at(repository: Fields) -> datetime | None:
    """A number of seconds in a push, text everywhere else."""
    seconds = repository.whole("pushed_at", largest=_LATEST)
    return repository.instant("pushed_at") if seconds is None else _UNIX + timedelta(seconds=seconds)
