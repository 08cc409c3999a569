"""What pushes of all providers have in common, read from untyped JSON. Pure."""

from collections.abc import Iterable

from collectors.fields import MESSAGE, NAME, Fields
from shared.branches import PushedCommit, known_sha

_BRANCH = "refs/heads/"
_SHA_CAP = 64


def branch_of(hook: Fields) -> str | None:
    """The branch in a push's `ref`; None for a tag or anything else."""
    ref = hook.text("ref", len(_BRANCH) + NAME) or ""
    return ref.removeprefix(_BRANCH) or None if ref.startswith(_BRANCH) else None


def sha_in(fields: Fields, key: str) -> str | None:
    """A commit's name in a field, None where it is zeros: there was none, or there is none any more."""
    return known_sha(fields.text(key, _SHA_CAP))


def commits_in(rows: Iterable[Fields]) -> tuple[PushedCommit, ...]:
    """The commits of a push in their order; what has no usable name is left out."""
    read = ((sha_in(row, "id"), row) for row in rows)
    return tuple(
        PushedCommit(
            sha=sha,
            message=row.text("message", MESSAGE),
            author=row.inside("author").text("name"),
            committed_at=row.instant("timestamp"),
        )
        for sha, row in read
        if sha is not None
    )
