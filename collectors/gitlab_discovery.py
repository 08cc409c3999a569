"""The projects of a GitLab group, with those of its subgroups where the pattern goes deeper."""

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


def list_projects(client: Client, pattern: Pattern) -> Iterator[Found]:
    """A group's own projects, by id so that new ones come last; a user's where there is no such group.

    Archived projects, those marked for deletion and those without CI are left out, as are ones shared from elsewhere.
    """
    key = quote(pattern.base, safe="")
    params: dict[str, str | int] = {"per_page": _ROWS, "order_by": "id", "sort": "asc", "archived": "false"}
    deep = {"include_subgroups": "true" if pattern.is_deep else "false", "with_shared": "false"}
    try:
        for answer in every_page(client, f"/api/v4/groups/{key}/projects", params | deep, _MOST_PAGES):
            yield from _found(answer.payload)
    except NotFound:
        try:
            for answer in every_page(client, f"/api/v4/users/{key}/projects", params, _MOST_PAGES):
                yield from _found(answer.payload)
        except NotFound as error:
            raise NotFound(
                f"GitLab knows no group or user called {pattern.base}, or does not show it to this token"
            ) from error


def _found(payload: object) -> Iterator[Found]:
    for row in payload if isinstance(payload, list) else []:
        project = Fields(row)
        scope = project.text("path_with_namespace")
        has_ci = project.text("builds_access_level") != "disabled" and project.flag("jobs_enabled") is not False
        is_leaving = project.is_true("archived") or project.has("marked_for_deletion_on")
        if scope is not None and has_ci and not is_leaving:
            yield Found(scope, project.identifier("id"))
