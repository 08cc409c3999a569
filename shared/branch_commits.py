"""The commits that were built on a branch, newest first: by their first build in these pipelines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy.orm import Session

from shared.rows import Row, rows

EXAMINED = 6_000
"""How many builds of the pipelines, and again of the branches, are looked at for one page."""

MOST_BRANCHES = 20
"""Branches by so many names are walked by name, too; a page that needs more is found by the pipelines alone."""

BUILDS_OF_COMMIT = 1_000
"""So many builds of one commit are looked at, those of other pipelines and branches included."""

MICROSECOND = timedelta(microseconds=1)
END_OF_TIME = datetime.fromisoformat("9999-01-01T00:00:00Z")

CommitPosition: TypeAlias = tuple[datetime, str]
"""When a commit's first build was queued, and its hash: what comes after it is older."""

NEWEST: CommitPosition = (END_OF_TIME, "")


@dataclass(frozen=True, slots=True)
class BranchOf:
    """Which builds of which pipelines: on these branches; on each pipeline's default branch where none is named."""

    pipelines: tuple[int, ...]
    default_branches: tuple[str | None, ...]
    named: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names the branches have; none where a pipeline's builds on any branch are meant."""
        if self.named:
            return sorted(set(self.named))
        return [] if None in self.default_branches else sorted(set(filter(None, self.default_branches)))

    @property
    def parameters(self) -> dict[str, object]:
        """What SHOWN and `is_on_branch` are given."""
        found: dict[str, object] = {"pipelines": list(self.pipelines), "defaults": list(self.default_branches)}
        return found | ({"branch": sorted(set(self.named))} if self.named else {})

    @property
    def is_on_branch(self) -> str:
        """SQL over `b` (builds) and `s` (SHOWN)."""
        if self.named:
            return "b.branch = ANY(:branch)"
        return "(s.default_branch IS NULL OR b.branch = s.default_branch)"


SHOWN = """
    shown AS MATERIALIZED (
        SELECT id, place - 1 AS place, default_branch
        FROM unnest(CAST(:pipelines AS bigint[]), CAST(:defaults AS text[]))
             WITH ORDINALITY AS s(id, default_branch, place)
    )
"""
"""The pipelines, by the place in which they were given, as SQL."""


@dataclass(frozen=True, slots=True)
class CommitPage:
    """Commits, newest first, and from below where the next page goes on; None: the end.

    A page may be short, even empty, with `next` set: so far was looked.
    """

    rows: list[Row]
    next: CommitPosition | None


# Two walks that both find true builds, each complete down to where it gave up: by the pipelines, which may be busy on
# other branches, and by the branch, which may be busy in other pipelines. Together they are complete down to the lower.
_WALK = """
    WITH {shown},
    by_pipeline AS MATERIALIZED (
        SELECT b.* FROM shown s CROSS JOIN LATERAL (
            SELECT b.id, b.pipeline_id, b.branch, b.commit_sha, b.queued_at FROM builds b
            WHERE b.pipeline_id = s.id AND {before} ORDER BY b.queued_at DESC, b.id DESC LIMIT {of_pipeline}
        ) b
    ),
    by_branch AS MATERIALIZED (
        SELECT b.* FROM unnest(CAST(:names AS text[])) AS n(name) CROSS JOIN LATERAL (
            SELECT b.id, b.pipeline_id, b.branch, b.commit_sha, b.queued_at FROM builds b
            WHERE b.branch = n.name AND {before} ORDER BY b.queued_at DESC, b.id DESC LIMIT {of_branch}
        ) b
    ),
    reached AS (
        SELECT CASE WHEN cardinality(CAST(:names AS text[])) > 0 THEN least(p.at, n.at) ELSE p.at END AS at
        FROM (SELECT coalesce(max(last), '-infinity') AS at FROM (
                  SELECT min(queued_at) AS last FROM by_pipeline GROUP BY pipeline_id HAVING count(*) = {of_pipeline}
              ) stopped) p,
             (SELECT coalesce(max(last), '-infinity') AS at FROM (
                  SELECT min(queued_at) AS last FROM by_branch GROUP BY branch HAVING count(*) = {of_branch}
              ) stopped) n
    ),
    seen AS (
        SELECT b.commit_sha, b.queued_at, b.id
        FROM (SELECT * FROM by_pipeline UNION ALL SELECT * FROM by_branch) b JOIN shown s ON s.id = b.pipeline_id
        WHERE b.commit_sha IS NOT NULL AND b.queued_at > (SELECT at FROM reached) AND {is_on_branch}
    ),
    candidate AS MATERIALIZED (
        SELECT commit_sha, min(queued_at) AS queued_at,
               (array_agg(id ORDER BY queued_at, id))[1] AS first_build_id
        FROM seen GROUP BY commit_sha
        HAVING (min(queued_at), commit_sha COLLATE "C") < (:at, :sha COLLATE "C")
        ORDER BY 2 DESC, commit_sha COLLATE "C" DESC LIMIT {candidates}
    )
    SELECT c.commit_sha AS sha, split_part(b.commit_message, chr(10), 1) AS message, b.author, r.name AS repository,
           c.queued_at, older.is_there AS is_older,
           nullif((SELECT at FROM reached), '-infinity') AS reached_at
    FROM (SELECT) one
    LEFT JOIN candidate c ON true
    LEFT JOIN builds b ON b.id = c.first_build_id
    LEFT JOIN pipelines p ON p.id = b.pipeline_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN LATERAL (
        SELECT true AS is_there
        FROM (SELECT b.pipeline_id, b.branch, b.queued_at FROM builds b
              WHERE b.commit_sha = c.commit_sha LIMIT {of_commit}) b
        JOIN shown s ON s.id = b.pipeline_id
        WHERE b.queued_at < c.queued_at AND {is_on_branch} LIMIT 1
    ) older ON true
    ORDER BY c.queued_at DESC, c.commit_sha COLLATE "C" DESC
"""


_NAMED = f"""
    WITH {SHOWN}
    SELECT c.sha, split_part(b.commit_message, chr(10), 1) AS message, b.author, r.name AS repository, b.queued_at
    FROM unnest(CAST(:shas AS text[])) AS c(sha)
    CROSS JOIN LATERAL (
        SELECT b.* FROM (SELECT * FROM builds b WHERE b.commit_sha = c.sha LIMIT {BUILDS_OF_COMMIT}) b
        JOIN shown s ON s.id = b.pipeline_id
        WHERE {{is_on_branch}} ORDER BY b.queued_at, b.id LIMIT 1
    ) b
    JOIN pipelines p ON p.id = b.pipeline_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    ORDER BY b.queued_at DESC, c.sha COLLATE "C" DESC
"""


def named_commits(session: Session, branch: BranchOf, shas: Sequence[str]) -> CommitPage:
    """Those of these commits that were built there, as `branch_commits` has them. One statement."""
    statement = _NAMED.format(is_on_branch=branch.is_on_branch)
    return CommitPage(rows(session, statement, branch.parameters | {"shas": sorted(set(shas))}), None)


def branch_commits(
    session: Session, branch: BranchOf, *, limit: int, after: CommitPosition | None = None
) -> CommitPage:
    """At most `limit` commits from below `after` on: `sha, message, author, repository, queued_at` of the first build.

    A commit stands where its first build does, so pages neither repeat nor skip one, however often it is built later.
    Builds that name no commit have no row. One statement.
    """
    if not branch.pipelines:
        return CommitPage([], None)
    at, sha = after or NEWEST
    names = branch.names if len(branch.names) <= MOST_BRANCHES else []
    candidates = 2 * limit + 1
    statement = _WALK.format(
        shown=SHOWN,
        before="b.queued_at <= :at" if sha else "b.queued_at < :at",
        of_pipeline=max(1, EXAMINED // len(branch.pipelines)),
        of_branch=max(1, EXAMINED // max(1, len(names))),
        is_on_branch=branch.is_on_branch,
        candidates=candidates,
        of_commit=BUILDS_OF_COMMIT,
    )
    found = rows(session, statement, branch.parameters | {"names": names, "at": at, "sha": sha})
    reached = found[0]["reached_at"]
    known = [row for row in found if row["sha"] is not None]
    first_built = [_commit(row) for row in known if not row["is_older"]]
    if len(first_built) > limit:
        return CommitPage(first_built[:limit], _position(first_built[limit - 1]))
    if len(known) == candidates:
        return CommitPage(first_built, _position(known[-1]))
    return CommitPage(first_built, _below(reached, (at, sha)) if isinstance(reached, datetime) else None)


def _commit(row: Row) -> Row:
    return {name: row[name] for name in ("sha", "message", "author", "repository", "queued_at")}


def _position(row: Row) -> CommitPosition:
    queued_at = row["queued_at"]
    assert isinstance(queued_at, datetime)  # noqa: S101 (of a build, which always has it)
    return queued_at, str(row["sha"])


def _below(reached: datetime, position: CommitPosition) -> CommitPosition:
    """Where a walk goes on that gave up at an instant, whose other builds it may not have seen; always further down."""
    following = (reached + MICROSECOND, "")
    return following if following < position else (reached, "")
