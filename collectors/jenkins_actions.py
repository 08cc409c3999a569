"""What the `actions` of a Jenkins build tell: who or what started it, what it built, how long it waited."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collectors.fields import NAME, Fields
from collectors.jenkins_status import AGAIN, EVENTS, INTERRUPTIONS, class_name
from shared.status import CancelReason

_REMOTE = re.compile(r"^(?:\w+://(?:[^@/]+@)?|[^@/]+@)?([^:/]+)(?::\d+/|[:/])(.+?)(?:\.git)?/*$")
_REF = re.compile(r"^(?:refs/)?(?:remotes/|heads/)?(?:origin/)?")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Start:
    """Why a build began: `event` in our words, `author` by the id Jenkins knows the person under."""

    event: str | None = None
    author: str | None = None
    upstream: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """What was built."""

    sha: str | None = None
    branch: str | None = None
    repository_id: str | None = None
    repository_name: str | None = None


def read_start(actions: Sequence[Fields]) -> Start:
    """From all causes of a build: several triggers that waited together are one build with several causes."""
    causes = list(_causes(actions))
    events = [event for cause in causes if (event := _event(cause)) is not None]
    event = next((word for word in events if word in AGAIN), events[0] if events else None)
    people = (cause.text("userId") or cause.text("userName") for cause in causes)
    author = next((who for who in people if who and who != "anonymous"), None)
    return Start(event, author, next(_upstreams(causes), None))


def read_revision(actions: Sequence[Fields], branch: str | None) -> Revision:
    """Of several revisions the one of the job's own branch, else the first: shared libraries add theirs behind it."""
    found = [action for action in actions if action.has("lastBuiltRevision")]
    if not found:
        return Revision(branch=branch)
    own = [action for action in found if branch is not None and branch in _branches(action)]
    chosen = (own or found)[0]
    names = _branches(chosen)
    sha = (chosen.inside("lastBuiltRevision").text("SHA1", 64) or "").lower()
    repository = _repository(chosen)
    return Revision(
        sha=sha if _SHA.fullmatch(sha) else None,
        branch=branch or next(iter(names), None),
        repository_id=repository,
        repository_name=None if repository is None else repository.partition("/")[2],
    )


def read_queued_seconds(actions: Sequence[Fields]) -> float | None:
    """How long it waited, where the metrics plugin tells; a Pipeline's real wait is that of its parts."""
    keys = ("queuingDurationMillis", "queuingTimeMillis")
    told = [millis for action in actions for key in keys if (millis := action.whole(key)) is not None]
    return max(told) / 1000 if told else None


def read_cancel_reason(actions: Sequence[Fields]) -> CancelReason | None:
    """Why it was aborted, where the interruption says so."""
    for action in actions:
        if class_name(action) == "InterruptedBuildAction":
            for cause in action.listed("causes"):
                if (reason := INTERRUPTIONS.get(class_name(cause))) is not None:
                    return reason
    return None


def is_of_branch(actions: Sequence[Fields]) -> bool:
    """Whether a cause says that the job is a branch of a multibranch project."""
    return any((cause.text("_class") or "").startswith("jenkins.branch.") for cause in _causes(actions))


def _causes(actions: Sequence[Fields]) -> Iterator[Fields]:
    for action in actions:
        if class_name(action) != "InterruptedBuildAction":
            yield from action.listed("causes")


def _event(cause: Fields) -> str | None:
    name, words = class_name(cause), cause.text("shortDescription") or ""
    if name in ("BranchEventCause", "") and words.startswith("Pull request"):
        return "pull_request"
    if name in EVENTS:
        return EVENTS[name]
    if name:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Cause")).lower()[:64] or None
    # Old cores do not tell the class of a cause; only a person's has these fields.
    return "manual" if words.startswith("Started by user") else None


def _upstreams(causes: Sequence[Fields]) -> Iterator[tuple[str, int]]:
    for cause in causes:
        project, number = cause.text("upstreamProject", NAME * 4), cause.whole("upstreamBuild", smallest=1)
        if project is not None and number is not None:
            yield project, number


def _branches(action: Fields) -> list[str]:
    names = (row.text("name") for row in action.inside("lastBuiltRevision").listed("branch"))
    return [_REF.sub("", name) for name in names if name and name != "detached"]


def _repository(action: Fields) -> str | None:
    """`host/owner/name` of the first remote address, without the credential that some carry."""
    for url in action.texts("remoteUrls"):
        match = _REMOTE.match(url)
        if match is not None:
            return f"{match[1].lower()}/{match[2].strip('/')}"
    return None
