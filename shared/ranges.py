"""Commits between two: what comparisons and pushes told, and which comparisons are still to be made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.rows import Row, as_int, rows

MOST_COMMITS = 250
"""A range is told and walked no further: who looks for a culprit among more needs a bisection, not a list."""

MOST_OLDER = 5_000
"""So many commits of the base's own past are known again; a line that leads further back is not followed to its end."""

_IS_REQUEST = "(coalesce({b}.event, '') ~ '^(external_)?(pull|merge)_request')"
"""Whether a build is of a pull or merge request: it may come from a fork, whose `main` is another than ours."""

# Where a branch broke: the first verdict that is not "succeeded" after one that is. Only of late, and only where the
# builds are of different commits. A range that cannot be had is noted as well, so each is asked for once.
_BROKEN = text(f"""
    SELECT DISTINCT ON (v.queued_at, v.repository_id, v.base_sha, v.head_sha) v.repository_id, v.base_sha, v.head_sha
    FROM (
        SELECT p.repository_id, b.status, b.commit_sha AS head_sha, b.queued_at,
               lag(b.status) OVER before AS status_before, lag(b.commit_sha) OVER before AS base_sha
        FROM pipelines p JOIN builds b ON b.pipeline_id = p.id
        WHERE p.source_id = :source AND p.repository_id IS NOT NULL AND b.queued_at > :since
          AND b.status IN ('succeeded', 'failed', 'timed_out') AND b.branch IS NOT NULL AND b.commit_sha IS NOT NULL
        WINDOW before AS (
            PARTITION BY b.pipeline_id, b.branch, {_IS_REQUEST.format(b="b")} ORDER BY b.queued_at, b.id)
    ) v
    WHERE v.status <> 'succeeded' AND v.status_before = 'succeeded' AND v.base_sha <> v.head_sha
      AND NOT EXISTS (SELECT FROM compared c WHERE c.repository_id = v.repository_id
                        AND c.base_sha = v.base_sha AND c.head_sha = v.head_sha)
    ORDER BY v.queued_at DESC, v.repository_id, v.base_sha, v.head_sha LIMIT :most
""")

_NOTE = text("""
    INSERT INTO compared AS c (repository_id, base_sha, head_sha, shas, is_complete, reason)
    VALUES (:repository, :base, :head, CAST(:shas AS text[]), :is_complete, :reason)
    ON CONFLICT (repository_id, base_sha, head_sha) DO UPDATE
    SET shas = excluded.shas, is_complete = excluded.is_complete, reason = excluded.reason,
        compared_at = clock_timestamp()
""")

_COMMITS = text("""
    INSERT INTO commits AS c (repository_id, sha, message, author, committed_at)
    SELECT :repository, n.sha, n.message, n.author, n.committed_at
    FROM json_to_recordset(CAST(:commits AS json)) AS n (sha text, message text, author text, committed_at timestamptz)
    ORDER BY n.sha
    ON CONFLICT (repository_id, sha) DO UPDATE
    SET message = coalesce(c.message, excluded.message), author = coalesce(c.author, excluded.author),
        committed_at = coalesce(c.committed_at, excluded.committed_at)
""")

_PARENTS = text("""
    INSERT INTO commit_parents (repository_id, sha, parent_sha, place)
    SELECT :repository, n.sha, n.parent, n.place
    FROM json_to_recordset(CAST(:parents AS json)) AS n (sha text, parent text, place int)
    ORDER BY n.sha, n.parent
    ON CONFLICT DO NOTHING
""")

# What is reachable from the head and not from the base, each commit once, nearest first. Postgres makes rows of a
# recursive query only as they are taken, so the limits bound the walks, however often lines meet. A commit whose
# parents nobody told ends its line, which is what makes a range incomplete.
_BETWEEN = f"""
    WITH RECURSIVE reached AS (
        SELECT CAST(:base AS text) AS sha
        UNION
        SELECT c.parent_sha FROM reached o
        JOIN commit_parents c ON c.repository_id = :repository AND c.sha = o.sha
    ), older AS MATERIALIZED (
        SELECT sha FROM reached LIMIT {MOST_OLDER}
    ), newer AS (
        SELECT CAST(:head AS text) AS sha
        WHERE CAST(:head AS text) NOT IN (SELECT sha FROM older)
        UNION
        SELECT c.parent_sha FROM newer n
        JOIN commit_parents c ON c.repository_id = :repository AND c.sha = n.sha
        WHERE c.parent_sha NOT IN (SELECT sha FROM older)
    )
    SELECT n.sha, c.author, c.message, c.committed_at,
           EXISTS (SELECT FROM commit_parents k WHERE k.repository_id = :repository AND k.sha = n.sha) AS is_linked
    FROM (SELECT sha, row_number() OVER () AS place FROM newer LIMIT {MOST_COMMITS + 1}) n
    LEFT JOIN commits c ON c.repository_id = :repository AND c.sha = n.sha
    ORDER BY n.place
"""

_COMPARED = """
    SELECT is_complete, reason FROM compared
    WHERE repository_id = :repository AND base_sha = :base AND head_sha = :head
"""

_TOLD = """
    SELECT n.sha, c.author, c.message, c.committed_at
    FROM compared d CROSS JOIN LATERAL unnest(d.shas) WITH ORDINALITY AS n (sha, place)
    LEFT JOIN commits c ON c.repository_id = d.repository_id AND c.sha = n.sha
    WHERE d.repository_id = :repository AND d.base_sha = :base AND d.head_sha = :head
    ORDER BY n.place DESC
"""

# The verdict before: the newest build that succeeded among those of this pipeline and branch that were queued earlier.
_BEFORE = f"""
    SELECT b.id, b.commit_sha AS head_sha, b.branch, p.repository_id, i.provider, g.id AS base_build_id,
           g.commit_sha AS base_sha
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
    LEFT JOIN LATERAL (
        SELECT g.id, g.commit_sha FROM builds g
        WHERE g.pipeline_id = b.pipeline_id AND g.branch = b.branch AND g.status = 'succeeded'
          AND {_IS_REQUEST.format(b="g")} = {_IS_REQUEST.format(b="b")}
          AND g.commit_sha IS NOT NULL AND (g.queued_at, g.id) < (b.queued_at, b.id)
        ORDER BY g.queued_at DESC, g.id DESC LIMIT 1
    ) g ON true
    WHERE b.id = :build_id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A range of commits somebody will ask for."""

    repository_id: int
    base_sha: str
    head_sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One commit of a range; `parents` are the shas it was made from, the first parent first."""

    sha: str
    parents: tuple[str, ...] = ()
    author: str | None = None
    message: str | None = None
    committed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Between:
    """The commits in a head and not in a base, newest first; `reason` says in words why some are missing."""

    commits: list[Row]
    is_complete: bool
    reason: str | None = None


def broken_ranges(session: Session, source_id: int, since: datetime, *, most: int) -> list[Wanted]:
    """Where branches of this source broke since then, of those that were not compared yet; the newest first."""
    found = session.execute(_BROKEN, {"source": source_id, "since": since, "most": most})
    return [Wanted(*row) for row in found]


def record_range(
    session: Session, wanted: Wanted, members: Sequence[Member], *, is_complete: bool, reason: str | None = None
) -> None:
    """Keep what a comparison told, the oldest commit first, or (without members) why it told nothing."""
    given = {"repository": wanted.repository_id, "base": wanted.base_sha, "head": wanted.head_sha}
    session.execute(
        _NOTE, given | {"shas": [each.sha for each in members], "is_complete": is_complete, "reason": reason}
    )
    commits = [
        {"sha": each.sha, "message": each.message, "author": each.author, "committed_at": each.committed_at}
        for each in members
    ]
    parents = [
        {"sha": each.sha, "parent": parent, "place": place}
        for each in members
        for place, parent in enumerate(dict.fromkeys(each.parents))
    ]
    session.execute(_COMMITS, {"repository": wanted.repository_id, "commits": orjson.dumps(commits).decode()})
    session.execute(_PARENTS, {"repository": wanted.repository_id, "parents": orjson.dumps(parents).decode()})


def commits_between(session: Session, repository_id: int, base_sha: str, head_sha: str) -> Between:
    """The commits in `head_sha` that are not in `base_sha`, newest first, `MOST_COMMITS` at most.

    Three statements at most. What a whole comparison told is the answer; else the commits are walked from parent to
    parent, and where a line is lost before the base, a comparison that was cut short knows better.
    """
    given = {"repository": repository_id, "base": base_sha, "head": head_sha}
    compared = next(iter(rows(session, _COMPARED, given)), None)
    if compared is not None and compared["is_complete"]:
        return Between(rows(session, _TOLD, given), is_complete=True)
    walked = _walked(rows(session, _BETWEEN, given), compared)
    if walked.is_complete or compared is None:
        return walked
    told = rows(session, _TOLD, given)
    return Between(told, is_complete=False, reason=_missing(compared)) if told else walked


def _walked(found: list[Row], compared: Row | None) -> Between:
    """What a walk found: complete when every line leads to the base."""
    commits = [{name: row[name] for name in ("sha", "author", "message", "committed_at")} for row in found]
    if len(commits) > MOST_COMMITS:
        return Between(commits[:MOST_COMMITS], is_complete=False, reason=f"more than {MOST_COMMITS} commits")
    is_complete = all(row["is_linked"] for row in found)
    return Between(commits, is_complete=is_complete, reason=None if is_complete else _missing(compared))


def changes_of(session: Session, build_id: int) -> Row | None:
    """What a build built that the last one to succeed before it on its branch had not; None when there is no build."""
    row = next(iter(rows(session, _BEFORE, {"build_id": build_id})), None)
    if row is None:
        return None
    return {"build_id": row["id"]} | range_of(session, row)


def range_of(session: Session, row: Row) -> Row:
    """The commits from a good build's to a bad one's, as every answer shows them; three statements at most.

    The row says what is known of the two, null where nothing is: `repository_id`, `branch`, `base_build_id` and
    `base_sha` of the good one, `head_sha` of the bad one. Where they are of one commit there is none between them.
    """
    base_sha, head_sha = row["base_sha"], row["head_sha"]
    found = Between([], is_complete=False, reason=_unknown(row))
    if found.reason is None and base_sha == head_sha:
        found = Between([], is_complete=True)
    elif found.reason is None:
        found = commits_between(session, as_int(row["repository_id"]), str(base_sha), str(head_sha))
    return {
        "base_build_id": row["base_build_id"],
        "base_sha": base_sha,
        "head_sha": head_sha,
        "commits": found.commits,
        "is_complete": found.is_complete,
        "reason": found.reason,
    }


def _unknown(row: Row) -> str | None:
    """Why there is no range at all, in words."""
    if row["head_sha"] is None or row["repository_id"] is None:
        return "it is not known which commit of which repository was built"
    if row["branch"] is None:
        return "the build belongs to no branch"
    if row["base_build_id"] is None:
        return "no build succeeded on this branch before"
    return "it is not known which commit the last good build was of" if row["base_sha"] is None else None


def _missing(compared: Row | None) -> str:
    if compared is None:
        return "the provider was not asked for the commits between the two yet"
    return str(compared["reason"] or "not all of the commits between the two are known")
