"""The commits between two, as GitHub compares them."""

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from collectors.base import CommitRange, RangeCommit
from collectors.fields import MESSAGE, Fields
from shared.errors import MalformedPayload
from shared.http.client import Answer

MOST_COMMITS = 250
_ROWS = 100

Ask = Callable[[str, Mapping[str, str | int]], Answer]


def fetch_range(ask: Ask, base_sha: str, head_sha: str) -> CommitRange:
    """What `compare` tells, page by page up to `MOST_COMMITS`; the first page carries files that nobody reads."""
    path = f"/compare/{quote(base_sha, safe='')}...{quote(head_sha, safe='')}"
    commits: dict[str, RangeCommit] = {}
    for number in range(1, MOST_COMMITS // _ROWS + 2):
        answer = ask(path, {"per_page": _ROWS, "page": number})
        commits |= {commit.sha: commit for commit in parse_commits(answer.payload)}
        if "next" not in answer.links or len(commits) >= MOST_COMMITS:
            break
    return read_range(answer.payload, tuple(commits.values())[:MOST_COMMITS])


def read_range(payload: object, commits: tuple[RangeCommit, ...]) -> CommitRange:
    """The range of these commits, held against how many the answer says there are."""
    total = Fields(payload).whole("total_commits")
    if total is None or total <= len(commits):
        return CommitRange(commits=commits)
    return CommitRange(commits=commits, is_complete=False, reason=f"{len(commits)} of {total} commits were collected")


def parse_commits(payload: object) -> Iterator[RangeCommit]:
    """The commits of one page. Raises MalformedPayload without a list: no data must never look like no commits."""
    fields = Fields(payload)
    if not isinstance(payload, dict) or not isinstance(payload.get("commits"), list):
        raise MalformedPayload("GitHub's comparison holds no list of commits")
    for row in fields.listed("commits"):
        sha, commit = row.text("sha", 64), row.inside("commit")
        if sha is not None:
            yield RangeCommit(
                sha=sha,
                parents=tuple(parent for each in row.listed("parents") if (parent := each.text("sha", 64)) is not None),
                author=commit.inside("author").text("name"),
                message=commit.text("message", MESSAGE),
                committed_at=commit.inside("committer").instant("date") or commit.inside("author").instant("date"),
            )
