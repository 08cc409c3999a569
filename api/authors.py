"""`/api/authors`: who caused builds lately."""

from typing import Any

from flask import Response
from marshmallow import fields

from api.auth import needs
from api.fields import Words
from api.listing import Listing, Part, Position
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.schemas import PageQuery, about
from api.shapes import ListSchema, Shape, instant_field, text_field
from shared.authors import LATELY_DAYS, authors
from shared.reading import Reading
from shared.scope import Scope

blueprint = ApiBlueprint("authors", __name__, url_prefix="/api/authors", description="Who caused builds")


class AuthorsQuery(PageQuery):
    """A page of authors, narrowed."""

    q = Words(load_default="", metadata=about("part of the name, in any case"))


class AuthorSchema(Shape):
    """Who caused a build."""

    name = text_field("as author= of `/api/builds` takes it", is_known=True)
    last_queued_at = instant_field("of the newest build", is_known=True)


class AuthorsSchema(ListSchema):
    """Authors by name."""

    authors = fields.List(
        fields.Nested(AuthorSchema), metadata=about(f"of builds of the last {LATELY_DAYS} days, by name")
    )


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(AuthorsQuery, location="query")
@blueprint.response(200, AuthorsSchema)
def list_authors(query: dict[str, Any]) -> Response:
    """List who caused builds lately, by name.

    Where few of many authors fit, a page may be short or even empty while `next_cursor` says that there is more.
    """

    def read_part(opened: Reading, limit: int, after: Position | None) -> Part:
        page = authors(opened.session, query["q"], limit=limit, after=after[0] if after else "")
        return Part(page.rows, None if page.next is None else (page.next,))

    return listed(Listing(name="authors", shape=AuthorSchema, position=(str,), read=read_part, scope=Scope()), query)
