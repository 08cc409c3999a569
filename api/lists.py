"""The answer to a list: a page of JSON, or the whole of it as a file."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from api.answers import answer
from api.exports import exported
from api.fresh import staleness
from api.listing import Listing
from api.services import read


def listed(listing: Listing, query: Mapping[str, Any]) -> Response:
    """What a loaded query asks for of this list."""
    if file := exported(listing, query):
        return file
    after = listing.begins_after(query)
    with read(is_one_snapshot=True) as opened:
        scope = listing.depends_on(opened.session)
        page, next_cursor = listing.page(opened, query["limit"], after)
        stale = {} if scope is None else staleness(opened.session, scope)
    payload = {listing.member or listing.name: page, "next_cursor": next_cursor} | stale
    return answer(payload, opened.as_of, next_cursor=next_cursor)
