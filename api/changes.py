"""`/api/builds/{id}/changes`: the commits since the last build that succeeded."""

from typing import Any

from flask import Response
from marshmallow import fields
from sqlalchemy.orm import Session

from api.answers import answer
from api.auth import needs
from api.exports import exported
from api.fresh import staleness
from api.listing import items, whole
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import FileQuery, about
from api.services import read
from api.shapes import CommitSchema, FreshAnswerSchema, flag_field, integer_field, text_field
from shared.queries import build_objects
from shared.ranges import changes_of
from shared.rows import Row
from shared.scope import Scope

blueprint = ApiBlueprint("changes", __name__, url_prefix="/api/builds", description="What a build built anew")


class BuildChangesSchema(FreshAnswerSchema):
    """The commits that a build has and the last one to succeed before it, on its pipeline and branch, has not."""

    build_id = integer_field("ours", is_known=True)
    base_build_id = integer_field("the build that succeeded; null when none did")
    base_sha = text_field("what that built")
    head_sha = text_field("what this built")
    commits = fields.List(fields.Nested(CommitSchema), metadata=about("newest first, 250 at most"))
    is_complete = flag_field("all of them are here")
    reason = text_field("why not, in words")


@blueprint.route("/<id:build_id>/changes")
@needs(Permission.READ)
@blueprint.arguments(FileQuery, location="query")
@blueprint.response(200, BuildChangesSchema)
def list_changes(query: dict[str, Any], build_id: int) -> Response:
    """List the commits since the last build that succeeded on the same pipeline and branch.

    Known where a push told them, and where a branch broke: then the provider is asked to compare the two.
    """
    listing = whole(lambda session: items(_find(session, build_id), "commits"), name="changes", shape=CommitSchema)
    if file := exported(listing, query):
        return file
    with read() as opened:
        changes = _find(opened.session, build_id)
        build = build_objects(opened.session, [build_id])[build_id]
        stale = staleness(opened.session, Scope(instance=(str(build["instance"]),)))
    return answer(changes | stale, opened.as_of)


def _find(session: Session, build_id: int) -> Row:
    changes = changes_of(session, build_id)
    if changes is None:
        raise not_found("build", build_id)
    return changes
