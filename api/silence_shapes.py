"""The shapes of `/api/silences`: what may be asked, and what is answered."""

from marshmallow import fields, validate

from api.fields import OneOf, Several
from api.schemas import PageQuery, about
from api.settings_fields import body_of, described
from api.shapes import AnswerSchema, Shape, instant_field, integer_field, text_field
from shared.silence_requests import SilenceChange, SilenceRequest
from shared.silences import State

NEW_BODY = body_of("NewSilence", described(SilenceRequest))
CHANGE_BODY = body_of("ChangedSilence", described(SilenceChange))


class SilencesQuery(PageQuery):
    """A page of silences, narrowed."""

    state = Several(OneOf(list(State)), metadata=about("how it stands; several by comma"))


class SilenceSchema(Shape):
    """For a while nothing is told of what it matches."""

    id = integer_field("ours", is_known=True)
    matchers = fields.Dict(
        keys=fields.String(), metadata=about("patterns by what they are for; all of them have to fit")
    )
    reason = text_field("why", is_known=True)
    author = text_field("the key or the person that made it", is_known=True)
    starts_at = instant_field("from when on", is_known=True)
    ends_at = instant_field("until when", is_known=True)
    created_at = instant_field("when it was made", is_known=True)
    state = fields.String(validate=validate.OneOf(list(State)), metadata=about("how it stands at as_of"))


class OneSilenceSchema(AnswerSchema, SilenceSchema):
    """One silence."""


class SilencesSchema(AnswerSchema):
    """A page of silences, the one that ends last first."""

    silences = fields.List(fields.Nested(SilenceSchema))
    next_cursor = text_field("send as cursor for the next page; null on the last")
