"""The commits between two, as GitLab compares them."""

from collections.abc import Callable, Iterator, Mapping

from collectors.base import CommitRange, RangeCommit
from collectors.fields import MESSAGE, Fields
from shared.errors import MalformedPayload
from shared.http.client import Answer

MOST_COMMITS = 250

Ask = Callable[[str, Mapping[str, str | int]], Answer]


def fetch_range(ask: Ask, base_sha: str, head_sha: str) -> CommitRange:
    """What `repository/compare` tells: all commits at once, of which the newest `MOST_COMMITS` are taken."""
    answer = ask("/repository/compare", {"from": base_sha, "to": head_sha, "straight": "false"})
    commits = tuple(parse_commits(answer.payload))
    if Fields(answer.payload).is_true("compare_timeout"):
        reason = "GitLab gave up comparing the two"
        return CommitRange(commits=commits[-MOST_COMMITS:], is_complete=False, reason=reason)
    if len(commits) > MOST_COMMITS:
        reason = f"{MOST_COMMITS} of {len(commits)} commits were collected"
        return CommitRange(commits=commits[-MOST_COMMITS:], is_complete=False, reason=reason)
    return CommitRange(commits=commits)


def parse_commits(payload: object) -> Iterator[RangeCommit]:
    """The commits of a comparison, oldest first. Raises MalformedPayload without a list."""
    fields = Fields(payload)
    if not isinstance(payload, dict) or not isinstance(payload.get("commits"), list):
        raise MalformedPayload("GitLab's comparison holds no list of commits")
    for row in fields.listed("commits"):
        sha = row.text("id", 64)
        if sha is not None:
            yield RangeCommit(
                sha=sha,
                parents=row.texts("parent_ids", 64),
                author=row.text("author_name"),
                message=row.text("message", MESSAGE) or row.text("title", MESSAGE),
                committed_at=row.instant("committed_date") or row.instant("created_at"),
            )
