"""Which commit was made from which: a branch is the commits that were built on it, and those pushed along with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha1

from simulator.history import Commit

_MOST_PUSHED_ALONG = 3


@dataclass(frozen=True, slots=True)
class Link:
    """A commit and the one it was made from; the first of a branch has none."""

    commit: Commit
    parent: str | None


def lineage(built: Iterable[Commit]) -> list[Link]:
    """The commits of a branch, oldest first, given those that were built, in that order; a re-built one counts once."""
    links: list[Link] = []
    seen: set[str] = set()
    for commit in built:
        if commit.sha not in seen:
            seen.add(commit.sha)
            for each in (*_pushed_along(commit), commit):
                links.append(Link(each, links[-1].commit.sha if links else None))
    return links


def between(links: Sequence[Link], base: str, head: str) -> list[Link] | None:
    """The commits after `base` up to `head`; None when one is not on the branch, or they are the wrong way round."""
    places = {link.commit.sha: place for place, link in enumerate(links)}
    if base not in places or head not in places or places[head] < places[base]:
        return None
    return list(links[places[base] + 1 : places[head] + 1])


def _pushed_along(commit: Commit) -> list[Commit]:
    """Commits of the same push that nobody built: none to two, by the sha alone."""
    number = int(commit.sha[:8], 16) % _MOST_PUSHED_ALONG
    return [
        replace(
            commit,
            sha=sha1(f"{commit.sha}:{place}".encode(), usedforsecurity=False).hexdigest(),
            message=f"Step {place + 1} towards: {commit.message.partition(chr(10))[0]}",
            committed_at=commit.committed_at - timedelta(seconds=number - place),
        )
        for place in range(number)
    ]
