"""A list of a provider's that comes in pages, followed by its `Link` header to the end."""

from collections.abc import Iterator, Mapping

from collectors.base import TooManyPages
from shared.errors import MalformedPayload
from shared.http.client import Answer, Client


def every_page(client: Client, path: str, params: Mapping[str, str | int], most: int) -> Iterator[Answer]:
    """Each page of a JSON list, one request at a time; the client refuses a link that leaves the origin.

    Raises TooManyPages when there are more than `most`, and MalformedPayload when the links lead in a circle.
    """
    answer = client.get_json(path, params, shape=list)
    asked: set[str] = set()
    yield answer
    while (following := answer.links.get("next")) is not None:
        if following in asked:
            raise MalformedPayload(f"{path}: the link to the next page leads in a circle")
        if len(asked) + 1 == most:
            raise TooManyPages(f"{path}: more than {most} pages; what follows them is not found, and none is archived")
        asked.add(following)
        answer = client.get_json(following, shape=list)
        yield answer
