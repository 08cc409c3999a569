"""The repositories of a GitHub owner: an organisation's with the private ones a token may see, a user's public ones."""

from collections.abc import Iterator
from urllib.parse import quote

from collectors.fields import Fields
from collectors.paging import every_page
from shared.config.patterns import Pattern
from shared.errors import NotFound
from shared.found_sources import Found
from shared.http.client import Client

_ROWS = 100
_MOST_PAGES = 100


def list_repositories(client: Client, pattern: Pattern) -> Iterator[Found]:
    """The owner's repositories by id, so that new ones come last. Raises NotFound when there is no such owner.

    Forks are kept; archived and disabled repositories run nothing and are left out.
    """
    owner = quote(pattern.base, safe="")
    params: dict[str, str | int] = {"per_page": _ROWS, "sort": "created", "direction": "asc"}
    try:
        for answer in every_page(client, f"/orgs/{owner}/repos", params, _MOST_PAGES):
            yield from _found(answer.payload)
    except NotFound:
        try:
            for answer in every_page(client, f"/users/{owner}/repos", params, _MOST_PAGES):
                yield from _found(answer.payload)
        except NotFound as error:
            raise NotFound(
                f"GitHub knows no organisation or user called {pattern.base}, or does not show it to this token"
            ) from error


def _found(payload: object) -> Iterator[Found]:
    for row in payload if isinstance(payload, list) else []:
        repository = Fields(row)
        scope = repository.text("full_name")
        if scope is not None and not repository.is_true("archived") and not repository.is_true("disabled"):
            yield Found(scope, repository.identifier("id"))
