"""What pushes tell: where branches point, which commits came, what each was made from; in the caller's transaction.

Pushes may arrive in any order and any number of times. A branch shows the newest change by the provider's instant; of
two in the same second, or where the provider tells no instant, the one stands that says it came after the other.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRepository:
    """The repository of a push, by the provider's id; its name is only kept where it is not known yet."""

    external_id: str
    name: str
    url: str | None = None
    default_branch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedCommit:
    """One commit of a push."""

    sha: str
    message: str | None = None
    author: str | None = None
    committed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchChange:
    """A branch pushed, made or deleted at an instant.

    `head_sha` and `before_sha` are None where the provider does not say, or there was none. `commits` come oldest
    first; `is_complete` says that they are all between the two, `is_forced` that `before_sha` need not be an ancestor
    (None: not told). Unless `is_dated`, `at` is only when we were told.
    """

    repository: PushedRepository
    name: str
    at: datetime
    is_dated: bool = True
    head_sha: str | None = None
    before_sha: str | None = None
    is_deleted: bool = False
    commits: tuple[PushedCommit, ...] = ()
    is_complete: bool = False
    is_forced: bool | None = None


def known_sha(told: str | None) -> str | None:
    """A commit's name; None for none, which git writes as zeros."""
    return told if told is not None and _SHA.fullmatch(told) and told.strip("0") else None


def parents(change: BranchChange) -> tuple[tuple[str, str], ...]:
    """(commit, a parent of it) as far as the push proves them. Pure.

    Of a single commit the head before is a parent for certain. Several may be a straight line or a merge with the
    commits of its side, and neither their order nor a message says which: a false parent would never be corrected.
    """
    if not change.is_complete or change.is_forced is not False or change.before_sha is None:
        return ()
    return ((change.commits[0].sha, change.before_sha),) if len(change.commits) == 1 else ()


_MAKE_REPOSITORY = text("""
    INSERT INTO repositories (instance_id, external_id, name, url, default_branch)
    VALUES (:instance, :external_id, :name, :url, :default_branch)
    ON CONFLICT (instance_id, external_id) DO NOTHING
""")

# A statement of its own, so that it sees a repository that another process made in the meantime.
_REPOSITORY = text("SELECT id FROM repositories WHERE instance_id = :instance AND external_id = :external_id")

# Where a deleted branch points is kept until it is made again: the push that does so finds nothing there.
_BRANCH = text("""
    INSERT INTO branches AS b (repository_id, name, head_sha, before_sha, moved_at, deleted_at)
    VALUES (:repository, :name, :head, :before, :at, CASE WHEN :is_deleted THEN CAST(:at AS timestamptz) END)
    ON CONFLICT (repository_id, name) DO UPDATE
    SET head_sha = CASE WHEN b.deleted_at IS NOT NULL AND excluded.deleted_at IS NULL THEN excluded.head_sha
                        ELSE coalesce(excluded.head_sha, b.head_sha) END,
        before_sha = excluded.before_sha, moved_at = excluded.moved_at, deleted_at = excluded.deleted_at
    WHERE b.moved_at IS NULL OR b.moved_at < excluded.moved_at
       OR b.moved_at = excluded.moved_at
          AND (b.head_sha, b.deleted_at) IS DISTINCT FROM
              (coalesce(excluded.head_sha, b.head_sha), excluded.deleted_at)
          AND CASE WHEN b.deleted_at IS NULL THEN b.head_sha END IS NOT DISTINCT FROM :before
    RETURNING 1
""")

# A change that leads to where the branch came from, and not from where it is, was overtaken by what followed it. The
# branch then came from where that change did, so that one which was overtaken by several is known as well.
_OVERTAKEN = text("""
    UPDATE branches SET before_sha = :before
    WHERE repository_id = :repository AND name = :name AND moved_at IS NOT NULL
      AND before_sha IS NOT DISTINCT FROM :head
      AND CASE WHEN deleted_at IS NULL THEN head_sha END IS DISTINCT FROM :before
    RETURNING 1
""")

_COMMITS = text("""
    INSERT INTO commits AS c (repository_id, sha, message, author, committed_at)
    SELECT DISTINCT ON (p.sha) :repository, p.*
    FROM unnest(CAST(:shas AS text[]), CAST(:messages AS text[]), CAST(:authors AS text[]),
                CAST(:instants AS timestamptz[])) AS p (sha, message, author, committed_at)
    ORDER BY p.sha
    ON CONFLICT (repository_id, sha) DO UPDATE
    SET message = coalesce(c.message, excluded.message), author = coalesce(c.author, excluded.author),
        committed_at = coalesce(c.committed_at, excluded.committed_at)
    WHERE c.message IS NULL AND excluded.message IS NOT NULL
       OR c.author IS NULL AND excluded.author IS NOT NULL
       OR c.committed_at IS NULL AND excluded.committed_at IS NOT NULL
""")

_PARENTS = text("""
    INSERT INTO commit_parents (repository_id, sha, parent_sha)
    SELECT :repository, p.sha, p.parent
    FROM unnest(CAST(:shas AS text[]), CAST(:parents AS text[])) AS p (sha, parent)
    ORDER BY p.sha, p.parent
    ON CONFLICT DO NOTHING
""")


def record(session: Session, instance_id: int, change: BranchChange) -> bool:
    """Keep what one push told; False when the branch stood newer already. A constant number of statements."""
    repository = _repository(session, instance_id, change.repository)
    has_moved = _move(session, repository, change)
    if change.commits:
        session.execute(_COMMITS, {"repository": repository, **_columns(change.commits)})
    if edges := parents(change):
        shas, from_shas = zip(*edges, strict=True)
        session.execute(_PARENTS, {"repository": repository, "shas": list(shas), "parents": list(from_shas)})
    return has_moved


def _move(session: Session, repository: int, change: BranchChange) -> bool:
    where = {"repository": repository, "name": change.name}
    given = where | {"head": change.head_sha, "before": change.before_sha}
    if not change.is_dated and session.execute(_OVERTAKEN, given).first() is not None:
        return False
    dated = {"at": change.at, "is_deleted": change.is_deleted}
    return session.execute(_BRANCH, given | dated).first() is not None


def _repository(session: Session, instance_id: int, pushed: PushedRepository) -> int:
    """The id of the repository, which a push may be the first to tell of."""
    identity = {"instance": instance_id, "external_id": pushed.external_id}
    known: int | None = session.scalar(_REPOSITORY, identity)
    if known is not None:
        return known
    session.execute(_MAKE_REPOSITORY, identity | asdict(pushed))
    made: int = session.execute(_REPOSITORY, identity).scalar_one()
    return made


def _columns(commits: Sequence[PushedCommit]) -> dict[str, list[object]]:
    return {
        "shas": [each.sha for each in commits],
        "messages": [each.message for each in commits],
        "authors": [each.author for each in commits],
        "instants": [each.committed_at for each in commits],
    }
